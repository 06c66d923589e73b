"""HTTPS and mutual TLS on real sockets, and a cluster whose workers call each other over them."""

from __future__ import annotations

import contextlib
import socket
import ssl
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.parts.broker import KafkaBroker
from tests.parts.certificates import PASSWORD, Authority, Leaf
from tests.workers import ClusterMember, PenstockWorker, eventually

pytestmark = pytest.mark.integration
CA = Authority.make()
OTHER_CA = Authority.make("Other CA")
SERVER = CA.issue("server")
HTTPS = "listeners.https."
SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"


def browser(folder: Path, own: Leaf | None = None, trusted: Authority = CA) -> ssl.SSLContext:
    """Return the TLS side of a user: Python's own, so that it checks ours."""
    context = ssl.create_default_context(cadata=trusted.pem)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if own is not None:
        context.load_cert_chain(own.pem(folder / f"user-{uuid.uuid4().hex}.pem"))
    return context


def key_store(folder: Path, kind: str = "PEM", leaf: Leaf = SERVER) -> dict[str, str]:
    path = folder / f"server-{uuid.uuid4().hex}.{kind.lower()}"
    made: Path = getattr(leaf, kind.lower())(path)
    found = {"ssl.keystore.location": str(made), "ssl.keystore.type": kind}
    return found if kind == "PEM" else {**found, "ssl.keystore.password": PASSWORD}


def prefixed(values: dict[str, str], prefix: str = HTTPS) -> dict[str, str]:
    return {f"{prefix}{key}": value for key, value in values.items()}


@contextlib.contextmanager
def standalone(folder: Path, properties: dict[str, str]) -> Iterator[PenstockWorker]:
    made = PenstockWorker(f"embedded:{folder / 'log.db'}", folder)
    made.properties |= {"listeners": "https://127.0.0.1:0", **properties}
    running = made.start()
    try:
        yield running
    finally:
        running.stop()


def refused(url: str, context: ssl.SSLContext) -> str:
    with pytest.raises(httpx.TransportError) as told:
        httpx.get(f"{url}/connectors", verify=context, timeout=30)
    return str(told.value)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.parametrize("kind", ["JKS", "PKCS12", "PEM"])
@pytest.mark.parametrize("prefix", [HTTPS, ""])
def test_https_is_served_from_each_kind_of_store(kind: str, prefix: str, tmp_path: Path) -> None:
    with standalone(tmp_path, prefixed(key_store(tmp_path, kind), prefix)) as running:
        assert running.url.startswith("https://")
        answer = running.request("GET", "/connectors", verify=browser(tmp_path))
        assert (answer.status_code, answer.json()) == (200, [])
        assert "CERTIFICATE_VERIFY_FAILED" in refused(
            running.url, browser(tmp_path, trusted=OTHER_CA)
        )
        plain = running.url.replace("https:", "http:")
        with pytest.raises(httpx.TransportError):
            httpx.get(plain, timeout=10)


def test_mutual_tls_lets_only_known_clients_in(tmp_path: Path) -> None:
    properties = {
        **key_store(tmp_path, "JKS"),
        "ssl.truststore.location": str(CA.trust_jks(tmp_path)),
        "ssl.truststore.password": PASSWORD,
        "ssl.client.auth": "required",
    }
    with standalone(tmp_path, prefixed(properties)) as running:
        friend = browser(tmp_path, CA.issue("client"))
        assert running.request("GET", "/", verify=friend).status_code == 200
        refused(running.url, browser(tmp_path))
        refused(running.url, browser(tmp_path, OTHER_CA.issue("stranger")))
        refused(running.url, browser(tmp_path, CA.issue("late", expired=True)))
        assert running.request("GET", "/", verify=friend).status_code == 200


def test_requested_client_certificates_may_be_left_out_but_not_be_wrong(tmp_path: Path) -> None:
    properties = {
        **key_store(tmp_path),
        "ssl.truststore.location": str(CA.trust_pem(tmp_path)),
        "ssl.truststore.type": "PEM",
        "ssl.client.auth": "requested",
    }
    with standalone(tmp_path, prefixed(properties)) as running:
        assert running.request("GET", "/", verify=browser(tmp_path)).status_code == 200
        refused(running.url, browser(tmp_path, OTHER_CA.issue("stranger")))


def test_http_and_https_side_by_side_and_admin_over_https(tmp_path: Path) -> None:
    plain, admin = free_port(), free_port()
    properties = {
        **prefixed(key_store(tmp_path)),
        **prefixed(key_store(tmp_path, "PKCS12"), "admin.listeners.https."),
        "listeners": f"https://127.0.0.1:0,http://127.0.0.1:{plain}",
        "admin.listeners": f"https://127.0.0.1:{admin}",
        "rest.advertised.listener": "https",
    }
    with standalone(tmp_path, properties) as running:
        user = browser(tmp_path)
        assert running.request("GET", "/", verify=user).status_code == 200
        assert httpx.get(f"http://127.0.0.1:{plain}/").status_code == 200
        loggers = httpx.get(f"https://127.0.0.1:{admin}/admin/loggers", verify=user)
        assert loggers.status_code == 200
        source = {"connector.class": SOURCE, "file": str(tmp_path / "x"), "topic": "t"}
        answer = running.request("PUT", "/connectors/a/config", json=source, verify=user)
        assert answer.status_code == 201

        def shown() -> str:
            status = running.request("GET", "/connectors/a/status", verify=user)
            found = status.json() if status.status_code == 200 else {}
            return str(found.get("connector", {}).get("worker_id", ""))

        assert eventually(shown) == running.url.removeprefix("https://")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"ssl.keystore.location": "/nowhere/a.jks"}, r"ssl\.keystore\.location '/nowhere/a\.jks'"),
        ({"ssl.keystore.password": "no"}, r"listeners\.https\.ssl\.keystore\.password does not"),
        ({"ssl.keystore.type": "PEM"}, r"listeners\.https\.ssl\.keystore\.type is PEM, but"),
    ],
)
def test_a_bad_store_ends_the_start_with_one_clear_error(
    change: dict[str, str], expected: str, tmp_path: Path
) -> None:
    properties = prefixed({**key_store(tmp_path, "JKS"), **change})
    with pytest.raises(AssertionError, match=expected) as told, standalone(tmp_path, properties):
        pass
    assert "Traceback" not in str(told.value)
    assert PASSWORD not in str(told.value)


