"""Exactly-once source tasks on a real broker, read back by an independent reader."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.parts.broker import KafkaBroker
from tests.parts.task_lab import (
    FILE_SOURCE,
    NUMBERS,
    TaskLab,
    committed,
    end_of,
    install_numbers,
)
from tests.workers import eventually

from penstock.runtime.broker import TopicSpec

pytestmark = pytest.mark.integration
SEED = 618


@pytest.fixture
def lab(
    kafka_broker: KafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TaskLab]:
    site = tmp_path / "site"
    site.mkdir()
    install_numbers(site)
    monkeypatch.syspath_prepend(str(site))
    with TaskLab(kafka_broker.bootstrap_servers, tmp_path) as made:
        made.admin.create_topics([TopicSpec(made.name)], 30)
        yield made


def numbers(lab: TaskLab, **keys: str) -> dict[str, str]:
    return {
        "connector.class": NUMBERS,
        "topic": lab.name,
        **{key.replace("_", "."): value for key, value in keys.items()},
    }


def seen(lab: TaskLab) -> list[str]:
    return committed(lab.bootstrap, lab.name)


def up_to(stop: int) -> list[str]:
    return [str(number) for number in range(stop)]


def test_poll_each_batch_is_seen_with_its_offset(lab: TaskLab) -> None:
    lab.start("s", numbers(lab, total="20"))
    eventually(lambda: lab.failed or seen(lab) == up_to(20), 30)
    assert not lab.failed
    assert lab.offsets("s") == [({"of": "numbers"}, {"next": 20})]


def test_interval_one_transaction_for_many_polls(lab: TaskLab) -> None:
    config = numbers(
        lab, total="20", transaction_boundary="interval", transaction_boundary_interval_ms="1500"
    )
    lab.start("s", config)
    raw = eventually(lambda: committed(lab.bootstrap, lab.name, isolation="read_uncommitted"), 30)
    assert raw
    assert seen(lab) == [], "nothing is seen before the interval ends"
    eventually(lambda: seen(lab) == up_to(20), 10)
    assert lab.offsets("s") == [({"of": "numbers"}, {"next": 20})]


def test_interval_stop_commits_what_is_open(lab: TaskLab) -> None:
    config = numbers(
        lab, total="20", transaction_boundary="interval", transaction_boundary_interval_ms="60000"
    )
    incarnation = lab.start("s", config)
    eventually(
        lambda: len(committed(lab.bootstrap, lab.name, isolation="read_uncommitted")) == 20, 30
    )
    lab.stop("s", incarnation)
    assert seen(lab) == up_to(20)
    assert lab.offsets("s") == [({"of": "numbers"}, {"next": 20})]


def test_connector_commits_and_aborts_where_it_says(lab: TaskLab) -> None:
    """0-2 committed, 3-6 aborted at a record, 7-14 committed by a batch, the rest given up."""
    config = numbers(
        lab, total="20", transaction_boundary="connector", script="2=commit,6=abort,+14=commit"
    )
    incarnation = lab.start("s", config)
    eventually(lambda: lab.failed or len(seen(lab)) == 11, 30)
    assert not lab.failed
    kept = [*up_to(3), *(str(number) for number in range(7, 15))]
    assert seen(lab) == kept
    lab.stop("s", incarnation)
    assert seen(lab) == kept
    assert lab.offsets("s") == [({"of": "numbers"}, {"next": 15})]
    # What was given up at the stop is read again.
    lab.start("s", numbers(lab, total="20"))
    eventually(lambda: seen(lab) == [*kept, *(str(number) for number in range(15, 20))], 30)


def test_connector_abort_stores_the_offsets_of_what_it_drops(lab: TaskLab) -> None:
    config = numbers(lab, total="5", transaction_boundary="connector", script="4=abort")
    lab.start("s", config)
    eventually(lambda: lab.offsets("s") == [({"of": "numbers"}, {"next": 5})], 30)
    assert seen(lab) == []


def test_connector_both_ends_at_one_record_fail_the_task(lab: TaskLab) -> None:
    config = numbers(lab, transaction_boundary="connector", script="3=both")
    lab.start("s", config)
    eventually(lambda: lab.failed, 30)
    assert "both commit and abort of same record" in lab.failed[0].reason
    assert seen(lab) == []


def test_own_offsets_topic_takes_part_and_wins(lab: TaskLab) -> None:
    own = f"{lab.name}-own"
    incarnation = lab.start("s", numbers(lab, total="10", offsets_storage_topic=own))
    eventually(lambda: lab.failed or seen(lab) == up_to(10), 30)
    assert not lab.failed
    lab.stop("s", incarnation)
    assert committed(lab.bootstrap, own) or lab.admin.topics(10)[own] == 3
    lab.start("s", numbers(lab, total="15", offsets_storage_topic=own))
    eventually(lambda: lab.failed or seen(lab) == up_to(15), 30)
    assert not lab.failed


def test_own_offsets_topic_without_transactions(lab: TaskLab) -> None:
    """An at-least-once source stores in its own topic first, and the worker's follows."""
    config = numbers(lab, total="10", offsets_storage_topic=f"{lab.name}-own")
    incarnation = lab.start("s", config, exactly_once=False)
    eventually(lambda: lab.failed or seen(lab) == up_to(10), 30)
    lab.stop("s", incarnation)
    assert not lab.failed
    assert lab.offsets("s") == [({"of": "numbers"}, {"next": 10})]
    # What the worker's store says is nothing against the connector's own.
    lab.worker.write_offsets("s", [({"of": "numbers"}, {"next": 3})]).result(30)
    lab.start("s", config | {"total": "12"}, exactly_once=False)
    eventually(lambda: lab.failed or seen(lab) == up_to(12), 30)


