"""Log levels through REST, which the hosts of tasks hear too."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.workers import eventually, worker

pytestmark = pytest.mark.integration


def test_a_level_reaches_the_worker_and_its_tasks(tmp_path: Path) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text("one\n")
    with worker(f"embedded:{tmp_path / 'log.db'}", tmp_path) as running:
        running.put(
            "lines",
            {"connector.class": "FileStreamSource", "file": str(lines), "topic": "t"},
        )
        running.wait_running("lines")
        name = "penstock.runtime.host"
        before = running.request("GET", "/admin/loggers").json()
        assert before["root"]["level"] == "INFO"
        answer = running.request("PUT", f"/admin/loggers/{name}", json={"level": "DEBUG"})
        assert answer.status_code == 200
        assert name in answer.json()
        assert running.request("GET", f"/admin/loggers/{name}").json()["level"] == "DEBUG"
        answer = running.request("PUT", "/admin/loggers/root?scope=cluster", json={"level": "WARN"})
        assert (answer.status_code, answer.content) == (204, b"")
        assert running.request("GET", "/admin/loggers/root").json()["level"] == "WARN"
        running.put(
            "later",
            {"connector.class": "FileStreamSink", "file": str(tmp_path / "o"), "topics": "t"},
        )
        running.wait_running("later")
        eventually((tmp_path / "o").exists, what="the sink goes on as before")
        assert running.request("GET", "/admin/loggers/no.such").status_code == 404
        for body, code in (({}, 400), ({"level": "LOUD"}, 404), ([], 400)):
            got = running.request("PUT", "/admin/loggers/root", json=body)
            assert got.status_code == code