def test_advertising_a_listener_that_is_not_there_is_refused(tmp_path: Path) -> None:
    properties = {"listeners": "http://127.0.0.1:0", "rest.advertised.listener": "https"}
    with (
        pytest.raises(AssertionError, match="listener is https, but no listener is"),
        standalone(tmp_path, properties),
    ):
        pass


def members(
    broker: KafkaBroker, folder: Path, leaves: list[Leaf], more: dict[str, str]
) -> list[ClusterMember]:
    """Return workers of a cluster that speak mutual TLS alone, each with its own certificate."""
    group = f"tls-{uuid.uuid4().hex[:8]}"
    made = []
    for number, leaf in enumerate(leaves):
        home = folder / f"worker-{number}"
        home.mkdir()
        member = ClusterMember(broker.bootstrap_servers, home, group)
        member.properties |= {
            "listeners": "https://127.0.0.1:0",
            **prefixed(key_store(home, "JKS", leaf)),
            **prefixed(
                {
                    "ssl.truststore.location": str(CA.trust_pkcs12(home)),
                    "ssl.truststore.password": PASSWORD,
                    "ssl.truststore.type": "PKCS12",
                    "ssl.client.auth": "required",
                    **more,
                }
            ),
        }
        made.append(member)
    return made


@contextlib.contextmanager
def running(made: list[ClusterMember]) -> Iterator[list[ClusterMember]]:
    try:
        for member in made:
            member.start()
        yield made
    finally:
        for member in made:
            with contextlib.suppress(ProcessLookupError, AssertionError):
                member.stop()


def create(member: ClusterMember, user: ssl.SSLContext, name: str, file: Path) -> httpx.Response:
    config = {"connector.class": SOURCE, "file": str(file), "topic": name, "tasks.max": "1"}
    return member.request("PUT", f"/connectors/{name}/config", json=config, verify=user)


def states(member: ClusterMember, user: ssl.SSLContext, names: list[str]) -> dict[str, str]:
    """Return by name which worker runs the task of each connector that has one running."""
    found = {}
    for name in names:
        answer = member.request("GET", f"/connectors/{name}/status", verify=user)
        tasks = answer.json().get("tasks", []) if answer.status_code == 200 else []
        if tasks and tasks[0]["state"] == "RUNNING":
            found[name] = tasks[0]["worker_id"]
    return found


def test_a_cluster_forwards_over_mutual_tls(kafka_broker: KafkaBroker, tmp_path: Path) -> None:
    file = tmp_path / "lines.txt"
    file.write_text("a\nb\n")
    user = browser(tmp_path, CA.issue("user"))
    made = members(kafka_broker, tmp_path, [CA.issue("one"), CA.issue("two")], {})
    names = [f"s{number}" for number in range(4)]
    with running(made) as (one, two):
        for number, name in enumerate(names):  # one of the two is no leader and must forward
            member = (one, two)[number % 2]
            eventually(
                lambda m=member, n=name: create(m, user, n, file).status_code in (200, 201), 60
            )
        # Tasks of a connector that the follower runs are handed to the leader over TLS too.
        eventually(lambda: len(set(states(one, user, names).values())) == 2, 60, "both run tasks")
        eventually(lambda: len(states(two, user, names)) == 4, 60, "all run")
        for member in (one, two):
            assert member.request("PUT", "/connectors/s0/pause", verify=user).status_code == 202
            assert member.request("PUT", "/connectors/s0/resume", verify=user).status_code == 202


@pytest.mark.parametrize("checked", [True, False])
def test_the_host_name_of_the_leader_is_checked_unless_told_not_to(
    kafka_broker: KafkaBroker, tmp_path: Path, *, checked: bool
) -> None:
    leaves = [CA.issue("one", "elsewhere.example"), CA.issue("two", "elsewhere.example")]
    more = {} if checked else {"ssl.endpoint.identification.algorithm": ""}
    made = members(kafka_broker, tmp_path, leaves, more)
    user = browser(tmp_path, CA.issue("user"))
    user.check_hostname = False
    file = tmp_path / "lines.txt"
    file.write_text("a\n")
    with running(made) as pair:
        for number in range(2):
            name = f"s{number}"
            answers = [create(member, user, name, file) for member in pair]
            codes = {answer.status_code for answer in answers}
            if checked:
                assert 500 in codes, [answer.text for answer in answers]
                (told,) = [a.json()["message"] for a in answers if a.status_code == 500]
                assert "forward REST request" in told
                assert "CERTIFICATE_VERIFY_FAILED" in told
                assert "ssl.endpoint.identification.algorithm" in told
            else:
                assert codes <= {200, 201}, [answer.text for answer in answers]
