"""Workers of a cluster on a real broker that is secured, and what is told when something is wrong.

One broker serves them all; see ``SecuredBroker`` for its listeners.
"""

from __future__ import annotations

import contextlib
import time
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.parts.certificates import PASSWORD, Authority, Leaf
from tests.parts.secured_broker import SecuredBroker, jaas
from tests.workers import ClusterMember, eventually

from penstock.errors import BrokerError, RetriableError
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
FIND_MS = 4_000


@pytest.fixture(scope="module")
def secured() -> Iterator[SecuredBroker]:
    broker = SecuredBroker(CA, CA.issue("broker"))
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


def client(broker: SecuredBroker, protocol: str, folder: Path, kind: str = "jks") -> dict[str, str]:
    """Return client properties; the mechanism depends on the protocol, so that all are tried."""
    found = {"bootstrap.servers": broker.address(protocol), "security.protocol": protocol}
    if protocol.endswith("SSL"):
        own = CA.issue("client") if protocol == "SSL" else None
        found |= stores(folder, kind, own)
    return found


def login(mechanism: str, **more: str) -> dict[str, str]:
    return {"sasl.mechanism": mechanism, "sasl.jaas.config": jaas(mechanism, **more)}


@pytest.mark.parametrize(
    ("protocol", "kind", "mechanism"),
    [
        ("SSL", "jks", ""),
        ("SASL_SSL", "pkcs12", "SCRAM-SHA-512"),
        ("SASL_PLAINTEXT", "", "PLAIN"),
    ],
)
def test_a_distributed_worker_runs_on_a_secured_broker(
    secured: SecuredBroker, tmp_path: Path, protocol: str, kind: str, mechanism: str
) -> None:
    own = client(secured, protocol, tmp_path, kind) | (login(mechanism) if mechanism else {})
    group = f"secure-{uuid.uuid4().hex[:8]}"
    member = ClusterMember(own["bootstrap.servers"], tmp_path, group)
    roles = {
        f"{role}.{key}": value for role in ("producer", "consumer") for key, value in own.items()
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


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("protocol", ["SASL_SSL", "SASL_PLAINTEXT"])
def test_each_mechanism_lets_both_clients_in(
    secured: SecuredBroker, tmp_path: Path, protocol: str, mechanism: str
) -> None:
    properties = client(secured, protocol, tmp_path, "pem") | login(mechanism)
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
    """Return what each of the two clients says when it may not talk to the broker."""
    with pytest.raises(BrokerError) as by_librdkafka:
        Clients().admin(properties, client_id="t").cluster_id(6)
    asking = group_client(properties)
    try:
        with pytest.raises((RetriableError, BrokerError)) as by_kafka_python:
            asking.find_coordinator(FIND_MS)
    finally:
        asking.close()
    return [str(by_librdkafka.value), str(by_kafka_python.value)]


def names_all(texts: list[str], *words: str) -> None:
    for text in texts:
        assert all(word in text for word in words), text
        assert "secret" not in text


def test_a_wrong_password_is_told(secured: SecuredBroker, tmp_path: Path) -> None:
    for mechanism in ("PLAIN", "SCRAM-SHA-512"):
        wrong = login(mechanism, password="not-the-secret")  # noqa: S106 - it is wrong
        texts = told_by_both(client(secured, "SASL_SSL", tmp_path) | wrong)
        names_all(texts, "refuses the user or the password", "sasl.jaas.config")


def test_a_ca_that_is_not_trusted_is_told(secured: SecuredBroker, tmp_path: Path) -> None:
    properties = client(secured, "SSL", tmp_path) | stores(
        tmp_path, "jks", CA.issue("client"), OTHER_CA
    )
    names_all(told_by_both(properties), "is not trusted", "ssl.truststore.location")


def test_a_client_certificate_that_is_missing_or_strange_is_told(
    secured: SecuredBroker, tmp_path: Path
) -> None:
    protocol = {"bootstrap.servers": secured.address("SSL"), "security.protocol": "SSL"}
    for own in (None, OTHER_CA.issue("stranger"), CA.issue("late", expired=True)):
        names_all(told_by_both(protocol | stores(tmp_path, "jks", own)), "ssl.keystore.location")


def test_a_listener_of_another_kind_is_told(secured: SecuredBroker, tmp_path: Path) -> None:
    properties = client(secured, "SSL", tmp_path)
    properties["bootstrap.servers"] = secured.bootstrap_servers
    names_all(told_by_both(properties), "security.protocol")


def test_a_broker_of_another_name_or_an_old_certificate_is_told(
    secured: SecuredBroker, tmp_path: Path
) -> None:
    properties = client(secured, "SSL", tmp_path)
    try:
        secured.show(CA.issue("broker", "elsewhere.example"))
        texts = told_by_both(properties)
        names_all(texts, "for another host", "ssl.endpoint.identification.algorithm")
        unchecked = properties | {"ssl.endpoint.identification.algorithm": ""}
        assert Clients().admin(unchecked, client_id="t").cluster_id(20)
        found_by_group_client(unchecked)
        secured.show(CA.issue("broker", expired=True))
        names_all(told_by_both(properties), "has expired")
    finally:
        secured.show(CA.issue("broker"))


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
