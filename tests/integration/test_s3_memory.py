"""The S3 sink's memory: thousands of open files within the budget, flat over millions of rows."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from typing import Any, Final

import pytest
from tests.parts.s3_null import NullServer, null_server

MOST_MB: Final = 300
DESCRIPTORS: Final = 1024


def _few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))


def run(server: NullServer, files: int, rows: int, rounds: int, *keys: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.integration.s3_many_files", server.url]
    done = subprocess.run(
        [*command, str(files), str(rows), str(rounds), *keys],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        preexec_fn=_few_descriptors,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param((), id="json"),
        pytest.param(("format_class=parquet",), id="parquet"),
        pytest.param(("s3_compression_type=gzip",), id="gzip", marks=pytest.mark.chaos),
    ],
)
def test_a_thousand_open_files_take_less_than_300_mb(keys: tuple[str, ...]) -> None:
    """Far more is written than the budget of 128 MiB holds; the descriptors stay few as well."""
    with null_server() as server:
        found = run(server, 1000, 250, 8, *keys)
        assert found["done"]
        assert found["peak"] < MOST_MB, found
        assert found["open"] < 64
        assert found["on_disk"] == 0
        objects, size = server.counts()
        assert objects == 1000
        assert size > 100_000_000 or keys


@pytest.mark.chaos
@pytest.mark.parametrize(
    "keys",
    [(), ("format_class=parquet",), ("format_class=avro",), ("s3_compression_type=gzip",)],
    ids=["json", "parquet", "avro", "gzip"],
)
def test_five_thousand_open_files_take_no_more(keys: tuple[str, ...]) -> None:
    with null_server() as server:
        found = run(server, 5000, 50, 10, *keys)
        assert found["done"]
        assert found["peak"] < MOST_MB, found
        assert server.counts()[0] == 5000


@pytest.mark.chaos
@pytest.mark.parametrize("kind", ["json", "parquet", "avro", "csv"])
def test_memory_is_flat_over_two_million_rows(kind: str) -> None:
    with null_server() as server:
        found = run(server, 1, 1000, 2000, f"format_class={kind}", "flush_size=50000")
        assert found["done"]
        rounds = found["rounds"]
        second, last = sorted(rounds[500:1000]), sorted(rounds[-500:])
        assert last[250] - second[250] < 10, found["start"]
        assert server.counts()[0] == 40
