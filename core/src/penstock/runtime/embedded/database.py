"""The SQLite file: opened when first used, prepared, and guarded by transactions."""

from __future__ import annotations

import base64
import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from penstock.errors import BrokerError
from penstock.runtime.embedded.address import Address, Durability
from penstock.runtime.embedded.failures import LockedError, failure

__all__ = ["APPLICATION_ID", "FORMAT", "LOCK_WAIT_S", "Database"]

APPLICATION_ID: Final = 0x50656E73
"""``Pens``: marks the file as ours in its SQLite header."""
FORMAT: Final = 1
"""The version of tables and segments; a file with a higher one is refused."""
LOCK_WAIT_S: Final = 10.0
"""How long to wait for other writers, unless the caller is in more of a hurry."""
PAGE_BYTES: Final = 16 * 1024
"""Large, for segments of up to a MiB; not larger, since a lone small record writes two pages."""
CHECKPOINT_BYTES: Final = 16 * 1024 * 1024
"""How much the write-ahead log grows before it is copied into the file."""
WAL_BYTES_MAX: Final = 64 * 1024 * 1024
"""From where on a writer waits for readers to step aside, so that the log can begin anew."""
_STEP_ASIDE_S: Final = 0.2
"""How long it waits: a reader that was stopped in the middle must not stop the writers."""
_OPEN_RETRY_S: Final = 0.01

_TABLES: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE topic (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL);
CREATE TABLE segment (
    topic INTEGER NOT NULL, part INTEGER NOT NULL,
    base INTEGER NOT NULL, count INTEGER NOT NULL, size INTEGER NOT NULL,
    stamp INTEGER NOT NULL, data BLOB NOT NULL);
CREATE UNIQUE INDEX segment_place ON segment (topic, part, base, count, size);
CREATE TABLE position (
    team TEXT NOT NULL, topic INTEGER NOT NULL, part INTEGER NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (team, topic, part)) WITHOUT ROWID;
