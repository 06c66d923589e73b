"""A small real HTTP proxy: it takes requests for whole URLs, and asks for a password."""

from __future__ import annotations

import base64
import contextlib
import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.parts.processes import LOOPBACK

_OWN = ("proxy-authorization", "proxy-connection", "connection")


class HttpProxy:
    """Forwards plain requests; ``seen`` are the hosts that were asked for."""

    def __init__(self, user: str, password: str) -> None:
        proxy = self
        self.seen: list[str] = []
        self.refused = 0
        wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Proxy-Authorization") != wanted:
                    proxy.refused += 1
                    return self.answer(407, b"", {"Proxy-Authenticate": "Basic"})
                target = urlsplit(self.path)
                proxy.seen.append(target.netloc)
                kept = {
                    name: text for name, text in self.headers.items() if name.lower() not in _OWN
                }
                connection = http.client.HTTPConnection(target.netloc, timeout=30)
                with contextlib.closing(connection):
                    connection.request("POST", target.path or "/", body, kept)
                    answer = connection.getresponse()
                    kind = {"Content-Type": answer.headers.get("Content-Type", "")}
                    return self.answer(answer.status, answer.read(), kind)

            def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, text in headers.items():
                    self.send_header(name, text)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
                pass

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://{LOOPBACK}:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
