"""A cluster whose user has the rights of docs/security.md and no other: everything works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from tests.parts.guarded_broker import USER, GuardedBroker
from tests.parts.task_lab import FILE_SOURCE
from tests.workers import ClusterMember, cluster, eventually

from penstock.data import TopicPartition
from penstock.runtime.kafka.consumer import KafkaReader

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
PAGE: Final = Path(__file__).parents[2] / "docs" / "security.md"
ROW: Final = re.compile(r"^\| (Group|Topic|TransactionalId) \| (.+?) \| (.+?) \|", re.MULTILINE)
KINDS: Final = {
    "Group": ResourceType.GROUP,
    "Topic": ResourceType.TOPIC,
    "TransactionalId": ResourceType.TRANSACTIONAL_ID,
}
OPERATIONS: Final = {
    "Create": AclOperation.CREATE,
    "Delete": AclOperation.DELETE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
}
NAMES: Final = {
    "<group.id>": "g0",
    "<config.storage.topic>": "g0-configs",
    "<offset.storage.topic>": "g0-offsets",
    "<status.storage.topic>": "g0-status",
    "the topics of sources": "lines",
    "the topics of sinks": "lines",
}


def rights_of_the_page() -> list[AclBinding]:
    """Return the table of the page as ACLs."""
    rights = []
    for kind, name, operations in ROW.findall(PAGE.read_text()):
        own = name.strip("`")
        for words, value in NAMES.items():
            own = own.replace(words, value)
        assert "<" not in own
        pattern = ResourcePatternType.PREFIXED if own.endswith("*") else ResourcePatternType.LITERAL
        rights += [
            AclBinding(
                KINDS[kind],
                own.rstrip("*"),
                pattern,
                f"User:{USER}",
                "*",
                OPERATIONS[operation],
                AclPermissionType.ALLOW,
            )
            for operation in operations.split(", ")
        ]
    return rights


def test_the_rights_of_the_page_are_enough(tmp_path: Path) -> None:
    lines, copy = tmp_path / "lines.txt", tmp_path / "copy.txt"
    lines.write_text("a\nb\n")
    file_sink = FILE_SOURCE.replace("Source", "Sink")
    with GuardedBroker(is_open=False) as guarded:
        guarded.open_groups()
        admin = AdminClient({"bootstrap.servers": guarded.bootstrap_servers})
        rights = rights_of_the_page()
        assert len(rights) > 15
        for made in admin.create_acls(rights).values():
            made.result(30)
        login = {"exactly.once.source.support": "enabled"}
        for prefix in ("", "producer.", "consumer.", "admin."):
            login |= guarded.login(prefix)
        with cluster(guarded.sasl_address, tmp_path, "g0", 2, **login) as (member, other):
            source = {"connector.class": FILE_SOURCE, "file": str(lines), "topic": "lines"}
            member.put("source", source)
            member.put("sink", {"connector.class": file_sink, "file": str(copy), "topics": "lines"})
            eventually(lambda: copy.exists() and copy.read_text() == "a\nb\n", 60, "the copy")
            # A new generation of tasks: the leader fences the older ones.
            member.put("source", {**source, "batch.size": "7"})
            with lines.open("a") as more:
                more.write("c\n")
            eventually(lambda: copy.read_text() == "a\nb\nc\n", 60, "the copy after fencing")
            for name in ("source", "sink"):
                _forget(member, name)
            for worker in (member, other):
                assert "uthoriz" not in worker.log.read_text()
        reader = KafkaReader(_as_user(guarded))
        batches = list(reader.read(TopicPartition("lines", 0), 0, 100, 30))
        reader.close()
    assert b"".join(value for batch in batches for value in batch.values if value) == b"abc"


def _forget(worker: ClusterMember, name: str) -> None:
    """Reset a connector's offsets and delete it."""
    assert worker.request("PUT", f"/connectors/{name}/stop").status_code == 204
    eventually(
        lambda: worker.request("DELETE", f"/connectors/{name}/offsets").status_code == 200,
        30,
        f"the offsets of {name} are reset",
    )
    places = worker.request("GET", f"/connectors/{name}/offsets").json()["offsets"]
    assert places == []
    assert worker.request("DELETE", f"/connectors/{name}").status_code == 204


def _as_user(guarded: GuardedBroker) -> dict[str, str]:
    login = guarded.login()
    user, password = re.findall('"(.*?)"', login["sasl.jaas.config"])
    return {
        "bootstrap.servers": login["bootstrap.servers"],
        "security.protocol": login["security.protocol"],
        "sasl.mechanism": login["sasl.mechanism"],
        "sasl.username": user,
        "sasl.password": password,
    }
