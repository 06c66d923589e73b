"""Reads the stores that ``ssl.*`` properties name: JKS, PKCS12 and PEM, files or texts.

What is wrong is told once, at the start: which property, why, and what to do. A key is kept in
memory only. (source: DefaultSslEngineFactory)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn

import attrs
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12Certificate,
    PKCS12KeyAndCertificates,
    load_pkcs12,
)
from cryptography.x509 import load_pem_x509_certificate

from penstock.errors import ConfigError, Problem
from penstock.runtime.secure_stores.jks import JksError, is_jks, read_jks, reveal_key
from penstock.runtime.secure_stores.pem import normal_pem, pem_block

__all__ = ["Identity", "read_identity", "read_trusted"]

FILE_BYTES_MAX: Final = 16 * 1024 * 1024
_TYPES: Final = ("JKS", "PKCS12", "PEM")
_CERTIFICATES: Final = frozenset({"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"})
_READABLE: Final = "give the path of a JKS, PKCS12 or PEM file that the worker's user can read"


@attrs.frozen
class Identity:
    """Who this side is: a PKCS#8 key without encryption, and its chain, the leaf first; PEM."""

    key: str = attrs.field(repr=False)
    chain: str = attrs.field(repr=False)

    def has_expired(self) -> bool:
        """Return whether the certificate's time is over."""
        until = load_pem_x509_certificate(self.chain.encode()).not_valid_after_utc
        return until < dt.datetime.now(dt.UTC)


@attrs.frozen
class _Store:
    """One store's properties: what stands before ``ssl.``, and whether it is the key store."""

    values: Mapping[str, str]
    prefix: str
    name: str  # ssl.keystore or ssl.truststore

    def key(self, part: str) -> str:
        return f"{self.prefix}{self.name}.{part}"

    def given(self, part: str) -> str:
        return self.values.get(f"{self.name}.{part}") or ""

    def refuse(self, part: str, fault: str, remedy: str) -> NoReturn:
        raise ConfigError(Problem(self.key(part), f"{self.key(part)} {fault}; {remedy}"))

    def content(self) -> tuple[bytes, str]:
        """Return the file's bytes and the kind of store they are."""
        path = self.given("location").strip()
        try:
            with Path(path).open("rb") as file:
                data = file.read(FILE_BYTES_MAX + 1)
        except OSError as problem:
            why = problem.strerror or type(problem).__name__
            self.refuse("location", f"'{path}' cannot be read: {why}", _READABLE)
        if not data:
            self.refuse("location", f"'{path}' is empty", _READABLE)
        if len(data) > FILE_BYTES_MAX:
            self.refuse("location", f"'{path}' is too large for a store", _READABLE)
        kind = "JKS" if is_jks(data) else "PKCS12" if data[:1] == b"\x30" else "PEM"
        asked = self.given("type").strip().upper()
        if asked and asked not in _TYPES:
            self.refuse("type", f"is '{asked[:20]}'", f"choose one of {', '.join(_TYPES)}")
        if kind == "PEM" and b"-----BEGIN" not in data:
            self.refuse(
                "location", f"'{path}' is no {asked or 'JKS, PKCS12 or PEM'} file", _READABLE
            )
        # The JVM reads JKS as PKCS12 and the other way round, but never PEM for them.
        if asked and (asked == "PEM") != (kind == "PEM"):
            self.refuse("type", f"is {asked}, but '{path}' is {kind}", f"set it to {kind}")
        return data, kind

    def password(self) -> str | None:
        return self.given("password") or None


