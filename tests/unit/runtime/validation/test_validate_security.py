"""Validation of what is secret or secures: stores and tokens of overrides, names from providers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.parts.certificates import PASSWORD, Authority

from penstock.runtime.kafka.oauth import ALLOWED_URLS_PROPERTY
from penstock.runtime.validation import validate

BASE = {"name": "orders", "connector.class": "Lines", "path": "in.txt"}
WORKER = {"bootstrap.servers": "localhost:9092"}
PROVIDERS = {"config.providers": "vault", "config.providers.vault.class": "Vault"}
CA = Authority.make()
OVERRIDE = "producer.override."


def errors(raw: dict[str, str], worker: dict[str, str]) -> dict[str, str]:
    infos = validate({**BASE, **raw}, worker)
    return {value.name: "\n".join(value.errors) for value in infos.values if value.errors}


def overrides(**properties: str) -> dict[str, str]:
    return {OVERRIDE + key.replace("_", "."): value for key, value in properties.items()}


def store(path: Path, password: str = PASSWORD) -> dict[str, str]:
    return overrides(
        security_protocol="SSL",
        ssl_truststore_location=str(path),
        ssl_truststore_type="JKS",
        ssl_truststore_password=password,
    )


def test_a_jks_store_of_an_override_is_read_not_refused(tmp_path: Path) -> None:
    assert errors(store(CA.trust_jks(tmp_path)), WORKER) == {}


def test_a_store_that_is_wrong_is_told_before_anything_runs(tmp_path: Path) -> None:
    good = CA.trust_jks(tmp_path)
    told = errors(store(good, "not-the-password"), WORKER)
    assert list(told) == [OVERRIDE + "ssl.truststore.password"]
    assert "not-the-password" not in str(told)
    told = errors(store(tmp_path / "none.jks"), WORKER)
    assert list(told) == [OVERRIDE + "ssl.truststore.location"]
    good.write_bytes(good.read_bytes()[:40])
    assert OVERRIDE + "ssl.truststore.location" in errors(store(good), WORKER)


def test_a_store_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    path = CA.trust_jks(tmp_path)
    path.chmod(0)
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(folder.stat().st_mode | 0o055)
    other = 65_534 if os.geteuid() == 0 else os.geteuid()
    before = os.geteuid()
    os.seteuid(other)  # root may read everything
    try:
        told = errors(store(path), WORKER)
    finally:
        os.seteuid(before)
    assert "ermission denied" in told[OVERRIDE + "ssl.truststore.location"]


def test_a_token_endpoint_of_an_override_must_be_allowed_by_the_worker() -> None:
    url = "https://issuer.example/token"
    raw = overrides(security_protocol="SASL_SSL", sasl_mechanism="OAUTHBEARER") | {
        OVERRIDE + "sasl.oauthbearer.token.endpoint.url": url,
        OVERRIDE + "sasl.oauthbearer.client.credentials.client.id": "i",
        OVERRIDE + "sasl.oauthbearer.client.credentials.client.secret": "canary",
        OVERRIDE + ALLOWED_URLS_PROPERTY: url,
    }
    key = OVERRIDE + "sasl.oauthbearer.token.endpoint.url"
    assert "not among the token endpoints" in errors(raw, WORKER)[key]
    assert errors(raw, {**WORKER, ALLOWED_URLS_PROPERTY: url}) == {}
    assert "canary" not in json.dumps(validate({**BASE, **raw}, WORKER).to_json())


@pytest.mark.parametrize("key", ["transforms", "predicates"])
@pytest.mark.parametrize("reference", ["${vault:a:password}", "x,${vault:a:password}"])
def test_a_secret_does_not_become_the_name_of_a_key(key: str, reference: str) -> None:
    told = json.dumps(validate({**BASE, key: reference}, PROVIDERS).to_json())
    assert "hunter2secret" not in told
    assert f"{key}.{reference}.type" in told