def test_own_offsets_topic_is_no_place_for_records(lab: TaskLab) -> None:
    config = {**numbers(lab, total="10"), "topic": lab.properties["offset.storage.topic"]}
    lab.start("s", config)
    eventually(lambda: lab.failed, 30)
    assert "may not produce to their own offsets topics" in lab.failed[0].reason


def test_own_offsets_topic_that_forgets_is_refused(lab: TaskLab) -> None:
    own = f"{lab.name}-own"
    lab.admin.create_topics([TopicSpec(own, config={"cleanup.policy": "delete"})], 30)
    lab.start("s", numbers(lab, offsets_storage_topic=own))
    eventually(lambda: lab.failed, 30)
    assert "'cleanup.policy=compact'" in lab.failed[0].reason
    assert "offsets.storage.topic" in lab.failed[0].reason


def test_transaction_timeout_beyond_the_broker_s_names_what_to_lower(lab: TaskLab) -> None:
    key = "producer.override.transaction.timeout.ms"
    lab.start("s", {**numbers(lab), key: "100000000"})
    eventually(lambda: lab.failed, 60)
    assert "lower the producer's transaction.timeout.ms" in lab.failed[0].reason
    assert not lab.failed[0].fenced, "a new start cures nothing"


def test_record_too_large_fails_the_task_and_shows_nothing(lab: TaskLab) -> None:
    """No error is tolerated in a transaction, whatever ``errors.tolerance`` says."""
    config = numbers(lab, total="20", errors_tolerance="all")
    lab.start("s", {**config, "producer.override.max.request.size": "1000", "pad": "2000"})
    eventually(lambda: lab.failed, 60)
    assert seen(lab) == []


def test_fenced_task_ends_and_says_so(lab: TaskLab, kafka_broker: KafkaBroker) -> None:
    """A stranger with the same transactional id: FAILED, with the cause and what to look for."""
    from confluent_kafka import Producer  # noqa: PLC0415 - only here

    config = numbers(lab, total="1000000", batch="50")
    incarnation = lab.start("s", config)
    lab.running(incarnation)
    stranger = Producer(
        {
            "bootstrap.servers": kafka_broker.bootstrap_servers,
            "transactional.id": f"{lab.name}-s-0",
        }
    )
    stranger.init_transactions(30)
    eventually(lambda: lab.failed, 30)
    assert lab.failed[0].fenced
    assert "group.id" in lab.failed[0].reason


