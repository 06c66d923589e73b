"""Secrets that must be nowhere but where their owner put them, whatever fails.

There are three kinds: the worker's own (logins, stores), those of config providers, and those that
stand literally in a connector's configuration.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from tests.parts.canaries import in_memory, in_process, tree
from tests.parts.certificates import Authority
from tests.parts.secured_broker import SecuredBroker, jaas
from tests.parts.token_issuer import TokenIssuer
from tests.workers import ClusterMember, eventually

pytestmark = pytest.mark.integration
CA = Authority.make()
WORKER: Final = f"canary-worker-{uuid.uuid4().hex}"
PROVIDED: Final = f"canary-provided-{uuid.uuid4().hex}"
LITERAL: Final = f"canary-literal-{uuid.uuid4().hex}"
USER: Final = "bird"
CONNECTOR: Final = "com.example.Leaky"
PLUGIN: Final = """
import os
from collections.abc import Mapping

from penstock.api import SourceConnector, SourceTask
from penstock.config import Password, config, key
from penstock.errors import ConnectError


@config
class LeakyConfig:
    secret: Password = key(doc="A secret.")
    number: int = key(default=1, doc="A number.")
    choice: str = key(default="a", choices=("a", "b"), doc="A choice.")
    how: str = key(default="run", doc="How to fail.")


class LeakyTask(SourceTask[LeakyConfig]):
    def start(self):
        self.told = f"login with {self.config.secret} for {self.config!r}"
        if self.config.how == "start":
            raise ConnectError(self.told)

    def poll(self):
        if self.config.how == "exit":
            os._exit(3)
        if self.config.how == "crash":
            os.kill(os.getpid(), 11)
        if self.config.how == "poll":
            raise ValueError(self.told)
        if self.config.how == "leak":
            raise ValueError(f"cannot log in with {self.config.secret.value}")
        return None


class Leaky(SourceConnector[LeakyConfig]):
    config_class = LeakyConfig
    task_class = LeakyTask
"""


@pytest.fixture(scope="module")
def secured() -> Iterator[SecuredBroker]:
    with TokenIssuer() as issuer:
        broker = SecuredBroker(CA, issuer, {USER: WORKER})
        with contextlib.closing(broker):
            broker.start()
            broker.open_groups()
            yield broker


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = folder / "site"
    info = site / "leaky-1.dist-info"
    info.mkdir(parents=True)
    (site / "leaky_plugin.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leaky\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        f"[penstock.source_connectors]\n{CONNECTOR} = leaky_plugin:Leaky\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))


def member_of(broker: SecuredBroker, folder: Path, group: str) -> ClusterMember:
    """Return a worker each of whose passwords is a canary."""
    own = {
        "bootstrap.servers": broker.address("SASL_SSL"),
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.jaas.config": jaas("PLAIN", USER, WORKER),
        "ssl.truststore.location": str(CA.trust_jks(folder, WORKER)),
        "ssl.truststore.password": WORKER,
        "ssl.keystore.location": str(CA.issue("client").jks(folder / "k.jks", WORKER)),
        "ssl.keystore.password": WORKER,
        "ssl.key.password": WORKER,
    }
    secrets = folder / "secrets.properties"
    secrets.write_text(
        f"word={PROVIDED}\njaas={jaas('PLAIN', USER, PROVIDED)}\n"
        f"own={jaas('PLAIN', USER, WORKER)}\n"
    )
    own["sasl.jaas.config"] = f"${{file:{secrets}:own}}"
    member = ClusterMember(own["bootstrap.servers"], folder, group)
    roles = {
        f"{role}.{key}": text for role in ("producer", "consumer") for key, text in own.items()
    }
    member.properties |= {
        **own,
        **roles,
        "config.providers": "file",
        "config.providers.file.class": (
            "org.apache.kafka.common.config.provider.FileConfigProvider"
        ),
        "config.providers.file.param.allowed.paths": str(folder),
    }
    return member


def connectors(folder: Path) -> dict[str, dict[str, str]]:
    """Return configurations, most of which fail, each with secrets in as many keys as it has."""
    word = f"${{file:{folder / 'secrets.properties'}:word}}"
    entry = f"${{file:{folder / 'secrets.properties'}:jaas}}"
    leaky = {"connector.class": CONNECTOR, "tasks.max": "1"}
    login = "producer.override.sasl.jaas.config"
    file = {
        "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
        "file": str(folder / "lines.txt"),
        "topic": "canary-lines",
        "tasks.max": "1",
    }
    return {
        "runs": {**leaky, "secret": word},
        "runs-literal": {**leaky, "secret": LITERAL},
        "runs-part": {**leaky, "secret": f"abc{word}def"},
        **{
            f"fails-in-{how}-{kind}": {**leaky, "secret": secret, "how": how}
            for how in ("start", "poll", "leak", "exit", "crash")
            for kind, secret in (("provided", word), ("literal", LITERAL))
        },
        "login-provided": {**file, login: entry},
        "login-literal": {**file, login: jaas("PLAIN", USER, LITERAL)},
        "login-of-a-sink": {
            "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
            "file": str(folder / "out.txt"),
            "topics": "canary-lines",
            "consumer.override.sasl.jaas.config": entry,
        },
        "transform": {
            **file,
            "transforms": "t",
            "transforms.t.type": "org.apache.kafka.connect.transforms.HoistField$Value",
            "transforms.t.field": "f",
            "transforms.t.unknown.password": word,
        },
    }


def invalid(folder: Path) -> list[dict[str, str]]:
    word = f"${{file:{folder / 'secrets.properties'}:word}}"
    leaky = {"connector.class": CONNECTOR, "name": "x", "secret": word}
    return [
        {**leaky, "number": word},
        {**leaky, "choice": word},
        {**leaky, "tasks.max": word},
        {**leaky, "errors.tolerance": word},
        {**leaky, "transforms": word},
        {**leaky, "key.converter": word},
        {**leaky, "producer.override.linger.ms": word},
        {**leaky, "producer.override.sasl.jaas.config": word},
        {**leaky, "producer.override.acks": word, "number": "none", "secret": LITERAL},
        {**leaky, "topic.creation.default.partitions": word},
        {"connector.class": word, "name": "x"},
    ]


def paths(names: list[str]) -> list[str]:
    each = ("", "/config", "/status", "/tasks", "/tasks-config", "/topics", "/offsets")
    found = [f"/connectors/{name}{end}" for name in names for end in each]
    found += [f"/connectors/{name}/tasks/0/status" for name in names]
    return [
        *found,
        *("/", "/connectors", "/connectors?expand=status", "/connectors?expand=info"),
        *("/connector-plugins?connectorsOnly=false", f"/connector-plugins/{CONNECTOR}/config"),
        *("/admin/loggers", "/health", "/metrics", "/openapi.json"),
    ]


def is_settled(member: ClusterMember, name: str) -> bool:
    state = member.task_state(name)
    return state == "RUNNING" if name.startswith(("runs", "transform")) else state == "FAILED"


def shown(text: str, *words: str) -> list[str]:
    """Return the canaries in a text, with what stands around them."""
    return [
        text[max(0, at - 150) : at + len(word) + 20]
        for word in words
        for at in [text.find(word)]
        if at >= 0
    ]


def topics_with(broker: SecuredBroker, *words: str) -> dict[str, set[str]]:
    """Return the topics in whose records a canary stands, as they are on the broker's disk."""
    found: dict[str, set[str]] = {}
    for file in (broker.folder / "data").rglob("*.log"):
        data = file.read_bytes()
        seen = {word for word in words if word.encode() in data}
        if seen:
            found.setdefault(file.parent.name.rpartition("-")[0], set()).update(seen)
    return found


