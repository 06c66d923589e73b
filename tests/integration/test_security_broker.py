"""Workers of a cluster on a real broker that is secured, and what is told when something is wrong.

One broker serves them all; see ``SecuredBroker`` for its listeners.
"""

from __future__ import annotations

import contextlib
import json
import time
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.parts.certificates import PASSWORD, Authority, Leaf
from tests.parts.secured_broker import SecuredBroker, jaas, token_login
from tests.parts.token_issuer import TokenIssuer
from tests.workers import ClusterMember, eventually

from penstock.errors import BrokerError, ConfigError, RetriableError
from penstock.runtime.kafka.broker import KafkaBroker as Clients
from penstock.runtime.kafka.group_security import group_settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of kafka-python, at its import
    from penstock.runtime.kafka.group_client import Coordinates, GroupClient

pytestmark = pytest.mark.integration
CA = Authority.make()
OTHER_CA = Authority.make("Other CA")
SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"
FIND_MS = 10_000
TOLD_S = 4.0
"""What is wrong is told in this time, by each client."""


@pytest.fixture(scope="module")
def issuer() -> Iterator[TokenIssuer]:
    with TokenIssuer() as made:
        yield made


@pytest.fixture(scope="module")
def secured(issuer: TokenIssuer) -> Iterator[SecuredBroker]:
    broker = SecuredBroker(CA, issuer)
    with contextlib.closing(broker):
        broker.start()
        broker.open_groups()
        yield broker


def stores(folder: Path, kind: str, leaf: Leaf | None, trusted: Authority = CA) -> dict[str, str]:
    found = {
        "ssl.truststore.location": str(getattr(trusted, f"trust_{kind}")(folder)),
        "ssl.truststore.type": kind.upper(),
    }
    if kind != "pem":
        found["ssl.truststore.password"] = PASSWORD
    if leaf is not None:
        own = folder / f"own-{uuid.uuid4().hex[:8]}.{kind}"
        found["ssl.keystore.location"] = str(getattr(leaf, kind)(own))
        found["ssl.keystore.type"] = kind.upper()
        if kind != "pem":
            found["ssl.keystore.password"] = PASSWORD
    return found


def client(broker: SecuredBroker, listener: str, folder: Path, kind: str = "jks") -> dict[str, str]:
    """Return properties of a client of a listener, as they should be, but for the login."""
    protocol = broker.listeners[listener]
    found = {"bootstrap.servers": broker.address(listener), "security.protocol": protocol}
    if protocol.endswith("SSL"):
        own = CA.issue("client") if protocol == "SSL" else None
        found |= stores(folder, kind, own)
    return found


Login = dict[str, str]


def login(mechanism: str, **more: str) -> Login:
    return {"sasl.mechanism": mechanism, "sasl.jaas.config": jaas(mechanism, **more)}


@pytest.mark.parametrize(
    "way",
    [
        ("SSL", "jks", ""),
        ("SASL_SSL", "pkcs12", "SCRAM-SHA-512"),
        ("SASL_PLAINTEXT", "", "PLAIN"),
        ("SASL_SSL", "pem", "OAUTHBEARER"),
    ],
)
def test_a_distributed_worker_runs_on_a_secured_broker(
    secured: SecuredBroker, issuer: TokenIssuer, tmp_path: Path, way: tuple[str, str, str]
) -> None:
    protocol, kind, mechanism = way
    own = client(secured, protocol, tmp_path, kind) | login_of(mechanism, issuer)
    group = f"secure-{uuid.uuid4().hex[:8]}"
    member = ClusterMember(own["bootstrap.servers"], tmp_path, group)
    roles = {
        f"{role}.{key}": value
        for role in ("producer", "consumer")
        for key, value in own.items()
        if "allowed" not in key
    }
    member.properties |= {
        key: value.replace("\\", "\\\\") for key, value in {**own, **roles}.items()
    }
    file, out = tmp_path / "lines.txt", tmp_path / "out.txt"
    file.write_text("".join(f"line {number}\n" for number in range(100)))
    member.start()
    try:
        common = {"tasks.max": "1"}
        source = {"connector.class": SOURCE, "file": str(file), "topic": group, **common}
        eventually(
            lambda: (
                member.request("PUT", "/connectors/s/config", json=source).status_code in (200, 201)
            ),
            60,
        )
        member.put("k", {"connector.class": SINK, "file": str(out), "topics": group, **common})
        eventually(lambda: out.exists() and out.read_text() == file.read_text(), 60, "all arrives")
    finally:
        member.stop()


