"""The listeners of a real worker: admin endpoints apart, headers and origins of the user's."""

from __future__ import annotations

import socket
from pathlib import Path

import httpx
import pytest
from tests.workers import worker

pytestmark = pytest.mark.integration


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_admin_endpoints_answer_at_their_own_listener_alone(tmp_path: Path) -> None:
    admin = f"http://127.0.0.1:{free_port()}"
    with worker(
        f"embedded:{tmp_path / 'log.db'}",
        tmp_path,
        admin_listeners=admin,
        access_control_allow_origin="https://a.example",
        response_http_headers_config="set X-Frame-Options: DENY",
    ) as running:
        assert running.request("GET", "/admin/loggers").status_code == 404
        assert httpx.get(f"{admin}/admin/loggers").json()["root"]["level"] == "INFO"
        assert httpx.get(f"{admin}/connectors").status_code == 404
        answer = running.request("GET", "/connectors", headers={"Origin": "https://a.example"})
        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        assert answer.headers["x-frame-options"] == "DENY"


def test_admin_endpoints_can_be_closed(tmp_path: Path) -> None:
    with worker(f"embedded:{tmp_path / 'log.db'}", tmp_path, admin_listeners="") as running:
        assert running.request("GET", "/admin/loggers").status_code == 404
        assert running.request("GET", "/").status_code == 200


def test_wrong_headers_end_the_start_with_a_clear_word(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match=r"response\.http\.headers\.config"),
        worker(
            f"embedded:{tmp_path / 'log.db'}",
            tmp_path,
            response_http_headers_config="shout X: 1",
        ),
    ):
        pass