def test_secrets_are_nowhere_but_where_their_owner_put_them(
    secured: SecuredBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch)
    (tmp_path / "lines.txt").write_text("a\nb\n")
    group = f"canary-{uuid.uuid4().hex[:8]}"
    member = member_of(secured, tmp_path, group)
    member.start()
    try:
        said = provoked(member, tmp_path)
        assert member.process is not None
        everyone = [one.pid for one in tree(member.process.pid)]
        words = [word.encode() for word in (WORKER, PROVIDED, LITERAL)]
        assert not {word for pid in everyone for word in in_process(pid, words)}
        remembered = memory_of(member)
    finally:
        member.stop()
    for where, text in said.items():
        assert not shown(text, WORKER, PROVIDED), where
        if not is_owners(where):
            assert not shown(text, LITERAL), where
    assert not shown(member.log.read_text(errors="replace"), WORKER, PROVIDED, LITERAL)
    assert topics_with(secured, WORKER, PROVIDED, LITERAL) == {f"{group}-configs": {LITERAL}}
    for name in ("login-provided", "login-of-a-sink"):
        assert "correct sasl.jaas.config" in said[f"/connectors/{name}/status"]
    leak = said["/connectors/fails-in-leak-provided/status"]
    assert "cannot log in with [hidden]" in leak
    # Its own login is what it lives by; a resolved value is none of its business.
    assert remembered == {WORKER.encode()}


def is_owners(where: str) -> bool:
    """Tell answers that give a configuration back to who wrote it, as the original's do."""
    return where.endswith(("/config", "/tasks", "/tasks-config", "expand=info", "PUT")) or (
        where.count("/") == 2 and where.startswith("/connectors/")
    )


def provoked(member: ClusterMember, folder: Path) -> dict[str, str]:
    """Make everything fail that can, and return what REST says, by path."""
    member.request("PUT", "/admin/loggers/root", json={"level": "TRACE"})
    wanted = connectors(folder)
    said: dict[str, str] = {}
    first = {"connector.class": CONNECTOR, "secret": LITERAL}
    eventually(
        lambda: (
            member.request("PUT", "/connectors/first/config", json=first).status_code in (200, 201)
        ),
        60,
    )
    for name, config in wanted.items():
        said[f"{name} PUT"] = member.put(name, config).text
    for number, config in enumerate(invalid(folder)):
        cls = config["connector.class"].replace("/", "%2F")
        for method, path, body in (
            ("PUT", f"/connector-plugins/{cls}/config/validate", config),
            ("PUT", f"/connector-plugins/{CONNECTOR}/config/validate", config),
            (
                "POST",
                "/connectors",
                {"name": f"x{number}", "config": {**config, "name": f"x{number}"}},
            ),
        ):
            answer = member.request(method, path, json=body)
            said[f"{method} {path} {number}{' PUT' if LITERAL in str(body) else ''}"] = answer.text
            if answer.status_code == 201:
                wanted[f"x{number}"] = config
    for name in connectors(folder):
        eventually(lambda one=name: is_settled(member, one), 90, f"{name} is settled")
    for path in paths(list(wanted)):
        said[path] = member.request("GET", path).text
    return said


def memory_of(member: ClusterMember) -> set[bytes]:
    """Return the canaries in the worker's memory, where the machine lets it be read."""
    assert member.process is not None
    try:
        return in_memory(member.process.pid, [WORKER.encode(), PROVIDED.encode()])
    except OSError as problem:
        pytest.skip(f"memory of others may not be read here: {problem}")