def login_of(mechanism: str, issuer: TokenIssuer) -> Login:
    if mechanism == "OAUTHBEARER":
        return token_login(issuer)
    return login(mechanism) if mechanism else {}


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"])
@pytest.mark.parametrize("protocol", ["SASL_SSL", "SASL_PLAINTEXT"])
def test_each_mechanism_lets_both_clients_in(
    secured: SecuredBroker, issuer: TokenIssuer, tmp_path: Path, protocol: str, mechanism: str
) -> None:
    properties = client(secured, protocol, tmp_path, "pem") | login_of(mechanism, issuer)
    assert Clients().admin(properties, client_id="t").cluster_id(20)
    found_by_group_client(properties)


@pytest.mark.parametrize("kind", ["jks", "pkcs12", "pem"])
def test_each_kind_of_store_with_a_key_password_lets_both_clients_in(
    secured: SecuredBroker, tmp_path: Path, kind: str
) -> None:
    properties = client(secured, "SSL", tmp_path, kind)
    leaf, path = CA.issue("client"), tmp_path / f"key.{kind}"
    if kind == "jks":
        leaf.jks(path, key_password="key-secret")  # noqa: S106 - of this key
    elif kind == "pem":
        leaf.pem(path, "key-secret")
    else:
        leaf.pkcs12(path)
    properties["ssl.keystore.location"] = str(path)
    properties["ssl.key.password"] = PASSWORD if kind == "pkcs12" else "key-secret"
    assert Clients().admin(properties, client_id="t").cluster_id(20)
    found_by_group_client(properties)


def group_client(properties: dict[str, str]) -> GroupClient:
    where = Coordinates(f"g-{uuid.uuid4().hex[:8]}", "t", 6_000, 6_000)
    return GroupClient(where, group_settings(properties))


def found_by_group_client(properties: dict[str, str]) -> None:
    asking = group_client(properties)
    try:

        def found() -> bool:
            try:
                asking.find_coordinator(FIND_MS)
            except RetriableError as problem:
                if "coordinator yet" in str(problem):
                    return False
                raise
            return True

        eventually(found, 30)
    finally:
        asking.close()


def told_by_both(properties: dict[str, str]) -> list[str]:
    """Return what each of the two clients says, soon, when it may not talk to the broker."""
    began_s = time.monotonic()
    with pytest.raises((BrokerError, ConfigError)) as by_librdkafka:
        Clients().admin(properties, client_id="t").cluster_id(TOLD_S)
    middle_s = time.monotonic()
    assert middle_s - began_s < TOLD_S + 1
    with pytest.raises((RetriableError, BrokerError, ConfigError)) as by_kafka_python:
        asked_by_group_client(properties)
    assert time.monotonic() - middle_s < TOLD_S
    return [str(by_librdkafka.value), str(by_kafka_python.value)]


def asked_by_group_client(properties: dict[str, str]) -> None:
    asking = group_client(properties)
    try:
        asking.find_coordinator(FIND_MS)
    finally:
        asking.close()


def names_all(texts: list[str], *words: str) -> None:
    for text in texts:
        assert all(word in text for word in words), text
        assert "-secret" not in text
        assert "canary" not in text


