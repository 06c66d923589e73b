"""Stores of every kind are read alike; what is wrong with one is told by property and remedy."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.parts.certificates import PASSWORD, Authority, Leaf

from penstock.errors import ConfigError
from penstock.runtime.listener_settings import ADMIN_PREFIX, tls_properties
from penstock.runtime.secure_stores.contexts import client_context, server_context
from penstock.runtime.secure_stores.reading import read_identity, read_trusted

CA = Authority.make()
LEAF = CA.issue("worker")


def lines(text: str) -> str:
    return text.strip()


def key_stores(folder: Path) -> dict[str, dict[str, str]]:
    """Return the same identity as every kind of store."""
    jks, p12, pem = folder / "own.jks", folder / "own.p12", folder / "own.pem"
    locked = LEAF.key_pem("key-secret")
    return {
        "jks": {"location": str(LEAF.jks(jks)), "password": PASSWORD, "type": "JKS"},
        "jks by default": {"location": str(jks), "password": PASSWORD},
        "pkcs12": {"location": str(LEAF.pkcs12(p12)), "password": PASSWORD, "type": "PKCS12"},
        "pkcs12 as jks": {"location": str(p12), "password": PASSWORD, "type": "JKS"},
        "pem": {"location": str(LEAF.pem(pem)), "type": "PEM"},
        "texts": {"key": LEAF.key_pem(), "certificate.chain": LEAF.chain_pem, "type": "PEM"},
        "texts on one line": {
            "key": LEAF.key_pem().replace("\n", " "),
            "certificate.chain": LEAF.chain_pem.replace("\n", "\\n"),
            "type": "PEM",
        },
        "locked text": {"key": locked, "certificate.chain": LEAF.chain_pem, "type": "PEM"},
    }


def properties(store: dict[str, str]) -> dict[str, str]:
    found = {f"ssl.keystore.{key}": value for key, value in store.items()}
    if "ENCRYPTED" in store.get("key", ""):
        found["ssl.key.password"] = "key-secret"
    return found


@pytest.mark.parametrize(
    "kind",
    [
        "jks",
        "jks by default",
        "pkcs12",
        "pkcs12 as jks",
        "pem",
        "texts",
        "texts on one line",
        "locked text",
    ],
)
def test_an_identity_is_the_same_from_each_kind_of_store(kind: str, tmp_path: Path) -> None:
    found = read_identity(properties(key_stores(tmp_path)[kind]))
    assert found is not None
    assert lines(found.key) == lines(LEAF.key_pem())
    assert lines(found.chain) == lines(LEAF.chain_pem)


@pytest.mark.parametrize("kind", ["pem", "pkcs12", "jks"])
def test_trusted_certificates_are_the_same_from_each_kind(kind: str, tmp_path: Path) -> None:
    made: Path = getattr(CA, f"trust_{kind}")(tmp_path)
    values = {"ssl.truststore.location": str(made), "ssl.truststore.password": PASSWORD}
    assert lines(read_trusted(values)) == lines(CA.pem)


def test_a_jks_trust_store_opens_without_its_password_as_in_the_original(tmp_path: Path) -> None:
    assert "BEGIN" in read_trusted({"ssl.truststore.location": str(CA.trust_jks(tmp_path))})


def test_a_key_may_have_a_password_of_its_own_in_a_jks(tmp_path: Path) -> None:
    store = LEAF.jks(tmp_path / "own.jks", key_password="other")  # noqa: S106 - of this store
    values = {"ssl.keystore.location": str(store), "ssl.keystore.password": PASSWORD}
    found = read_identity({**values, "ssl.key.password": "other"})
    assert found is not None
    assert lines(found.key) == lines(LEAF.key_pem())
    with pytest.raises(ConfigError, match=r"ssl\.key\.password is missing"):
        read_identity(values)


def truncated(made: Path) -> Path:
    data = made.read_bytes()
    made.write_bytes(data[: len(data) // 2])
    return made


def changed(leaf: Leaf, folder: Path) -> Path:
    other = CA.issue("other")
    path = folder / "mixed.pem"
    path.write_text(other.key_pem() + leaf.chain_pem)
    return path


def emptied(path: Path) -> Path:
    path.write_bytes(b"")
    return path


WRONG: dict[str, tuple[Callable[[Path], dict[str, str]], str]] = {
    "missing": (
        lambda folder: {"location": str(folder / "none.jks")},
        r"p\.ssl\.keystore\.location '.*none\.jks' cannot be read: No such file",
    ),
    "a folder": (lambda folder: {"location": str(folder)}, r"location .* Is a directory"),
    "empty": (lambda folder: {"location": str(emptied(folder / "e"))}, "location .* is empty"),
    "truncated JKS": (
        lambda folder: {"location": str(truncated(LEAF.jks(folder / "a.jks")))},
        r"location .*a\.jks' cannot be read: the file is truncated",
    ),
    "truncated PKCS12": (
        lambda folder: {
            "location": str(truncated(LEAF.pkcs12(folder / "a.p12"))),
            "password": PASSWORD,
        },
        r"location .*a\.p12' cannot be read: the file is truncated",
    ),
    "truncated PEM": (
        lambda folder: {"location": str(truncated(LEAF.pem(folder / "a.pem")))},
        r"location holds no certificate that can be read",
    ),
    "wrong password of JKS": (
        lambda folder: {"location": str(LEAF.jks(folder / "a.jks")), "password": "no"},
        r"p\.ssl\.keystore\.password does not open .*the password is wrong",
    ),
    "wrong password of PKCS12": (
        lambda folder: {"location": str(LEAF.pkcs12(folder / "a.p12")), "password": "no"},
        r"p\.ssl\.keystore\.password is wrong",
    ),
    "no password of PKCS12": (
        lambda folder: {"location": str(LEAF.pkcs12(folder / "a.p12"))},
        r"p\.ssl\.keystore\.password is missing",
    ),
    "an encrypted key without password": (
        lambda folder: {"location": str(LEAF.pem(folder / "a.pem", "secret")), "type": "PEM"},
        r"p\.ssl\.key\.password is missing",
    ),
    "the key of another": (
        lambda folder: {"location": str(changed(LEAF, folder)), "type": "PEM"},
        r"location has a key that does not belong to its first certificate",
    ),
    "no key at all": (
        lambda folder: {"location": str(CA.trust_jks(folder)), "password": PASSWORD},
        r"location holds no private key",
    ),
    "PEM said to be JKS": (
        lambda folder: {"location": str(LEAF.pem(folder / "a.pem")), "type": "JKS"},
        r"p\.ssl\.keystore\.type is JKS, but .* is PEM; set it to PEM",
    ),
    "an unknown type": (
        lambda folder: {"location": str(LEAF.pem(folder / "a.pem")), "type": "BKS"},
        r"p\.ssl\.keystore\.type is 'BKS'; choose one of JKS, PKCS12, PEM",
    ),
    "a key without chain": (
        lambda _: {"key": LEAF.key_pem()},
        r"p\.ssl\.keystore\.certificate\.chain is missing",
    ),
    "nothing": (lambda _: {}, r"p\.ssl\.keystore\.location is missing: an https listener"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_with_a_key_store_is_told_by_property(what: str, tmp_path: Path) -> None:
    make, expected = WRONG[what]
    values = {f"ssl.keystore.{key}": value for key, value in make(tmp_path).items()}
    with pytest.raises(ConfigError, match=expected) as told:
        server_context(values, "p.")
    assert PASSWORD not in str(told.value)
    assert "PRIVATE KEY-----M" not in str(told.value)


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    store = tmp_path / "x.pem"
    store.write_text("no store at all")
    with pytest.raises(ConfigError, match=r"ssl\.truststore\.location .* is no JKS"):
        read_trusted({"ssl.truststore.location": str(store)})


def test_contexts_follow_the_properties(tmp_path: Path) -> None:
    trust = {"ssl.truststore.certificates": CA.pem, "ssl.truststore.type": "PEM"}
    own = {**properties(key_stores(tmp_path)["jks"]), **trust}
    assert server_context(own).verify_mode is ssl.CERT_NONE
    required = server_context({**own, "ssl.client.auth": "required"})
    assert required.verify_mode is ssl.CERT_REQUIRED
    assert server_context({**own, "ssl.client.auth": "requested"}).verify_mode is ssl.CERT_OPTIONAL
    client = client_context(trust)
    assert client.check_hostname
    assert client.verify_mode is ssl.CERT_REQUIRED
    unnamed = client_context({**trust, "ssl.endpoint.identification.algorithm": ""})
    assert not unnamed.check_hostname
    assert unnamed.verify_mode is ssl.CERT_REQUIRED
    only = client_context({**trust, "ssl.enabled.protocols": "TLSv1.3"})
    assert only.minimum_version is ssl.TLSVersion.TLSv1_3
    with pytest.raises(ConfigError, match="no version that is safe"):
        client_context({**trust, "ssl.enabled.protocols": "TLSv1"})
    with pytest.raises(ConfigError, match=r"ssl\.client\.auth is 'maybe'"):
        server_context({**own, "ssl.client.auth": "maybe"})


def test_one_property_with_the_prefix_hides_all_without() -> None:
    raw = {"ssl.key.password": "a", "listeners.https.ssl.keystore.type": "PEM", "x": "y"}
    own = tls_properties(raw)
    assert (own.prefix, dict(own.values)) == ("listeners.https.", {"ssl.keystore.type": "PEM"})
    admin = tls_properties(raw, ADMIN_PREFIX)
    assert (admin.prefix, dict(admin.values)) == ("", {"ssl.key.password": "a"})


def test_cipher_suites_are_obeyed_or_refused(caplog: pytest.LogCaptureFixture) -> None:
    own = properties(key_stores_texts())
    one = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
    context = server_context({**own, "ssl.cipher.suites": f"TLS_AES_256_GCM_SHA384, {one}"})
    older = [found["name"] for found in context.get_ciphers() if found["protocol"] == "TLSv1.2"]
    assert older == ["ECDHE-ECDSA-AES256-GCM-SHA384"]
    assert "the suites of TLS 1.3 are always offered" in caplog.text
    with pytest.raises(ConfigError, match=r"ssl\.cipher\.suites names 'TLS_RSA_WITH_NULL"):
        server_context({**own, "ssl.cipher.suites": "TLS_RSA_WITH_NULL_SHA"})


def test_an_own_certificate_that_has_expired_is_told(caplog: pytest.LogCaptureFixture) -> None:
    late = CA.issue("late", expired=True)
    server_context(
        {"ssl.keystore.key": late.key_pem(), "ssl.keystore.certificate.chain": late.chain_pem}, "p."
    )
    assert "p.ssl.keystore.location: the certificate has expired" in caplog.text


def key_stores_texts() -> dict[str, str]:
    return {"key": LEAF.key_pem(), "certificate.chain": LEAF.chain_pem}