def test_task_without_a_lease_commits_nothing(lab: TaskLab) -> None:
    incarnation = lab.start("s", numbers(lab, total="1000000", batch="50"))
    lab.running(incarnation)
    lab.grant(1.0)
    time.sleep(1.5)
    before = len(seen(lab))
    assert before
    time.sleep(0.7)
    assert len(seen(lab)) == before
    lab.grant(60)
    eventually(lambda: len(seen(lab)) > before, 10)


def test_open_transaction_is_given_up_without_a_lease_and_sent_again_with_one(
    lab: TaskLab,
) -> None:
    """Readers do not wait for it meanwhile, and its records are not lost."""
    config = numbers(
        lab, total="20", transaction_boundary="interval", transaction_boundary_interval_ms="4000"
    )
    incarnation = lab.start("s", config)
    lab.running(incarnation)
    eventually(
        lambda: len(committed(lab.bootstrap, lab.name, isolation="read_uncommitted")) == 20, 30
    )
    lab.grant(0.1)
    topic = lab.name

    def high_is_readable() -> bool:
        """Whether the stable end has reached the end: no transaction is open."""
        stable, end = (
            end_of(lab.bootstrap, topic, isolation)
            for isolation in ("read_committed", "read_uncommitted")
        )
        return stable == end

    eventually(high_is_readable, 20, "the transaction is aborted")
    assert seen(lab) == []
    lab.grant(60)
    eventually(lambda: lab.failed or seen(lab) == up_to(20), 30)
    assert not lab.failed


def test_zombie_that_wakes_up_is_fenced_and_sends_nothing(
    lab: TaskLab, tmp_path: Path, kafka_broker: KafkaBroker
) -> None:
    """A host stands still, its successor goes on, the host wakes up without a lease."""
    config = numbers(lab, total="20000", batch="100")
    incarnation = lab.start("s", config)
    lab.running(incarnation)
    eventually(lambda: seen(lab), 30)
    pid = lab.pid("s")
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        with TaskLab(kafka_broker.bootstrap_servers, tmp_path, name=lab.name) as other:
            other.running(other.start("s", config))
            eventually(lambda: other.failed or seen(lab) == up_to(20000), 60)
            os.kill(pid, signal.SIGCONT)
            lab.gone(incarnation, 30)
            assert seen(lab) == up_to(20000)
            assert not other.failed
        assert lab.failed[0].fenced, "it believed in its place, and was no danger either"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def test_no_kill_loses_or_doubles_a_line(
    lab: TaskLab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """kill -9 at random instants; each line is seen exactly once, in order."""
    choice = random.Random(SEED)  # noqa: S311 - a seeded storm
    total, kills = 50_000, 0
    file = tmp_path / "lines.txt"
    file.write_text("".join(f"line {number:06}\n" for number in range(total)))
    config = {
        "connector.class": FILE_SOURCE,
        "file": str(file),
        "topic": lab.name,
        "batch.size": "200",
    }
    until_s = time.monotonic() + 50
    incarnation = lab.start("s", config)
    while kills < 25 and time.monotonic() < until_s:
        lab.running(incarnation)
        time.sleep(choice.uniform(0.0, 0.25))
        pid = lab.pid("s")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        kills += 1
        lab.gone(incarnation)
        incarnation = lab.start("s", config)
    size = file.stat().st_size
    eventually(lambda: lab.offsets("s") == [({"filename": str(file)}, {"position": size})], 60)
    found = seen(lab)
    sent = committed(lab.bootstrap, lab.name, isolation="read_uncommitted")
    expected = file.read_text().splitlines()
    doubles = sum(count - 1 for count in Counter(found).values())
    with capsys.disabled():
        print(
            f"\nseed {SEED}: {kills} kills, {len(found)} records, {doubles} duplicates, "
            f"{len(set(expected) - set(found))} gaps, {len(sent) - len(found)} aborted records"
        )
    assert not lab.failed
    assert found == expected
