"""The ssl.* properties, up to a client of librdkafka's that accepts them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import confluent_kafka
import pytest

from penstock.errors import ConfigError
from penstock.runtime.kafka.properties import ClientKind, Setting, Translation, translate

SECRET = "hunter2"  # noqa: S105


def translated(properties: Mapping[str, str]) -> Translation:
    given = {"bootstrap.servers": "127.0.0.1:1", **properties}
    return translate(given, ClientKind.PRODUCER)


def created(properties: Mapping[str, str]) -> Mapping[str, Setting]:
    config = translated(properties).config
    confluent_kafka.Producer({**config, "log_level": 0})
    return config


def problems_of(properties: Mapping[str, str]) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        translated(properties)
    assert "hunter2" not in str(caught.value)
    return {problem.key: problem.message for problem in caught.value.problems}


def tls(**properties: str) -> dict[str, str]:
    return {"security.protocol": "SSL"} | {
        f"ssl.{name.replace('_', '.')}": value for name, value in properties.items()
    }


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate and its key, as PEM and as PKCS12."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl")
    folder = tmp_path_factory.mktemp("stores")

    def run(arguments: str) -> None:
        subprocess.run([openssl, *arguments.split()], cwd=folder, check=True, capture_output=True)

    run(
        "req -x509 -newkey rsa:2048 -days 2 -subj /CN=t -keyout key.pem -out cert.pem"
        " -passout pass:hunter2"
    )
    run(
        "pkcs12 -export -in cert.pem -inkey key.pem -passin pass:hunter2 -out both.p12"
        " -passout pass:hunter2"
    )
    both = (folder / "key.pem").read_text() + (folder / "cert.pem").read_text()
    (folder / "both.pem").write_text(both)
    return folder


def test_pem_files(stores: Path) -> None:
    config = created(
        tls(
            truststore_type="PEM",
            truststore_location=str(stores / "cert.pem"),
            truststore_password=SECRET,
            keystore_type="pem",
            keystore_location=str(stores / "both.pem"),
            keystore_password=SECRET,
            key_password=SECRET,
        )
    )
    assert config["ssl.ca.location"] == str(stores / "cert.pem")
    assert config["ssl.certificate.location"] == config["ssl.key.location"]
    assert config["ssl.key.password"] == "hunter2"


@pytest.mark.parametrize("newline", ["\n", " ", "\\n"])
def test_pem_texts_even_on_one_line(stores: Path, newline: str) -> None:
    cert, key = ((stores / name).read_text() for name in ("cert.pem", "key.pem"))
    config = created(
        tls(
            truststore_type="PEM",
            truststore_certificates=(cert + cert).replace("\n", newline),
            keystore_type="PEM",
            keystore_key=key.replace("\n", newline),
            keystore_certificate_chain="text before " + cert.replace("\n", newline),
            key_password=SECRET,
        )
    )
    assert str(config["ssl.ca.pem"]).split() == (cert + cert).split()


@pytest.mark.parametrize("kind", ["PKCS12", ""])
def test_pkcs12_keystore(stores: Path, kind: str) -> None:
    config = created(
        tls(
            keystore_type=kind,
            keystore_location=str(stores / "both.p12"),
            keystore_password=SECRET,
            key_password=SECRET,
        )
    )
    assert config["ssl.keystore.location"] == str(stores / "both.p12")


CERT = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----"
TLS_BAD = [
    (
        tls(truststore_location="/etc/my store.jks", truststore_password=SECRET),
        "ssl.truststore.location",
        "keytool -list -rfc -keystore '/etc/my store.jks' -storetype JKS > '/etc/my store.pem'",
    ),
    (
        tls(truststore_location="t.p12", truststore_type="pkcs12"),
        "ssl.truststore.location",
        "openssl pkcs12 -in t.p12 -nokeys -out t.pem",
    ),
    (
        tls(truststore_location="t", truststore_type=";"),
        "ssl.truststore.location",
        "-storetype JKS > t.pem",
    ),
    (
        tls(truststore_location="t", truststore_certificates=CERT, truststore_type="PEM"),
        "ssl.truststore.certificates",
        "keep one of the two",
    ),
    (tls(truststore_certificates=CERT), "ssl.truststore.type", "set it to PEM"),
    (
        tls(truststore_certificates="hunter2", truststore_type="PEM"),
        "ssl.truststore.certificates",
        "no PEM block",
    ),
    (
        tls(truststore_certificates=CERT.replace("QUJD", "{}"), truststore_type="PEM"),
        "ssl.truststore.certificates",
        "no PEM block",
    ),
    (
        tls(truststore_certificates=CERT[:-3], truststore_type="PEM"),
        "ssl.truststore.certificates",
        "no PEM block",
    ),
    (
        tls(keystore_location="k.jks", keystore_password=SECRET),
        "ssl.keystore.location",
        "keytool -importkeystore -srckeystore k.jks -srcstoretype JKS -destkeystore k.p12",
    ),
    (
        tls(keystore_location="k", keystore_key=CERT, keystore_type="PEM"),
        "ssl.keystore.location",
        "keep the file or the texts",
    ),
    (tls(keystore_key=CERT, keystore_certificate_chain=CERT), "ssl.keystore.type", "must be PEM"),
    (
        tls(keystore_key="hunter2", keystore_type="PEM"),
        "ssl.keystore.certificate.chain",
        "is missing",
    ),
    (tls(keystore_location="k.pfx"), "ssl.keystore.password", "is missing"),
    (
        tls(keystore_location="k.p12", keystore_password=SECRET, key_password=SECRET + "3"),
        "ssl.key.password",
        "openssl pkcs12 -in k.p12 -out k.pem",
    ),
    (
        tls(endpoint_identification_algorithm="LDAPS"),
        "ssl.endpoint.identification.algorithm",
        "https or empty",
    ),
    (tls(cipher_suites="ALL:@SECLEVEL=0"), "ssl.cipher.suites", "standard names"),
]


@pytest.mark.parametrize(("properties", "key", "part"), TLS_BAD)
def test_what_librdkafka_cannot_read_is_refused_with_the_way_out(
    properties: dict[str, str], key: str, part: str
) -> None:
    assert part in problems_of(properties)[key]


@pytest.mark.parametrize(("value", "expected"), [("", "none"), ("HTTPS", "https"), (" ", "none")])
def test_endpoint_identification(value: str, expected: str) -> None:
    config = created(tls(endpoint_identification_algorithm=value))
    assert config["ssl.endpoint.identification.algorithm"] == expected


def test_cipher_suites_and_versions() -> None:
    suite = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
    assert (
        created(tls(cipher_suites=f"{suite}, {suite}"))["ssl.cipher.suites"] == f"{suite}:{suite}"
    )
    mixed = translated(tls(cipher_suites=f"TLS_AES_256_GCM_SHA384,{suite}"))
    assert mixed.config["ssl.cipher.suites"] == suite
    assert [note.key for note in mixed.ignored] == ["ssl.cipher.suites"]
    newest = translated(tls(cipher_suites="TLS_AES_256_GCM_SHA384", enabled_protocols="TLSv1.3"))
    assert "ssl.cipher.suites" not in newest.config
    assert [note.key for note in newest.unsupported] == [
        "ssl.cipher.suites",
        "ssl.enabled.protocols",
    ]
    assert not translated(tls(enabled_protocols="TLSv1.2,TLSv1.3", protocol="TLS")).unsupported
    assert translated(tls(protocol="TLSv1.1")).unsupported


def test_tls_properties_say_that_they_wait_for_tls() -> None:
    found = translated({"ssl.truststore.location": "t.jks", "ssl.provider": "x"})
    assert {note.key for note in found.ignored} == {"ssl.truststore.location", "ssl.provider"}
    assert len(found.ignored) == 2
