"""Exactly-once tasks and a broker that ends their transactions, takes no rows, or stays away."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from tests.parts.broker import KafkaBroker
from tests.parts.task_lab import FILE_SOURCE, NUMBERS, TaskLab, committed, install_numbers
from tests.workers import cluster, eventually

from penstock.runtime.broker import TopicSpec
from penstock.runtime.kafka.admin import KafkaAdmin

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
TIMEOUT = "producer.override.transaction.timeout.ms"


@pytest.fixture(scope="module")
def impatient() -> Iterator[KafkaBroker]:
    """Give a broker that looks for transactions that took too long five times a second."""
    checks = "transaction.abort.timed.out.transaction.cleanup.interval.ms"
    with KafkaBroker(properties={checks: "200"}) as broker:
        broker.open_groups()
        yield broker


@pytest.fixture
def numbers_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    site = tmp_path / "site"
    site.mkdir()
    install_numbers(site)
    monkeypatch.syspath_prepend(str(site))
    return site


@pytest.fixture
def lab(impatient: KafkaBroker, tmp_path: Path, numbers_site: Path) -> Iterator[TaskLab]:
    with TaskLab(impatient.bootstrap_servers, tmp_path) as made:
        made.admin.create_topics([TopicSpec(made.name)], 30)
        yield made


def numbers(lab: TaskLab, total: int, **keys: str) -> dict[str, str]:
    return {
        "connector.class": NUMBERS,
        "topic": lab.name,
        "total": str(total),
        **{key.replace("_", "."): value for key, value in keys.items()},
    }


def up_to(stop: int) -> list[str]:
    return [str(number) for number in range(stop)]


def is_whole(lab: TaskLab, total: int) -> bool:
    return committed(lab.bootstrap, lab.name) == up_to(total)


def goes_on(lab: TaskLab, config: dict[str, str], done: Callable[[], bool]) -> None:
    """Wait for the end, and start the task again when it was fenced, as a herder does."""
    starts = 0

    def is_done() -> bool:
        nonlocal starts
        if lab.failed:
            assert lab.failed[0].fenced, lab.failed[0].reason
            lab.failed.clear()
            starts += 1
            lab.start("s", config)
        return done()

    eventually(is_done, 90, "all records are there")
    assert starts <= 3


def test_a_transaction_that_takes_too_long_fails_the_task_and_the_next_start_cures_it(
    lab: TaskLab,
) -> None:
    """Validation refuses such a pair of keys; here the task gets it nevertheless."""
    config = numbers(
        lab, 20, transaction_boundary="interval", transaction_boundary_interval_ms="6000"
    )
    first = lab.start("s", {**config, TIMEOUT: "1500"})
    (failed,) = eventually(lambda: lab.failed, 60, "the task fails")
    lab.gone(first)
    assert failed.fenced, "so it starts again by itself"
    assert "raise producer.override.transaction.timeout.ms" in failed.reason
    assert committed(lab.bootstrap, lab.name) == []
    lab.failed.clear()
    second = lab.start("s", numbers(lab, 20))
    eventually(lambda: lab.failed or is_whole(lab, 20), 60)
    assert not lab.failed
    lab.stop("s", second)


def test_the_default_interval_is_no_longer_than_its_transactions(lab: TaskLab) -> None:
    """The broker gets the interval and a minute, where it would get the interval's own 60 s."""
    config = numbers(lab, 20, transaction_boundary="interval")
    lab.properties["offset.flush.interval.ms"] = "60000"
    incarnation = lab.start("s", config)
    lab.running(incarnation)
    eventually(lambda: committed(lab.bootstrap, lab.name, isolation="read_uncommitted"), 30, "sent")
    lab.stop("s", incarnation)
    assert is_whole(lab, 20)


def test_a_broker_that_is_away_for_longer_than_the_transaction_doubles_nothing(
    lab: TaskLab, impatient: KafkaBroker
) -> None:
    """It aborts what was open as it comes back: the task is fenced, or has sent it again."""
    total = 40_000
    config = {**numbers(lab, total, batch="200"), TIMEOUT: "2000"}
    lab.start("s", config)
    eventually(lambda: committed(lab.bootstrap, lab.name), 30, "the first records")
    impatient.pause()
    try:
        time.sleep(4.0)  # what is tested: time that passes
    finally:
        impatient.resume()
    goes_on(lab, config, lambda: is_whole(lab, total))


