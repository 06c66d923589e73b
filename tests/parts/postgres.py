"""A real PostgreSQL server with logical replication, from Debian's package, on a free port."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from tests.parts.maven import PartsUnavailableError

__all__ = ["Postgres"]

_START_S = 30.0


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found or not shutil.which("psql"):
        raise PartsUnavailableError("there is no PostgreSQL server here (Debian: postgresql)")
    return found[-1].parent


class Postgres:
    """One server of its own; it refuses to run as root, so it runs as ``postgres`` there."""

    user = "postgres"

    def __init__(self) -> None:
        self._binaries = _binaries()
        self._owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="postgres-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if self._owner is not None:
            os.chown(self._folder, self._owner.pw_uid, self._owner.pw_gid)
        data = str(self._folder / "data")
        words = ["initdb", "-D", data, "-A", "trust", "-U", self.user, "-E", "UTF8", "-N"]
        assert self._spawn(*words).wait(_START_S) == 0, "initdb failed"
        settings = [
            "listen_addresses=127.0.0.1",
            f"port={self.port}",
            f"unix_socket_directories={self._folder}",
            "wal_level=logical",
            "fsync=off",
        ]
        more = [word for setting in settings for word in ("-c", setting)]
        self._process = self._spawn("postgres", "-D", data, *more)
        deadline = time.monotonic() + _START_S
        ask = [str(self._binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ask, check=False).returncode != 0:
            assert self._process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not answer"
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)  # at once, with its children
            self._process.wait(_START_S)
        shutil.rmtree(self._folder, ignore_errors=True)

    def sql(self, text: str) -> str:
        """Run statements and return what they print, without headings."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", self.user]
        done = subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *where, "-c", text],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def _spawn(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        owner = self._owner
        return subprocess.Popen(
            [str(self._binaries / program), *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
        )
