"""Kinesis stand-ins: moto for quick tests, kinesis-local for reshards, and a proxy with faults."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from tests.parts.maven import PartsUnavailableError, cache_dir, cache_lock
from tests.parts.processes import LOOPBACK, OwnedProcess, free_ports

REGION: Final = "eu-west-1"
_PACKAGE: Final = "kinesis-local"
_VERSION: Final = "0.6.2"
_ENVIRONMENT: Final = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
_DURATIONS: Final = ("CREATE_STREAM", "DELETE_STREAM", "SPLIT_SHARD", "MERGE_SHARDS")

Fault = Callable[[str, Mapping[str, Any]], "tuple[int, Mapping[str, Any]] | None"]
"""``(action, request) -> (status, answer)``, or None to ask the real server."""


def client(endpoint: str, region: str = REGION) -> Any:
    """Return a client with the stand-ins' credentials."""
    return boto3.client(
        "kinesis",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - stand-ins take any
        config=Config(retries={"total_max_attempts": 1}),
    )


def make_stream(kinesis: Any, name: str, shards: int) -> None:
    """Create a stream and wait until it can be used."""
    kinesis.create_stream(StreamName=name, ShardCount=shards)
    until_active(kinesis, name)


def until_active(kinesis: Any, name: str, timeout_s: float = 20.0) -> None:
    """Wait until a stream's shards do not change any more."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        if summary["StreamStatus"] == "ACTIVE":
            return
        if time.monotonic() > deadline_s:
            raise AssertionError(f"stream {name} is {summary['StreamStatus']}")
        time.sleep(0.05)


@contextlib.contextmanager
def moto_server(folder: Path) -> Iterator[str]:
    """Run moto and give its address."""
    (port,) = free_ports(1)
    process = OwnedProcess(
        "moto",
        [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(port)],
        log_path=folder / "moto.log",
        environment=_ENVIRONMENT,
    )
    try:
        process.wait_for_port(port)
        yield f"http://{LOOPBACK}:{port}"
    finally:
        process.kill()


@contextlib.contextmanager
def kinesis_local(folder: Path) -> Iterator[str]:
    """Run kinesis-local, which is fetched once, and give its address."""
    home = _fetched()
    plain, tls = free_ports(2)
    process = OwnedProcess(
        "kinesis-local",
        ["node", "main.js"],
        log_path=folder / "kinesis-local.log",
        environment={
            "KINESIS_MOCK_PLAIN_PORT": str(plain),
            "KINESIS_MOCK_TLS_PORT": str(tls),
            "SHARD_LIMIT": "1000",
            "LOG_LEVEL": "ERROR",
            **{f"{name}_DURATION": "50ms" for name in _DURATIONS},
        },
        folder=home,
    )
    try:
        process.wait_for_port(plain)
        yield f"http://{LOOPBACK}:{plain}"
    finally:
        process.kill()


def _fetched() -> Path:
    name = f"{_PACKAGE}-{_VERSION}"
    home = cache_dir() / "npm" / name
    found = home / "node_modules" / _PACKAGE
    with cache_lock(name):
        if (found / "main.js").exists():
            return found
        if shutil.which("npm") is None or shutil.which("node") is None:
            raise PartsUnavailableError("no npm and node on this machine")
        home.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [
                "npm",
                "install",
                "--no-audit",
                "--no-fund",
                "--prefix",
                str(home),
                f"{_PACKAGE}@{_VERSION}",
            ],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode:
            raise PartsUnavailableError(f"{_PACKAGE} cannot be fetched: {done.stderr[-500:]}")
    return found


class FaultyProxy:
    """Stands before a server and answers some requests itself; what it says is up to ``fault``.

    ``seen`` holds the actions asked for, in order, with their requests.
    """

    def __init__(self, target: str) -> None:
        self.fault: Fault = lambda _action, _request: None
        self.seen: list[tuple[str, Mapping[str, Any]]] = []
        proxy, netloc = self, urlsplit(target).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                action = self.headers["X-Amz-Target"].rpartition(".")[2]
                request = json.loads(body)
                proxy.seen.append((action, request))
                made = proxy.fault(action, request)
                if made is not None:
                    return self.answer(made[0], json.dumps(made[1]).encode())
                connection = http.client.HTTPConnection(netloc, timeout=30)
                with contextlib.closing(connection):
                    connection.request("POST", "/", body, dict(self.headers.items()))
                    answer = connection.getresponse()
                    return self.answer(answer.status, answer.read())

            def answer(self, status: int, body: bytes) -> None:
                with contextlib.suppress(ConnectionError):
                    self.send_response(status)
                    self.send_header("Content-Type", "application/x-amz-json-1.1")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
                pass

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://{LOOPBACK}:{self._server.server_port}"

    def asked(self, action: str) -> list[Mapping[str, Any]]:
        """Return the requests of one action so far."""
        return [request for name, request in list(self.seen) if name == action]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def refusal(code: str, status: int = 400, message: str = "made up") -> tuple[int, dict[str, str]]:
    """Return an error as the service words it."""
    return status, {"__type": code, "message": message}
