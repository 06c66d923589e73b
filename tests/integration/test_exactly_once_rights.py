"""Exactly-once tasks of somebody whom the ACLs of the broker refuse something: what, and where."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from tests.parts.guarded_broker import USER, GuardedBroker
from tests.parts.task_lab import FILE_SOURCE, TaskLab, committed
from tests.workers import eventually

from penstock.runtime.broker import TopicSpec

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def guarded() -> Iterator[GuardedBroker]:
    with GuardedBroker(is_open=True) as broker:
        broker.open_groups()
        yield broker


@pytest.fixture
def lab(guarded: GuardedBroker, tmp_path: Path) -> Iterator[TaskLab]:
    """Give a lab whose tasks send as the user; all else is done by the broker's own people."""
    with TaskLab(guarded.bootstrap_servers, tmp_path) as made:
        made.properties.update(guarded.login("producer."))
        made.admin.create_topics([TopicSpec(made.name)], 30)
        yield made


def refuse(guarded: GuardedBroker, kind: ResourceType, name: str) -> None:
    """Refuse the user to write to something."""
    admin = AdminClient({"bootstrap.servers": guarded.bootstrap_servers})
    refused = AclBinding(
        kind,
        name,
        ResourcePatternType.LITERAL,
        f"User:{USER}",
        "*",
        AclOperation.WRITE,
        AclPermissionType.DENY,
    )
    for made in admin.create_acls([refused]).values():
        made.result(30)


def allow_again(guarded: GuardedBroker) -> None:
    admin = AdminClient({"bootstrap.servers": guarded.bootstrap_servers})
    everything = AclBindingFilter(
        ResourceType.ANY,
        None,
        ResourcePatternType.ANY,
        None,
        None,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    for gone in admin.delete_acls([everything]).values():
        gone.result(30)


def source(lab: TaskLab) -> dict[str, str]:
    file = lab.folder / "lines.txt"
    file.write_text("a\nb\n")
    return {"connector.class": FILE_SOURCE, "file": str(file), "topic": lab.name}


@pytest.mark.parametrize("what", ["transactional id", "topic", "offsets topic"])
def test_a_right_that_is_missing_is_named_and_nothing_is_seen(
    lab: TaskLab, guarded: GuardedBroker, what: str
) -> None:
    connector = f"c{uuid.uuid4().hex[:8]}"
    kind, name = {
        "transactional id": (ResourceType.TRANSACTIONAL_ID, f"{lab.name}-{connector}-0"),
        "topic": (ResourceType.TOPIC, lab.name),
        "offsets topic": (ResourceType.TOPIC, lab.properties["offset.storage.topic"]),
    }[what]
    refuse(guarded, kind, name)
    incarnation = lab.start(connector, source(lab))
    (failed,) = eventually(lambda: lab.failed, 90, "the task fails")
    assert name in failed.reason
    assert "uthoriz" in failed.reason
    lab.gone(incarnation)
    assert committed(lab.bootstrap, lab.name) == []
    # With the right, the next start does what is left.
    allow_again(guarded)
    lab.failed.clear()
    again = lab.start(connector, source(lab))
    eventually(lambda: lab.failed or committed(lab.bootstrap, lab.name) == ["a", "b"], 60)
    assert not lab.failed
    lab.stop(connector, again)
