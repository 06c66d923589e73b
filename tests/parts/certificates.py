"""Certificates made by the test: a CA, servers, clients, and bad ones; as PEM, PKCS12 and JKS."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import os
import struct
from pathlib import Path
from typing import Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12Certificate,
    serialize_java_truststore,
    serialize_key_and_certificates,
)
from cryptography.x509.oid import NameOID

PASSWORD: Final = "store-secret"  # noqa: S105 - of stores that tests make
_NOW: Final = dt.datetime.now(dt.UTC)
_DAY: Final = dt.timedelta(days=1)
_PROTECTOR: Final = bytes.fromhex("060a2b060104012a02110101")


@attrs.frozen
class Authority:
    """A CA; ``issue`` makes what it signs."""

    name: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, name: str = "Test CA") -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        made = (
            _builder(subject, subject, key, _NOW + 30 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(ca=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(name, key, made)

    def issue(self, name: str, *hosts: str, expired: bool = False) -> Leaf:
        """Return a certificate for hosts, by default for this machine alone."""
        key = ec.generate_private_key(ec.SECP256R1())
        until = _NOW - _DAY if expired else _NOW + 30 * _DAY
        names = [_host(one) for one in hosts or ("localhost", "127.0.0.1")]
        made = (
            _builder(_name(name), self.certificate.subject, key, until)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(ca=False), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        return Leaf(key, made, self)

    @property
    def pem(self) -> str:
        return _pem(self.certificate)

    def trust_pem(self, folder: Path) -> Path:
        return _written(folder / f"trust-{self._slug}.pem", self.pem.encode())

    def trust_pkcs12(self, folder: Path, password: str = PASSWORD) -> Path:
        data = serialize_java_truststore(
            [PKCS12Certificate(self.certificate, b"ca")],
            BestAvailableEncryption(password.encode()),
        )
        return _written(folder / f"trust-{self._slug}.p12", data)

    def trust_jks(self, folder: Path, password: str = PASSWORD) -> Path:
        entry = _u4(2) + _text("ca") + bytes(8) + _certificate(self.certificate)
        return _written(folder / f"trust-{self._slug}.jks", _jks([entry], password))

    @property
    def _slug(self) -> str:
        return self.name.lower().replace(" ", "-")


@attrs.frozen
class Leaf:
    """A key with its certificate and who signed it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    authority: Authority

    def key_pem(self, password: str = "") -> str:
        hidden = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden).decode()

    @property
    def chain_pem(self) -> str:
        return _pem(self.certificate) + self.authority.pem

    def pem(self, path: Path, password: str = "") -> Path:
        return _written(path, (self.key_pem(password) + self.chain_pem).encode())

    def pkcs12(self, path: Path, password: str = PASSWORD) -> Path:
        data = serialize_key_and_certificates(
            b"own",
            self.key,
            self.certificate,
            [self.authority.certificate],
            BestAvailableEncryption(password.encode()),
        )
        return _written(path, data)

    def jks(self, path: Path, password: str = PASSWORD, key_password: str = "") -> Path:
        hidden = _hidden(self.key, key_password or password)
        entry = (
            _u4(1) + _text("own") + bytes(8) + _u4(len(hidden)) + hidden + _u4(2)
            + _certificate(self.certificate) + _certificate(self.authority.certificate)
        )  # fmt: skip
        return _written(path, _jks([entry], password))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, until: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOW - 10 * _DAY)
        .not_valid_after(until)
    )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


# JKS, written by its description; a conformance test has the JVM read and write it too.


def _u4(number: int) -> bytes:
    return struct.pack(">I", number)


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()


def _certificate(certificate: x509.Certificate) -> bytes:
    der = certificate.public_bytes(Encoding.DER)
    return _text("X.509") + _u4(len(der)) + der


def _jks(entries: list[bytes], password: str) -> bytes:
    body = b"\xfe\xed\xfe\xed" + _u4(2) + _u4(len(entries)) + b"".join(entries)
    secret = password.encode("utf-16-be")
    return body + hashlib.sha1(secret + b"Mighty Aphrodite" + body).digest()  # noqa: S324


def _hidden(key: ec.EllipticCurvePrivateKey, password: str) -> bytes:
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    secret, salt = password.encode("utf-16-be"), os.urandom(20)
    stream, last = b"", salt
    while len(stream) < len(plain):
        last = hashlib.sha1(secret + last).digest()  # noqa: S324
        stream += last
    body = bytes(one ^ other for one, other in zip(plain, stream, strict=False))
    check = hashlib.sha1(secret + plain).digest()  # noqa: S324
    algorithm = _der(0x30, _PROTECTOR + b"\x05\x00")
    return _der(0x30, algorithm + _der(0x04, salt + body + check))


def _der(tag: int, body: bytes) -> bytes:
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    width = (size.bit_length() + 7) // 8
    return bytes([tag, 0x80 | width]) + size.to_bytes(width, "big") + body
