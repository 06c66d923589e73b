"""Three workers and the broker killed: a read_committed reader sees each line exactly once."""

from __future__ import annotations

import os
import random
import time
import uuid
from collections import Counter
from pathlib import Path

import pytest
from tests.parts.broker import KafkaBroker
from tests.parts.task_lab import FILE_SOURCE, committed
from tests.workers import ClusterMember, cluster, eventually

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1200)]
LINES = int(os.environ.get("PENSTOCK_CHAOS_LINES", "300000"))
SEEDS = range(int(os.environ.get("PENSTOCK_CHAOS_SEEDS", "1")))
BROKER_EVERY = 4
KILLS = 12


def answering(members: list[ClusterMember]) -> ClusterMember:
    return next(one for one in members if one.process is not None and one.process.poll() is None)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_line_is_seen_once_whatever_is_killed(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    choice = random.Random(seed)  # noqa: S311 - a seeded storm
    group = f"eos-{uuid.uuid4().hex[:8]}"
    file = tmp_path / "lines.txt"
    file.touch()
    config = {
        "connector.class": FILE_SOURCE,
        "file": str(file),
        "topic": group,
        "batch.size": "500",
        "exactly.once.support": "required",
    }
    kills = Counter[str]()
    with (
        KafkaBroker() as broker,
        cluster(
            broker.bootstrap_servers,
            tmp_path,
            group,
            3,
            exactly_once_source_support="enabled",
        ) as members,
    ):
        broker.open_groups()
        answering(members).put("s", config)
        answering(members).wait_running("s", 60)
        for number in range(KILLS):
            with file.open("a") as more:
                first = number * LINES // KILLS
                last = (number + 1) * LINES // KILLS
                more.writelines(f"line {line:09}\n" for line in range(first, last))
            time.sleep(choice.uniform(0.0, 2.0))
            if number % BROKER_EVERY == BROKER_EVERY - 1:
                broker.kill()
                broker.restart()
                kills["broker"] += 1
            else:
                member = choice.choice(members)
                member.kill()
                member.start()
                kills["worker"] += 1
        size = file.stat().st_size

        def is_all_stored() -> bool:
            answer = answering(members).request("GET", "/connectors/s/offsets")
            places = answer.json().get("offsets", []) if answer.status_code == 200 else []
            return [one["offset"]["position"] for one in places] == [size]

        eventually(is_all_stored, 300, "all is stored")
        found = committed(broker.bootstrap_servers, group)
        sent = committed(broker.bootstrap_servers, group, isolation="read_uncommitted")
    expected = file.read_text().splitlines()
    doubles = sum(count - 1 for count in Counter(found).values())
    with capsys.disabled():
        print(
            f"\nseed {seed}: {dict(kills)} killed, {len(found)} records, {doubles} duplicates, "
            f"{len(set(expected) - set(found))} gaps, {len(sent) - len(found)} aborted records"
        )
    assert found == expected
