"""The S3 sink in a real worker: topic to objects, its task's process killed on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.integration.s3_doubles import BUCKET, raw_config
from tests.parts.s3 import client, moto_server, objects
from tests.workers import eventually, worker

LINES = 60_000
KILLS = 4


def _lines(s3: Any) -> list[str]:
    found = objects(s3, BUCKET)
    return [json.loads(line) for name in sorted(found) for line in found[name].splitlines()]


def test_killed_tasks_write_every_record_once(tmp_path: Path) -> None:
    """flush.size is exact; the last, which fill no file, come when the topic is idle."""
    source = tmp_path / "in.txt"
    wanted = [f"line {i:06d}" for i in range(LINES)]
    source.write_text("".join(f"{line}\n" for line in wanted))
    with (
        moto_server(tmp_path) as url,
        worker(f"embedded:{tmp_path / 'log.db'}", tmp_path) as running,
    ):
        s3 = client(url)
        s3.create_bucket(Bucket=BUCKET)
        running.put(
            "lines",
            {"connector.class": "FileStreamSource", "file": str(source), "topic": "orders"},
        )
        config = raw_config(url, flush_size="700", flush_idle_ms="2000", tasks_max="1")
        config["connector.class"] = "io.confluent.connect.s3.S3SinkConnector"
        running.put("lake", config)
        for kill in range(KILLS):
            running.wait_running("lake")
            eventually(lambda kill=kill: len(objects(s3, BUCKET)) > 3 * kill, 60, "objects")  # type: ignore[misc]  # of a loop
            running.host_of("lake-0").kill()
            eventually(lambda: running.task_state("lake") == "FAILED", 30, "the loss is seen")
            running.request("POST", "/connectors/lake/tasks/0/restart")
        eventually(lambda: len(_lines(s3)) >= LINES, 90, "all lines")
        assert _lines(s3) == wanted
        assert s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


def test_a_bucket_that_is_not_there_is_told_when_the_connector_is_made(tmp_path: Path) -> None:
    with (
        moto_server(tmp_path) as url,
        worker(f"embedded:{tmp_path / 'log.db'}", tmp_path) as running,
    ):
        answer = running.request("PUT", "/connectors/lake/config", json=raw_config(url))
        assert answer.status_code == 400
        assert "correct s3.bucket.name" in answer.text
