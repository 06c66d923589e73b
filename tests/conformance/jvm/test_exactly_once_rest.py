"""What clusters with exactly-once sources answer, the original's beside ours."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.parts.broker import KafkaBroker
from tests.parts.jvm_connect import JvmConnectWorker
from tests.parts.task_lab import FILE_SOURCE
from tests.workers import ClusterMember, cluster_properties

pytestmark = pytest.mark.integration
KEYS = ("exactly.once.support", "transaction.boundary", "transaction.boundary.interval.ms")
BASE = {"name": "s", "connector.class": FILE_SOURCE, "topic": "t", "tasks.max": "1"}
WITH_FILE = {**BASE, "file": "/in.txt"}
CONFIGS = {
    "required of a file": {**WITH_FILE, "exactly.once.support": "required"},
    "required of standard input": {**BASE, "exactly.once.support": "required"},
    "requested of standard input": {**BASE, "exactly.once.support": "requested"},
    "boundaries of its own": {**WITH_FILE, "transaction.boundary": "connector"},
    "required, boundaries of its own": {
        **WITH_FILE,
        "exactly.once.support": "required",
        "transaction.boundary": "connector",
    },
    "upper case": {**WITH_FILE, "exactly.once.support": "REQUIRED", "transaction.boundary": "POLL"},
    "an interval": {
        **WITH_FILE,
        "transaction.boundary": "interval",
        "transaction.boundary.interval.ms": "1000",
    },
    "a support that is none": {**WITH_FILE, "exactly.once.support": "perhaps"},
    "a boundary that is none": {**WITH_FILE, "transaction.boundary": "whenever"},
    "an interval that is none": {**WITH_FILE, "transaction.boundary.interval.ms": "soon"},
    "an interval below one": {**WITH_FILE, "transaction.boundary.interval.ms": "0"},
}


@pytest.fixture(scope="module", params=["enabled", "disabled"])
def urls(
    request: pytest.FixtureRequest,
    kafka_broker: KafkaBroker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, str]]:
    """Give the addresses of the original and of ours, each alone in its cluster."""
    at, support = kafka_broker.bootstrap_servers, request.param
    name = f"eosrest-{uuid.uuid4().hex[:8]}"
    theirs = {**cluster_properties(f"{name}-jvm"), "exactly.once.source.support": support}
    folder: Path = tmp_path_factory.mktemp("ours")
    ours = ClusterMember(at, folder, f"{name}-ours", exactly_once_source_support=support)
    group = f"{name}-jvm"
    with JvmConnectWorker(at, mode="distributed", properties=theirs, group=group) as jvm:
        try:
            yield jvm.rest_url, ours.start().url
        finally:
            ours.stop()


def told(url: str, config: dict[str, str]) -> dict[str, Any]:
    path = f"{url}/connector-plugins/FileStreamSource/config/validate"
    answer = httpx.put(path, json=config, timeout=90)
    assert answer.status_code == 200, answer.text
    values = [one["value"] for one in answer.json()["configs"]]
    return {one["name"]: one["errors"] for one in values if one["name"] in KEYS}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_preflight_finds_the_same(urls: tuple[str, str], config: dict[str, str]) -> None:
    theirs, ours = (told(url, config) for url in urls)
    assert set(ours) == set(theirs)
    for key in KEYS:
        assert bool(ours[key]) == bool(theirs[key]), (key, theirs[key], ours[key])
        for their, our in zip(theirs[key], ours[key], strict=False):
            # Ours goes on where the original ends: what to do about it.
            assert our.startswith(their.rstrip(". ")) or _as_choice(their) == _as_choice(our)


def _as_choice(text: str) -> str:
    """Return whose value of which key is wrong; how the allowed ones are listed differs."""
    found = re.match(r"Invalid value (\S+) for configuration ([\w.]+)", text)
    return text if found is None else f"{found[1]} {found[2]}".lower()


def test_an_unsigned_fence_is_refused_alike(urls: tuple[str, str]) -> None:
    theirs, ours = (httpx.put(f"{url}/connectors/nobody/fence", timeout=90) for url in urls)
    assert ours.status_code == theirs.status_code
    assert ours.json()["error_code"] == theirs.json()["error_code"]
    assert ours.json()["message"] == theirs.json()["message"]


def test_a_worker_that_has_not_joined_yet_is_closed(
    kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    """From the first answer on: that nobody has made a key yet lets nobody in."""
    worker = ClusterMember(kafka_broker.bootstrap_servers, tmp_path, f"{uuid.uuid4().hex[:8]}-new")
    try:
        answer = httpx.put(f"{worker.start().url}/connectors/nobody/fence", timeout=90)
        tasks = httpx.post(f"{worker.url}/connectors/nobody/tasks", json=[], timeout=90)
    finally:
        worker.stop()
    assert [answer.status_code, tasks.status_code] == [400, 400]
    assert "signature" in answer.json()["message"]