def read_trusted(values: Mapping[str, str], prefix: str = "") -> str:
    """Return the certificates of the trust store as PEM; empty when none is given.

    Args:
        values: properties by name, from ``ssl.`` on.
        prefix: what stands before them where the user wrote them, for messages.

    Raises:
        ConfigError: the store cannot be read, or has no certificate.
    """
    store = _Store(values, prefix, "ssl.truststore")
    text = store.given("certificates")
    if text:
        if store.given("location"):
            _refuse_both(store, "certificates")
        found = _certificates(store, "certificates", text)
    elif not store.given("location"):
        return ""
    else:
        data, kind = store.content()
        if kind == "PEM":
            found = _certificates(store, "location", data.decode("utf-8", "replace"))
        elif kind == "JKS":
            found = _jks_trusted(store, data)
        else:
            found = _pkcs12_trusted(store, data)
    if not found:
        store.refuse("location", "holds no certificate", "add the certificate of the CA")
    return "".join(found)


def _refuse_both(store: _Store, part: str) -> NoReturn:
    store.refuse(part, f"must not be given together with {store.key('location')}", "keep one")


def _certificates(store: _Store, part: str, text: str) -> list[str]:
    found = [whole for label, whole in normal_pem(text) if label in _CERTIFICATES]
    if not found:
        store.refuse(
            part,
            "holds no certificate that can be read",
            "give PEM from '-----BEGIN CERTIFICATE-----' to '-----END CERTIFICATE-----'; "
            "the file may be truncated",
        )
    for whole in found:
        try:
            load_pem_x509_certificate(whole.encode())
        except ValueError:
            store.refuse(
                part, "holds a certificate that cannot be read", "it may be truncated; copy it anew"
            )
    return found


def _refuse_jks(store: _Store, problem: JksError) -> NoReturn:
    if problem.is_password:
        path = store.given("location")
        store.refuse("password", f"does not open '{path}': {problem}", "correct it")
    _refuse_damaged(store, str(problem))


def _refuse_damaged(store: _Store, why: str) -> NoReturn:
    path = store.given("location")
    store.refuse("location", f"'{path}' cannot be read: {why}", "copy or make the store anew")


def _jks_trusted(store: _Store, data: bytes) -> list[str]:
    try:
        entries = read_jks(data, store.password())
    except JksError as problem:
        _refuse_jks(store, problem)
    return [pem_block("CERTIFICATE", one.certificates[0]) for one in entries if not one.hidden_key]


def _opened(store: _Store, data: bytes) -> PKCS12KeyAndCertificates:
    password = store.password()
    try:
        return load_pkcs12(data, None if password is None else password.encode())
    except ValueError as problem:
        if not _is_whole(data):
            _refuse_damaged(store, "the file is truncated")
        path = store.given("location")
        if "password" in str(problem).lower() or "mac" in str(problem).lower():
            what = "is missing" if password is None else "is wrong"
            store.refuse("password", f"{what}: it does not open '{path}'", "correct it")
        _refuse_damaged(store, str(problem))
    except UnsupportedAlgorithm as problem:
        _refuse_damaged(store, str(problem))


def _is_whole(data: bytes) -> bool:
    """Return whether the DER sequence that the bytes begin with is there to its end."""
    size = data[1] if len(data) > 1 else 0
    if size < 0x80:  # noqa: PLR2004 - DER's short form
        return size == 0 or len(data) >= size + 2
    width = size & 0x7F
    return width == 0 or len(data) >= int.from_bytes(data[2 : 2 + width], "big") + 2 + width


def _pem_of(certificate: PKCS12Certificate) -> str:
    return certificate.certificate.public_bytes(Encoding.PEM).decode()


def _pkcs12_trusted(store: _Store, data: bytes) -> list[str]:
    opened = _opened(store, data)
    found = [_pem_of(one) for one in opened.additional_certs]
    if not found and opened.cert is not None:
        found = [_pem_of(opened.cert)]
    return found


