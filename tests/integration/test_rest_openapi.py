"""Requests made from the OpenAPI document, good and bad, to live workers of both kinds.

No answer may be a server error, or another than the document tells.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.parts.broker import KafkaBroker
from tests.workers import PenstockWorker, cluster, worker

pytestmark = pytest.mark.integration

SECONDS = 12
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
"""Not the content type: what HTTP itself refuses has none, as in the original."""


def ask_everything(one: PenstockWorker, folder: Path) -> None:
    """Run schemathesis against a worker; fails with what it found."""
    asked = subprocess.run(
        [
            *(sys.executable, "-c", "from schemathesis.cli import schemathesis as s; s()", "run"),
            f"{one.url}/openapi.json",
            *("--phases", "examples,coverage,fuzzing", "--checks", ",".join(CHECKS)),
            *("--mode", "all", "--max-examples", "5", "--max-time", str(SECONDS)),
            *("--generation-deterministic", "--no-shrink", "--continue-on-failure"),
            *("--no-color", "--warnings", "off"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS * 5,
        check=False,
    )
    assert asked.returncode == 0, asked.stdout[:12000] + asked.stderr[-2000:]
    assert "Tested: " in asked.stdout
    assert one.request("GET", "/health").json()["status"] == "healthy"
    log = one.log.read_text()
    assert "Traceback" not in log, log[-4000:]


def test_requests_made_from_the_document_to_a_worker_that_is_alone(tmp_path: Path) -> None:
    with worker(f"embedded:{tmp_path / 'log.db'}", tmp_path) as one:
        ask_everything(one, tmp_path)


def test_requests_made_from_the_document_to_a_cluster(
    kafka_broker: KafkaBroker, tmp_path: Path
) -> None:
    with cluster(kafka_broker.bootstrap_servers, tmp_path, "rest-openapi", 1) as (one,):
        ask_everything(one, tmp_path)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_document_is_served_whole(tmp_path: Path, method: str) -> None:
    with worker(f"embedded:{tmp_path / 'log.db'}", tmp_path) as one:
        answer = one.request(method, "/openapi.json")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        if method == "GET":
            assert answer.json()["openapi"].startswith("3.1")
            assert "/connectors/{name}/topics" in answer.json()["paths"]
        assert one.request("DELETE", "/openapi.json").status_code == 405
