"""Reads JKS, the JVM's own format of key stores (source: sun.security.provider.JavaKeyStore).

Pure. A store is: magic, version, entries (private key with its chain, or trusted certificate), and
a SHA-1 over password, a fixed phrase and all bytes before. A key is hidden by a stream of SHA-1s.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

import attrs

__all__ = ["MAGIC", "JksEntry", "JksError", "is_jks", "read_jks", "reveal_key"]

MAGIC: Final = b"\xfe\xed\xfe\xed"
_PHRASE: Final = b"Mighty Aphrodite"
_DIGEST: Final = 20
_KEY, _TRUSTED = 1, 2
_VERSIONS: Final = (1, 2)
_PROTECTOR: Final = bytes.fromhex("060a2b060104012a02110101")
"""DER of 1.3.6.1.4.1.42.2.17.1.1, the one way that keys are hidden."""


class JksError(Exception):
    """Says what is wrong with the bytes; ``is_password`` when the password may be."""

    def __init__(self, text: str, *, is_password: bool = False) -> None:
        super().__init__(text)
        self.is_password = is_password


@attrs.frozen
class JksEntry:
    """``hidden_key`` is empty for a trusted certificate; certificates are DER, the leaf first."""

    alias: str
    certificates: tuple[bytes, ...]
    hidden_key: bytes = attrs.field(default=b"", repr=False)


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        if len(found) < count:
            raise JksError("the file is truncated")
        self._at += count
        return found

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def text(self) -> str:
        return self.take(self.number(2)).decode("utf-8", "replace")

    def certificate(self, version: int) -> bytes:
        kind = "X.509" if version == 1 else self.text()
        if kind != "X.509":
            raise JksError("it holds a certificate that is not X.509")
        return self.take(self.number(4))


def is_jks(data: bytes) -> bool:
    """Return whether the bytes begin as a JKS does."""
    return data.startswith(MAGIC)


def _secret(password: str) -> bytes:
    return password.encode("utf-16-be")


def read_jks(data: bytes, password: str | None) -> list[JksEntry]:
    """Return the entries of a store.

    Args:
        data: the file's bytes.
        password: the store's; None leaves the check of the file's integrity out, as the JVM does.

    Raises:
        JksError: no JKS, truncated, or not what its password signs.
    """
    source = _Bytes(data[:-_DIGEST])
    if source.take(4) != MAGIC:
        raise JksError("the file is no JKS")
    version = source.number(4)
    if version not in _VERSIONS:
        raise JksError("its version is unknown")
    entries = [_entry(source, version) for _ in range(source.number(4))]
    if password is not None:
        expected = hashlib.sha1(_secret(password) + _PHRASE + data[:-_DIGEST])  # noqa: S324 - the format's
        if not hmac.compare_digest(expected.digest(), data[-_DIGEST:]):
            raise JksError("the password is wrong, or the file was tampered with", is_password=True)
    return entries


def _entry(source: _Bytes, version: int) -> JksEntry:
    tag, alias = source.number(4), source.text()
    source.number(8)  # the time of its making
    if tag == _TRUSTED:
        return JksEntry(alias, (source.certificate(version),))
    if tag != _KEY:
        raise JksError("the file is truncated or damaged")
    hidden = source.take(source.number(4))
    chain = tuple(source.certificate(version) for _ in range(source.number(4)))
    return JksEntry(alias, chain, hidden)


def reveal_key(hidden: bytes, password: str) -> bytes:
    """Return the private key of an entry, PKCS#8 DER.

    Raises:
        JksError: the password is wrong.
    """
    at = hidden.find(_PROTECTOR)
    if at < 0:
        raise JksError("its key is hidden in a way that is unknown; make the store PKCS12")
    box = _octets(hidden, at + len(_PROTECTOR))
    salt, body, check = box[:_DIGEST], box[_DIGEST:-_DIGEST], box[-_DIGEST:]
    secret = _secret(password)
    stream, last = bytearray(), salt
    while len(stream) < len(body):
        last = hashlib.sha1(secret + last).digest()  # noqa: S324 - the format's
        stream += last
    key = bytes(one ^ other for one, other in zip(body, stream, strict=False))
    if not hmac.compare_digest(hashlib.sha1(secret + key).digest(), check):  # noqa: S324 - the format's
        raise JksError("the key's password is wrong", is_password=True)
    return key


def _octets(data: bytes, at: int) -> bytes:
    """Return the DER octet string that follows, after a NULL that may stand before it."""
    if data[at : at + 2] == b"\x05\x00":
        at += 2
    if data[at : at + 1] != b"\x04" or len(data) < at + 2:
        raise JksError("its key cannot be read")
    size, at = data[at + 1], at + 2
    if size >= 0x80:  # noqa: PLR2004 - DER's long form
        width = size & 0x7F
        size, at = int.from_bytes(data[at : at + width], "big"), at + width
    found = data[at : at + size]
    if len(found) < max(size, 2 * _DIGEST):
        raise JksError("its key is truncated")
    return found