CREATE TABLE team (
    name TEXT PRIMARY KEY, version INTEGER NOT NULL, topics INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE member (
    team TEXT NOT NULL, id TEXT NOT NULL, subscription TEXT NOT NULL,
    boot TEXT NOT NULL, namespace TEXT NOT NULL, pid INTEGER NOT NULL, started INTEGER NOT NULL,
    seen REAL NOT NULL, session REAL NOT NULL, patience REAL NOT NULL,
    PRIMARY KEY (team, id)) WITHOUT ROWID;
CREATE TABLE lease (
    team TEXT NOT NULL, topic INTEGER NOT NULL, part INTEGER NOT NULL, owner TEXT, wanted TEXT,
    PRIMARY KEY (team, topic, part)) WITHOUT ROWID;
"""
"""``team`` is a consumer group (GROUP is a word of SQL). Offsets are dense: a segment holds the
offsets ``base`` to ``base + count - 1``. ``lease.owner`` is who reads, ``wanted`` who should."""


class Database:
    """One connection. Owner: the thread, and the process, that use it first."""

    def __init__(self, address: Address) -> None:
        """Remember the address; nothing is opened before it is needed."""
        self.path = Path(address.path).expanduser().absolute()
        self._synchronous = "FULL" if address.durability is Durability.POWER else "NORMAL"
        self._connection: sqlite3.Connection | None = None
        self._pid = 0
        self._lock_wait_ms = -1
        self._wal_bytes_max = WAL_BYTES_MAX

    @contextlib.contextmanager
    def write(self, doing: str, wait_s: float = LOCK_WAIT_S) -> Iterator[sqlite3.Connection]:
        """Run the body in a write transaction: all of it is stored, or nothing.

        Raises:
            LockedError: other processes kept the file locked for ``wait_s``.
            BrokerError: anything else that SQLite refuses.
        """
        try:
            connection = self._opened(wait_s)
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except sqlite3.Error as problem:
            self._undo()
            raise failure(self.path, doing, problem) from problem
        except BaseException:
            self._undo()
            raise

    @contextlib.contextmanager
    def read(self, doing: str, wait_s: float = LOCK_WAIT_S) -> Iterator[sqlite3.Connection]:
        """Run the body's statements, each on the newest state; raises as :meth:`write`."""
        try:
            yield self._opened(wait_s)
        except sqlite3.Error as problem:
            raise failure(self.path, doing, problem) from problem

    def version(self) -> int:
        """Return a number that changes when another connection has stored something."""
        with self.read("looking for news") as connection:
            return int(connection.execute("PRAGMA data_version").fetchone()[0])

    def keep_bounded(self) -> None:
        """Empty the write-ahead log when it has grown too large; for those who write much.

        SQLite empties it only at a moment without readers, which busy readers may never grant.
        """
        try:
            size = self.path.with_name(self.path.name + "-wal").stat().st_size
        except OSError:
            return
        if size <= self._wal_bytes_max:
            return
        with self.read("emptying the write-ahead log", _STEP_ASIDE_S) as connection:
            hindered = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        # When a reader is stuck, each attempt costs the whole wait: the next one comes later.
        self._wal_bytes_max = WAL_BYTES_MAX + (size if hindered else 0)

    def close(self) -> None:
        """Close the connection; used again, it is opened again."""
        connection, self._connection = self._connection, None
        if connection is not None and self._pid == os.getpid():
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _undo(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    def _opened(self, wait_s: float) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._open()
            self._pid = os.getpid()
            self._lock_wait_ms = -1
        if self._pid != os.getpid():
            # SQLite's locks do not follow a fork: the parent's connection would damage the file.
            raise BrokerError(
                f"embedded log '{self.path}': a client was used before a fork and after it; "
                "make one on each side"
            )
        wait_ms = max(0, round(wait_s * 1000))
        if wait_ms != self._lock_wait_ms:
            self._connection.execute(f"PRAGMA busy_timeout={wait_ms}")
            self._lock_wait_ms = wait_ms
        return self._connection

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            is_folder = self.path.is_dir()
        except OSError as problem:
            raise BrokerError(
                f"embedded log '{self.path}': its folder cannot be used ({problem.strerror}); "
                "make the folder, or name another file"
            ) from problem
        if is_folder:
            raise BrokerError(
                f"embedded log '{self.path}' is a folder; name a file, such as "
                f"'{self.path / 'log.db'}'"
            )
        deadline_s = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                return self._connect()
            except sqlite3.Error as problem:
                error = failure(self.path, "opening it", problem)
                # Two processes that make the file at once may meet without SQLite's own waiting.
                if not isinstance(error, LockedError) or time.monotonic() > deadline_s:
                    raise error from problem
                threading.Event().wait(_OPEN_RETRY_S)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=LOCK_WAIT_S, isolation_level=None, cached_statements=64
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN")
        is_new = self._is_new(connection)
        connection.execute("COMMIT")
        if is_new:
            connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN IMMEDIATE")
            if self._is_new(connection):
                _create(connection)
            connection.execute("COMMIT")
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        if mode != "wal":
            raise BrokerError(
                f"embedded log '{self.path}': its file system cannot share memory between "
                "processes; name a file on a local disk"
            )
        connection.execute(f"PRAGMA synchronous={self._synchronous}")
        page_bytes = int(connection.execute("PRAGMA page_size").fetchone()[0])
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_BYTES // page_bytes}")
        connection.execute(f"PRAGMA journal_size_limit={WAL_BYTES_MAX}")

    def _is_new(self, connection: sqlite3.Connection) -> bool:
        """Whether the tables have to be made, in the transaction that the caller has opened.

        Raises:
            BrokerError: the file is somebody else's, or of a newer format.
        """
        owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
        if owner == 0 and version == 0 and tables == 0:
            return True
        if owner != APPLICATION_ID:
            raise BrokerError(
                f"embedded log '{self.path}' is an SQLite file of another application; "
                "name another file"
            )
        if version > FORMAT:
            raise BrokerError(
                f"embedded log '{self.path}' has format {version}, this version of Penstock "
                f"knows up to {FORMAT}; upgrade Penstock, or name another file"
            )
        return False


def _create(connection: sqlite3.Connection) -> None:
    for statement in filter(str.strip, _TABLES.split(";")):
        connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('cluster.id', ?)", (_new_cluster_id(),))
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={FORMAT}")


def _new_cluster_id() -> str:
    """Return a random id in the form that Kafka gives its clusters: 22 letters, no dash first."""
    while True:
        made = base64.urlsafe_b64encode(os.urandom(16)).rstrip(b"=").decode("ascii")
        if not made.startswith("-"):
            return made