def test_too_few_replicas_in_sync_are_named_and_waited_for(
    numbers_site: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A cluster of its own: what is made while one of two brokers is away would stay broken."""
    topic = "two"
    said: list[str] = []

    def has_named_it() -> bool:
        said.append(capfd.readouterr().err)
        return "min.insync.replicas" in "".join(said)

    with KafkaBroker(heap="256m") as first, contextlib.ExitStack() as stack:
        first.open_groups()
        # The topics with one replica are made before there is a second broker to hold it.
        lab = stack.enter_context(TaskLab(first.bootstrap_servers, tmp_path))
        _take(first, "any")
        second = stack.enter_context(KafkaBroker(joins=first, heap="256m"))
        lab.admin.create_topics([TopicSpec(topic, 1, 2, {"min.insync.replicas": "2"})], 30)
        config = {**numbers(lab, 20), "topic": topic, TIMEOUT: "2000"}
        incarnation = lab.start("s", config)
        eventually(lambda: lab.failed or committed(lab.bootstrap, topic) == up_to(20), 60)
        lab.stop("s", incarnation)
        assert not lab.failed
        second.kill()
        _admins_answer(first, topic)
        config["total"] = "40"
        lab.start("s", config)
        eventually(has_named_it, 30, "the cause is told")
        assert committed(lab.bootstrap, topic) == up_to(20)
        # What was open cannot be aborted yet either; a task that was fenced starts again.
        second.restart()
        goes_on(lab, config, lambda: committed(lab.bootstrap, topic) == up_to(40))


def _admins_answer(broker: KafkaBroker, topic: str) -> None:
    """Ask by clients that hold the dead broker for the controller, each second one by chance."""
    servers = broker.bootstrap_servers
    admins = [KafkaAdmin({"bootstrap.servers": servers}, bootstrap=servers) for _ in range(8)]
    for admin in admins:
        assert topic in admin.topics(5)
    for admin in admins:
        assert admin.topic_config(topic, "min.insync.replicas", 20) == "2"


def test_a_stranger_that_comes_again_and_again_is_outlived(
    impatient: KafkaBroker, tmp_path: Path
) -> None:
    """The task starts again by itself after each fencing, and each line is seen once."""
    group = f"strange-{uuid.uuid4().hex[:8]}"
    file = tmp_path / "lines.txt"
    file.touch()
    config = {"connector.class": FILE_SOURCE, "file": str(file), "topic": group}
    enabled = {"exactly_once_source_support": "enabled"}
    admin = AdminClient({"bootstrap.servers": impatient.bootstrap_servers})
    admin.create_topics([NewTopic(group, 1, 1)])[group].result(30)
    with cluster(impatient.bootstrap_servers, tmp_path, group, 1, **enabled) as (member,):
        member.put("src", config)
        member.wait_running("src", 60)
        for times in range(1, 4):
            _take(impatient, f"{group}-src-0")
            with file.open("a") as more:
                more.writelines(f"{times} {line}\n" for line in range(1_000))
            eventually(
                lambda times=times: (
                    len(committed(impatient.bootstrap_servers, group)) == times * 1_000
                ),
                60,
                "the lines of this round",
            )
        assert committed(impatient.bootstrap_servers, group) == file.read_text().splitlines()
        truth = member.request("GET", "/penstock/connectors/src").json()
    assert truth["tasks"][0]["restarts"] >= 3, truth


def _take(broker: KafkaBroker, own: str) -> None:
    """Take a transactional id over, as another Connect cluster of that name would."""
    stranger = Producer({"bootstrap.servers": broker.bootstrap_servers, "transactional.id": own})
    try:
        stranger.init_transactions(30)
    except KafkaException as problem:
        raise AssertionError(problem.args[0].str()) from problem
