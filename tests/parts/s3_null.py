"""An S3 that counts and keeps nothing, in a process of its own, and how much it can take.

``GET /?counts`` tells how many objects were completed and how many bytes came.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Final

__all__ = ["NullServer", "null_server"]

_STARTED: Final = (
    b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
)
_COMPLETED: Final = (
    b'<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>'
)
_NO_UPLOADS: Final = b"<ListMultipartUploadsResult></ListMultipartUploadsResult>"
_BUFFER: Final = 1 << 20
_SECONDS: Final = 2.0


class _Server:
    """A thread a connection; bodies are read over each other, outside of the interpreter's lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects = 0
        self._bytes = 0

    def serve(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._answer_all, args=(connection,), daemon=True).start()

    def _answer_all(self, connection: socket.socket) -> None:
        buffer = bytearray(_BUFFER)
        with contextlib.suppress(OSError), connection:
            rest = b""
            while True:
                while b"\r\n\r\n" not in rest:
                    got = connection.recv(65536)
                    if not got:
                        return
                    rest += got
                head, _, rest = rest.partition(b"\r\n\r\n")
                rest = self._answer(connection, head, rest, buffer)

    def _answer(
        self, connection: socket.socket, head: bytes, rest: bytes, buffer: bytearray
    ) -> bytes:
        first, _, lines = head.partition(b"\r\n")
        method, target, _ = first.split(b" ", 2)
        lower = lines.lower()
        _, found, size_text = lower.partition(b"content-length: ")
        size = int(size_text.partition(b"\r\n")[0]) if found else 0
        if b"100-continue" in lower:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        taken = min(size, len(rest))
        rest, left = rest[taken:], size - taken
        while left:
            count = connection.recv_into(buffer, min(left, _BUFFER))
            if not count:
                raise ConnectionError("the body ends early")
            left -= count
        body = self._body(method, target, size)
        connection.sendall(
            b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: %d\r\n\r\n%b' % (len(body), body)
        )
        return rest

    def _body(self, method: bytes, target: bytes, size: int) -> bytes:
        is_part = b"uploadId=" in target
        if method == b"PUT":
            with self._lock:
                self._bytes += size
                self._objects += not is_part and b"tagging" not in target
        elif method == b"POST" and is_part:
            with self._lock:
                self._objects += 1
            return _COMPLETED
        elif method == b"POST":
            return _STARTED
        elif b"?counts" in target:
            with self._lock:
                return json.dumps({"objects": self._objects, "bytes": self._bytes}).encode()
        elif b"uploads" in target:
            return _NO_UPLOADS
        return b""


class NullServer:
    """The running server, seen from outside."""

    def __init__(self, port: int, pid: int) -> None:
        """Note where it is."""
        self.port = port
        self.pid = pid
        self.url = f"http://127.0.0.1:{port}"

    def counts(self) -> tuple[int, int]:
        """Return (objects, bytes) since the start."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", "/?counts")
            found = json.loads(connection.getresponse().read())
        return int(found["objects"]), int(found["bytes"])

    def limit(self, body_bytes: int) -> tuple[float, float]:
        """Return (requests/s, MB/s) that it takes of one client that does nothing else."""
        body = b"x" * body_bytes
        head = b"PUT /b/limit?uploadId=u HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % body_bytes
        count = 0
        with socket.create_connection(("127.0.0.1", self.port)) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            began = time.perf_counter()
            while time.perf_counter() - began < _SECONDS:
                client.sendall(head)
                client.sendall(body)
                client.recv(65536)
                count += 1
            took_s = time.perf_counter() - began
        return count / took_s, count * body_bytes / took_s / 1e6


@contextlib.contextmanager
def null_server() -> Iterator[NullServer]:
    """Run the server until the block ends."""
    command = [sys.executable, "-m", "tests.parts.s3_null"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = server.stdout.readline().strip() if server.stdout else ""
            yield NullServer(int(port), server.pid)
        finally:
            server.kill()


if __name__ == "__main__":
    _Server().serve()
