"""TLS contexts of both sides, from ``ssl.*`` properties (source: SSLUtils)."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from typing import Final, NoReturn

from penstock.errors import ConfigError, Problem
from penstock.runtime.secure_stores.reading import Identity, read_identity, read_trusted

__all__ = ["client_context", "server_context"]

log = logging.getLogger(__name__)

_VERSIONS: Final = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
_CLIENT_AUTH: Final = {
    "required": ssl.CERT_REQUIRED,
    "requested": ssl.CERT_OPTIONAL,
    "none": ssl.CERT_NONE,
}


_SUITE: Final = re.compile(r"TLS_(ECDHE|DHE)_(RSA|ECDSA)_WITH_(\w+)")
_CIPHERS: Final = {
    "AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305",
    "AES_128_CBC_SHA256": "AES128-SHA256",
    "AES_256_CBC_SHA384": "AES256-SHA384",
}
"""The safe ones of TLS 1.2, by their standard names and OpenSSL's."""
_NEWER: Final = ("TLS_AES_", "TLS_CHACHA20_")


def server_context(values: Mapping[str, str], prefix: str = "") -> ssl.SSLContext:
    """Return what an HTTPS listener shows and asks for.

    Args:
        values: properties by name, from ``ssl.`` on.
        prefix: what stands before them where the user wrote them, for messages.

    Raises:
        ConfigError: a store is missing, wrong or cannot be opened.
    """
    identity = read_identity(values, prefix)
    if identity is None:
        _refuse(
            prefix,
            "ssl.keystore.location",
            "is missing: an https listener needs a key",
            "name a JKS, PKCS12 or PEM file with the key and its certificate chain",
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _limit_versions(context, values, prefix)
    _limit_suites(context, values, prefix)
    _load(context, identity, prefix)
    wish = (values.get("ssl.client.auth") or "none").strip().lower()
    if wish not in _CLIENT_AUTH:
        _refuse(
            prefix, "ssl.client.auth", f"is '{wish[:20]}'", "choose required, requested or none"
        )
    if wish != "none":
        _trust(context, values, prefix)
    context.verify_mode = _CLIENT_AUTH[wish]
    return context


def client_context(values: Mapping[str, str], prefix: str = "") -> ssl.SSLContext:
    """Return what this worker trusts and shows when it calls others; raises ConfigError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    name = "ssl.endpoint.identification.algorithm"
    algorithm = values.get(name, "https").strip().lower()
    if algorithm not in {"", "https"}:
        _refuse(prefix, name, f"is '{algorithm[:20]}'", "set it to https, or to nothing")
    context.check_hostname = algorithm == "https"
    _limit_versions(context, values, prefix)
    _limit_suites(context, values, prefix)
    _trust(context, values, prefix)
    identity = read_identity(values, prefix)
    if identity is not None:
        _load(context, identity, prefix)
    return context


def _refuse(prefix: str, name: str, fault: str, remedy: str) -> NoReturn:
    raise ConfigError(Problem(f"{prefix}{name}", f"{prefix}{name} {fault}; {remedy}"))


def _limit_suites(context: ssl.SSLContext, values: Mapping[str, str], prefix: str) -> None:
    name = "ssl.cipher.suites"
    asked = [one.strip() for one in (values.get(name) or "").split(",") if one.strip()]
    older = []
    for suite in asked:
        found = _SUITE.fullmatch(suite)
        if found is not None and found[3] in _CIPHERS:
            older.append(f"{found[1]}-{found[2]}-{_CIPHERS[found[3]]}")
        elif not suite.startswith(_NEWER):
            _refuse(
                prefix,
                name,
                f"names '{suite[:60]}', which is unknown or not safe",
                "list suites such as TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            )
    if len(older) < len(asked):
        log.warning("%s%s: the suites of TLS 1.3 are always offered", prefix, name)
    if older:
        try:
            context.set_ciphers(":".join(older))
        except ssl.SSLError:
            _refuse(prefix, name, "has no suite that OpenSSL knows", "list others")


def _trust(context: ssl.SSLContext, values: Mapping[str, str], prefix: str) -> None:
    trusted = read_trusted(values, prefix)
    if trusted:
        context.load_verify_locations(cadata=trusted)
    else:
        context.load_default_certs()


def _limit_versions(context: ssl.SSLContext, values: Mapping[str, str], prefix: str) -> None:
    name = "ssl.enabled.protocols"
    asked = [one.strip() for one in (values.get(name) or "").split(",") if one.strip()]
    known = sorted(_VERSIONS[one] for one in asked if one in _VERSIONS)
    if asked and not known:
        _refuse(prefix, name, "names no version that is safe", "set it to TLSv1.2,TLSv1.3")
    context.minimum_version = known[0] if known else ssl.TLSVersion.TLSv1_2
    context.maximum_version = known[-1] if known else ssl.TLSVersion.MAXIMUM_SUPPORTED


def _load(context: ssl.SSLContext, identity: Identity, prefix: str) -> None:
    if identity.has_expired():
        log.warning(
            "%sssl.keystore.location: the certificate has expired; others will refuse it", prefix
        )
    try:
        with _as_file(identity.key + identity.chain) as path:
            context.load_cert_chain(path)
    except ssl.SSLError as problem:
        _refuse(
            prefix,
            "ssl.keystore.location",
            f"is refused by OpenSSL: {problem.reason}",
            "use an RSA key of 2048 bits or more, or an EC key",
        )


@contextlib.contextmanager
def _as_file(text: str) -> Iterator[str]:
    """Yield a path at which OpenSSL reads a text; on Linux it never reaches a disk."""
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("identity", os.MFD_CLOEXEC)
        with os.fdopen(number, "wb") as file:
            file.write(text.encode())
            file.flush()
            yield f"/proc/self/fd/{number}"
        return
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as named:
        named.write(text)
        named.flush()
        yield named.name
