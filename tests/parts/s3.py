"""An S3 stand-in, moto over HTTP, and a proxy that breaks what it is told to."""

from __future__ import annotations

import contextlib
import http.client
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.config import Config

from tests.parts.processes import LOOPBACK, OwnedProcess, free_ports

REGION: Final = "us-east-1"
_ENVIRONMENT: Final = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

Fault = Callable[[str, str], "tuple[int, str] | str | None"]
"""``(action, key) -> (status, code)`` to refuse, ``reset`` to break the connection in the middle of
the body, ``lost`` to carry out the request and break it before the answer; None to pass it on."""


def client(endpoint: str) -> Any:
    """Return a client with the stand-in's credentials."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the stand-in takes any
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def objects(s3: Any, bucket: str) -> dict[str, bytes]:
    """Return all objects of a bucket."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
    return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


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


def _action(method: str, query: str) -> str:
    asked = parse_qs(query, keep_blank_values=True)
    if "uploads" in asked:
        return "CreateMultipartUpload" if method == "POST" else "ListMultipartUploads"
    if "uploadId" in asked:
        names = {"PUT": "UploadPart", "POST": "CompleteMultipartUpload"}
        return names.get(method, "AbortMultipartUpload")
    if "tagging" in asked:
        return "PutObjectTagging"
    return {"PUT": "PutObject", "GET": "GetObject", "HEAD": "Head"}.get(method, method)


class FaultyProxy:
    """Stands before a server; ``seen`` holds the actions asked for and their keys, in order."""

    def __init__(self, target: str) -> None:
        self.fault: Fault = lambda _action, _key: None
        self.seen: list[tuple[str, str]] = []
        proxy, netloc = self, urlsplit(target).netloc

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_expect_100(self) -> bool:
                return super().handle_expect_100()

            def serve(self) -> None:
                parts = urlsplit(self.path)
                action, key = _action(self.command, parts.query), parts.path
                proxy.seen.append((action, key))
                made = proxy.fault(action, key)
                size = int(self.headers.get("Content-Length") or 0)
                if made == "reset":
                    self.rfile.read(size // 2)
                    return self.hang_up()
                body = self.rfile.read(size)
                if isinstance(made, tuple):
                    return self.refuse(*made)
                connection = http.client.HTTPConnection(netloc, timeout=30)
                with contextlib.closing(connection):
                    connection.request(self.command, self.path, body, dict(self.headers.items()))
                    answer = connection.getresponse()
                    found = answer.read()
                if made == "lost":
                    return self.hang_up()
                return self.answer(answer.status, answer.getheaders(), found)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = serve  # noqa: N815 - its names

            def hang_up(self) -> None:
                self.close_connection = True
                with contextlib.suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)

            def refuse(self, status: int, code: str) -> None:
                text = f"<Error><Code>{code}</Code><Message>made up</Message></Error>"
                self.answer(status, [("Content-Type", "application/xml")], text.encode())

            def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
                with contextlib.suppress(ConnectionError):
                    self.send_response_only(status)
                    for name, value in headers:
                        if name.lower() not in {"content-length", "transfer-encoding"}:
                            self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    if self.command != "HEAD":
                        self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
                pass

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://{LOOPBACK}:{self._server.server_port}"

    def asked(self, action: str) -> list[str]:
        """Return the keys that an action was asked for."""
        return [key for name, key in list(self.seen) if name == action]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
