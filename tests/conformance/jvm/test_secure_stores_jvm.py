"""JKS and PKCS12 that the JVM writes are read by us, and those of the tests by the JVM."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from penstock.runtime.secure_stores.reading import read_identity, read_trusted
from tests.parts.certificates import PASSWORD, Authority
from tests.parts.jvm_classes import java_class

pytestmark = pytest.mark.integration


def loaded(kind: str, path: Path | None) -> object:
    store = java_class("java.security.KeyStore").getInstance(kind)
    secret = java_class("java.lang.String")(PASSWORD).toCharArray()
    if path is None:
        store.load(None, secret)
    else:
        source = java_class("java.io.FileInputStream")(str(path))
        store.load(source, secret)
        source.close()
    return store


def saved(store: object, path: Path) -> Path:
    target = java_class("java.io.FileOutputStream")(str(path))
    store.store(target, java_class("java.lang.String")(PASSWORD).toCharArray())  # type: ignore[attr-defined]
    target.close()
    return path


@pytest.mark.parametrize("kind", ["JKS", "PKCS12"])
def test_what_the_jvm_writes_is_read(kind: str, tmp_path: Path) -> None:
    authority = Authority.make()
    leaf = authority.issue("worker")
    made = leaf.jks(tmp_path / "made.jks") if kind == "JKS" else leaf.pkcs12(tmp_path / "made.p12")
    ours = loaded(kind, made)
    secret = java_class("java.lang.String")(PASSWORD).toCharArray()
    theirs = loaded(kind, None)
    key, chain = ours.getKey("own", secret), ours.getCertificateChain("own")  # type: ignore[attr-defined]
    assert bytes(key.getEncoded()) == base64.b64decode("".join(leaf.key_pem().splitlines()[1:-1]))
    theirs.setKeyEntry("own", key, secret, chain)  # type: ignore[attr-defined]
    values = {
        "ssl.keystore.location": str(saved(theirs, tmp_path / "theirs")),
        "ssl.keystore.password": PASSWORD,
        "ssl.keystore.type": kind,
    }
    found = read_identity(values)
    assert found is not None
    assert found.key == leaf.key_pem()
    assert found.chain == leaf.chain_pem


@pytest.mark.parametrize("kind", ["JKS", "PKCS12"])
def test_trust_stores_of_the_jvm_are_read(kind: str, tmp_path: Path) -> None:
    authority = Authority.make()
    made = authority.trust_jks(tmp_path) if kind == "JKS" else authority.trust_pkcs12(tmp_path)
    store = loaded(kind, made)
    again = loaded(kind, None)
    again.setCertificateEntry("ca", store.getCertificate("ca"))  # type: ignore[attr-defined]
    values = {
        "ssl.truststore.location": str(saved(again, tmp_path / "theirs")),
        "ssl.truststore.password": PASSWORD,
        "ssl.truststore.type": kind,
    }
    assert read_trusted(values) == authority.pem
