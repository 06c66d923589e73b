from __future__ import annotations

import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from penstock.errors import BrokerError, ConnectError
from penstock.runtime.embedded import database
from penstock.runtime.embedded.address import parse_address
from penstock.runtime.embedded.database import Database
from penstock.runtime.embedded.failures import LockedError, failure


def opened(path: Path, options: str = "") -> Database:
    return Database(parse_address(f"embedded:{path}{options}"))


def pragma(db: Database, name: str) -> object:
    with db.read("asking") as connection:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_missing_folders_are_made(tmp_path: Path) -> None:
    db = opened(tmp_path / "a" / "b" / "log.db")
    assert db.version() >= 0
    db.close()
    assert (tmp_path / "a" / "b" / "log.db").is_file()


@pytest.mark.parametrize(("option", "level"), [("power", 2), ("process", 1)])
def test_durability_is_that_of_the_address(tmp_path: Path, option: str, level: int) -> None:
    db = opened(tmp_path / "log.db", f"?durability={option}")
    assert pragma(db, "synchronous") == level
    assert pragma(db, "journal_mode") == "wal"
    db.close()


def test_nothing_is_touched_before_it_is_needed(tmp_path: Path) -> None:
    opened(tmp_path / "log.db").close()
    assert not list(tmp_path.iterdir())


def test_threads_that_make_the_file_at_once_agree(tmp_path: Path) -> None:
    def cluster_id(_: int) -> str:
        db = opened(tmp_path / "log.db", "?durability=process")
        with db.read("asking") as connection:
            found = connection.execute("SELECT value FROM meta").fetchall()
        db.close()
        return str(found)

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(cluster_id, range(24)))) == 1


def refused(path: Path) -> str:
    db = opened(path)
    with pytest.raises(BrokerError) as told:
        db.version()
    db.close()
    assert str(path) in str(told.value)
    return str(told.value)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "is a folder; name a file" in refused(tmp_path)


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "its folder cannot be used" in refused(tmp_path / "file" / "log.db")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 100)
    assert "not an embedded log" in refused(path)
    assert path.read_text().startswith("not a database")


def test_the_database_of_another_application_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    assert "of another application" in refused(path)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    db = opened(tmp_path / "log.db")
    with db.write("ageing") as connection:
        connection.execute("PRAGMA user_version=9")
    db.close()
    assert "has format 9" in refused(tmp_path / "log.db")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    db = opened(path)
    db.version()
    db.close()
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 2000)
    assert "damaged" in refused(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_file_is_named_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    db = opened(path)
    db.version()
    db.close()
    path.chmod(0o400)
    with pytest.raises(BrokerError, match="read-only"), db.write("trying"):
        pass
    db.close()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (sqlite3.SQLITE_FULL, "disk is full"),
        (sqlite3.SQLITE_READONLY, "read-only"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, "read-only"),
        (sqlite3.SQLITE_CANTOPEN_ISDIR, "cannot be opened"),
        (sqlite3.SQLITE_IOERR_WRITE, "its disk reports an error"),
        (sqlite3.SQLITE_CORRUPT_INDEX, "damaged"),
        (sqlite3.SQLITE_MISMATCH, "doing: whatever SQLite says"),
    ],
)
def test_every_failure_names_the_file(code: int, said: str) -> None:
    problem = sqlite3.OperationalError("whatever SQLite says")
    problem.sqlite_errorcode = code
    error = failure(Path("x/log.db"), "doing", problem)
    assert isinstance(error, BrokerError)
    assert said in str(error)
    assert "x/log.db" in str(error)


def test_a_locked_file_may_be_tried_again(tmp_path: Path) -> None:
    one, two = opened(tmp_path / "log.db"), opened(tmp_path / "log.db")
    two.version()
    with (
        one.write("holding it"),
        pytest.raises(LockedError, match="trying again may help"),
        two.write("waiting", 0.01),
    ):
        pass
    with two.write("waiting", 0.01):
        pass
    one.close()
    two.close()


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    db = opened(tmp_path / "log.db")

    def fail(statement: str) -> None:
        with db.write("failing") as connection:
            connection.execute("INSERT INTO meta VALUES ('a', 'b')")
            connection.execute(statement)
            raise KeyError

    with pytest.raises(KeyError):
        fail("SELECT 1")
    with pytest.raises(ConnectError):
        fail("no sql")
    with db.read("asking") as connection:
        assert connection.execute("SELECT count(*) FROM meta").fetchone() == (1,)
    db.close()


def test_version_changes_with_what_others_store(tmp_path: Path) -> None:
    one, two = opened(tmp_path / "log.db"), opened(tmp_path / "log.db")
    before = one.version()
    assert one.version() == before
    with two.write("storing") as connection:
        connection.execute("INSERT INTO meta VALUES ('a', 'b')")
    assert one.version() != before
    one.close()
    two.close()


def test_a_client_is_not_used_on_both_sides_of_a_fork(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = opened(tmp_path / "log.db")
    db.version()
    with monkeypatch.context() as patched:
        patched.setattr(database.os, "getpid", lambda: -1)
        with pytest.raises(BrokerError, match="fork"):
            db.version()
    db.close()


def test_a_grown_write_ahead_log_is_emptied_when_no_reader_stands_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "WAL_BYTES_MAX", 100_000)
    monkeypatch.setattr(database, "_STEP_ASIDE_S", 0.01)
    wal = tmp_path / "log.db-wal"
    one, two = opened(tmp_path / "log.db"), opened(tmp_path / "log.db")

    def grow() -> int:
        with one.write("storing") as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('a', ?)", ("x" * 500_000,))
        one.keep_bounded()
        return wal.stat().st_size

    with two.read("standing in the way") as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM meta").fetchall()
        assert grow() > 500_000
        connection.execute("COMMIT")
    # The next attempt is made when it has grown again, so that a stuck reader costs little.
    assert grow() == 0
    one.close()
    two.close()