def changed(name: str, folder: Path) -> dict[str, str]:
    """Return what is wrong about a client in the case of a name."""
    wrong_password = {"password": "not-the-secret"}
    mutual = folder / "own.jks"
    match name:
        case "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512":
            return login(name, **wrong_password)
        case "user":
            return login("SCRAM-SHA-512", user="nobody")
        case "mechanism":
            return login("PLAIN")
        case "other CA":
            return stores(folder, "jks", CA.issue("client"), OTHER_CA)
        case "no client certificate":
            return {"ssl.keystore.location": "", "ssl.keystore.type": "JKS"}
        case "strange client certificate":
            return stores(folder, "jks", OTHER_CA.issue("stranger"))
        case "expired client certificate":
            return stores(folder, "jks", CA.issue("late", expired=True))
        case "store password":
            return {"ssl.truststore.password": "not-the-secret"}
        case "key password":
            CA.issue("client").jks(mutual, key_password="key-secret")  # noqa: S106 - of this key
            wrong = {"ssl.keystore.location": str(mutual), "ssl.keystore.type": "JKS"}
            return {**wrong, "ssl.key.password": "not-the-secret"}
        case "truncated store":
            whole = CA.issue("client").jks(mutual).read_bytes()
            mutual.write_bytes(whole[: len(whole) // 2])
            return {"ssl.keystore.location": str(mutual), "ssl.keystore.type": "JKS"}
        case "missing store":
            return {"ssl.truststore.location": str(folder / "none.jks")}
        case "folder for a store":
            return {"ssl.keystore.location": str(folder)}
    return {}


@pytest.mark.parametrize(
    ("listener", "case", "words"),
    [
        ("SASL_SSL", "PLAIN", ("refuses the user or the password", "sasl.jaas.config")),
        ("SASL_SSL", "SCRAM-SHA-512", ("refuses the user or the password", "sasl.jaas.config")),
        ("SASL_PLAINTEXT", "SCRAM-SHA-256", ("refuses the user or", "sasl.jaas.config")),
        ("SASL_SSL", "user", ("refuses the user or the password", "sasl.jaas.config")),
        ("SCRAM_ONLY", "mechanism", ("does not offer this mechanism", "sasl.mechanism")),
        ("SSL", "other CA", ("is not trusted", "ssl.truststore.location")),
        ("SSL", "no client certificate", ("ssl.keystore.location",)),
        ("SSL", "strange client certificate", ("ssl.keystore.location",)),
        ("SSL", "expired client certificate", ("ssl.keystore.location",)),
        ("SSL", "store password", ("ssl.truststore.password",)),
        ("SSL", "key password", ("ssl.key.password",)),
        ("SSL", "truncated store", ("ssl.keystore.location",)),
        ("SSL", "missing store", ("ssl.truststore.location", "none.jks")),
        ("SSL", "folder for a store", ("ssl.keystore.location",)),
        ("OTHER_HOST", "", ("for another host", "ssl.endpoint.identification.algorithm")),
        ("EXPIRED", "", ("has expired",)),
    ],
)
def test_what_is_wrong_is_told_by_both_clients_with_its_property(
    secured: SecuredBroker, tmp_path: Path, listener: str, case: str, words: tuple[str, ...]
) -> None:
    properties = client(secured, listener, tmp_path) | changed(case, tmp_path)
    names_all(told_by_both(properties), *words)


def test_a_listener_of_another_kind_is_told(secured: SecuredBroker, tmp_path: Path) -> None:
    properties = client(secured, "SSL", tmp_path)
    properties["bootstrap.servers"] = secured.bootstrap_servers
    names_all(told_by_both(properties), "security.protocol")


def test_host_names_are_not_checked_when_the_algorithm_is_empty(
    secured: SecuredBroker, tmp_path: Path
) -> None:
    properties = client(secured, "OTHER_HOST", tmp_path)
    properties["ssl.endpoint.identification.algorithm"] = ""
    assert Clients().admin(properties, client_id="t").cluster_id(20)
    found_by_group_client(properties)


def test_tokens_that_the_broker_refuses_are_told(
    secured: SecuredBroker, issuer: TokenIssuer, tmp_path: Path
) -> None:
    properties = client(secured, "SASL_PLAINTEXT", tmp_path) | token_login(issuer)
    token = issuer.token(aud="somebody else")
    issuer.answer = json.dumps({"access_token": token}).encode()
    try:
        names_all(told_by_both(properties), "refuses the token", "sasl.oauthbearer")
    finally:
        issuer.answer = None


def test_an_issuer_that_refuses_or_is_down_is_told(
    secured: SecuredBroker, issuer: TokenIssuer, tmp_path: Path
) -> None:
    where = client(secured, "SASL_PLAINTEXT", tmp_path)
    wrong = where | token_login(issuer, "not-the-secret")
    names_all(told_by_both(wrong), "401 (invalid_client)", "client.secret")
    short = {"sasl.login.retry.backoff.max.ms": "300"}
    issuer.fail_with = [503] * 1_000
    try:
        texts = told_by_both(where | token_login(issuer) | short)
    finally:
        issuer.fail_with = []
    names_all(texts, "answers 503", "sasl.oauthbearer.token.endpoint.url")
    issuer.life_s = -5
    try:
        names_all(told_by_both(where | token_login(issuer)), "token that has expired")
    finally:
        issuer.life_s = 3600


def test_a_worker_with_a_wrong_password_ends_soon_with_one_clear_error(
    secured: SecuredBroker, tmp_path: Path
) -> None:
    wrong = login("PLAIN", password="not-the-secret")  # noqa: S106 - it is wrong
    own = client(secured, "SASL_PLAINTEXT", tmp_path) | wrong
    member = ClusterMember(own["bootstrap.servers"], tmp_path, "never")
    member.properties |= own
    began_s = time.monotonic()
    with pytest.raises(AssertionError, match=r"correct sasl\.jaas\.config") as told:
        member.start()
    assert time.monotonic() - began_s < 25
    assert "Traceback" not in str(told.value)
    assert "not-the-secret" not in str(told.value)