def read_identity(values: Mapping[str, str], prefix: str = "") -> Identity | None:
    """Return key and chain of the key store; None when none is given.

    Raises:
        ConfigError: the store or its key cannot be read, or is not complete.
    """
    store = _Store(values, prefix, "ssl.keystore")
    key, chain = store.given("key"), store.given("certificate.chain")
    if key or chain:
        if store.given("location"):
            _refuse_both(store, "key")
        for part, text in (("key", key), ("certificate.chain", chain)):
            if not text:
                store.refuse(part, "is missing: the key and its chain go together", "add it")
        certificates = "".join(_certificates(store, "certificate.chain", chain))
        return _matched(store, "key", Identity(_pem_key(store, "key", key), certificates))
    if not store.given("location"):
        return None
    data, kind = store.content()
    if kind == "PEM":
        text = data.decode("utf-8", "replace")
        found = Identity(
            _pem_key(store, "location", text), "".join(_certificates(store, "location", text))
        )
    elif kind == "JKS":
        found = _jks_identity(store, data)
    else:
        found = _pkcs12_identity(store, data)
    return _matched(store, "location", found)


def _matched(store: _Store, part: str, found: Identity) -> Identity:
    first = load_pem_x509_certificate(found.chain.encode()).public_key()
    own = load_pem_private_key(found.key.encode(), None).public_key()
    if first != own:
        store.refuse(
            part,
            "has a key that does not belong to its first certificate",
            "put the certificate of the key before those that signed it",
        )
    return found


def _plain(key: PrivateKeyTypes) -> str:
    made: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return made.decode()


def _key_password(store: _Store) -> str:
    return store.values.get("ssl.key.password") or ""


def _refuse_key_password(store: _Store, fault: str) -> NoReturn:
    name = f"{store.prefix}ssl.key.password"
    remedy = "give the password that the key was encrypted with"
    raise ConfigError(Problem(name, f"{name} {fault}; {remedy}"))


def _pem_key(store: _Store, part: str, text: str) -> str:
    found = [(label, whole) for label, whole in normal_pem(text) if label.endswith("PRIVATE KEY")]
    if not found:
        store.refuse(
            part,
            "holds no private key that can be read",
            "add the key as PKCS#8, from '-----BEGIN PRIVATE KEY-----' or "
            "'-----BEGIN ENCRYPTED PRIVATE KEY-----' to its end; the file may be truncated",
        )
    label, whole = found[0]
    password = _key_password(store)
    encrypted = label == "ENCRYPTED PRIVATE KEY" or "Proc-Type:" in whole
    if encrypted and not password:
        _refuse_key_password(store, "is missing, and the key is encrypted")
    try:
        key = load_pem_private_key(whole.encode(), password.encode() if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as problem:
        if encrypted:
            _refuse_key_password(store, "is wrong, or the key is damaged")
        store.refuse(part, f"holds a private key that cannot be read ({problem})", "make it PKCS#8")
    return _plain(key)


def _jks_identity(store: _Store, data: bytes) -> Identity:
    try:
        entries = [one for one in read_jks(data, store.password()) if one.hidden_key]
    except JksError as problem:
        _refuse_jks(store, problem)
    if not entries:
        store.refuse("location", "holds no private key", "import the key with its chain")
    entry = entries[0]
    own = _key_password(store)
    try:
        key = load_der_private_key(
            reveal_key(entry.hidden_key, own or store.given("password")), None
        )
    except JksError as problem:
        if problem.is_password:
            _refuse_key_password(store, "is wrong" if own else "is missing, and the key has one")
        _refuse_damaged(store, str(problem))
    except (ValueError, UnsupportedAlgorithm) as problem:
        _refuse_damaged(store, str(problem))
    chain = "".join(pem_block("CERTIFICATE", one) for one in entry.certificates)
    return Identity(_plain(key), chain)


def _pkcs12_identity(store: _Store, data: bytes) -> Identity:
    opened = _opened(store, data)
    if opened.key is None or opened.cert is None:
        store.refuse("location", "holds no private key", "import the key with its chain")
    others = [_pem_of(one) for one in opened.additional_certs]
    return Identity(_plain(opened.key), _pem_of(opened.cert) + "".join(others))
