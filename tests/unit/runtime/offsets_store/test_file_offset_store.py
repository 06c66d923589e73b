from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import StorageError
from penstock.runtime.offsets import file_store
from penstock.runtime.offsets.file_store import FileOffsetStore
from penstock.runtime.offsets.java_map import decode_map, encode_map


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "connect.offsets"


def test_what_was_put_is_there_for_the_next_process(file: Path) -> None:
    store = FileOffsetStore(file)
    assert list(store.stored_keys()) == []
    store.put({b"a": b"1", b"b": b"2"})
    store.put({b"a": None, b"c": b"3"})
    again = FileOffsetStore(file)
    assert again.get([b"a", b"b", b"c"]) == [None, b"2", b"3"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_an_empty_file_holds_no_offsets(file: Path) -> None:
    file.touch()
    assert list(FileOffsetStore(file).stored_keys()) == []


def test_anything_else_in_the_file_is_told_with_its_name_and_left_alone(file: Path) -> None:
    file.write_bytes(b"something else")
    with pytest.raises(StorageError, match=r"connect\.offsets.*no source offsets.*restore"):
        FileOffsetStore(file)
    assert file.read_bytes() == b"something else"


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="folder does not exist"):
        FileOffsetStore(tmp_path / "no" / "offsets")


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="directory"):
        FileOffsetStore(tmp_path)


def test_a_link_is_followed_and_stays(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    FileOffsetStore(link).put({b"a": b"1"})
    assert link.is_symlink()
    assert decode_map(file.read_bytes()) == {b"a": b"1"}


def test_what_a_killed_process_left_behind_is_removed(file: Path) -> None:
    file.with_name(file.name + ".new").write_bytes(b"half")
    FileOffsetStore(file).put({b"a": b"1"})
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("call", ["open", "fsync"])
def test_a_full_disk_keeps_the_old_file_and_the_old_offsets(
    file: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    store = FileOffsetStore(file)
    store.put({b"a": b"1"})

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(StorageError, match="No space left"):
            store.put({b"a": b"2"})
    assert decode_map(file.read_bytes()) == {b"a": b"1"}
    assert store.get([b"a"]) == [b"1"]
    assert list(file.parent.iterdir()) == [file]
    store.put({b"a": b"2"})
    assert decode_map(file.read_bytes()) == {b"a": b"2"}


def test_a_file_above_the_limit_is_neither_written_nor_read(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_store, "FILE_BYTES_MAX", 200)
    store = FileOffsetStore(file)
    store.put({b"a": b"1"})
    with pytest.raises(StorageError, match="more than the 200"):
        store.put({b"b": bytes(100)})
    assert store.get([b"b"]) == [None]
    file.write_bytes(encode_map({b"b": bytes(200)}))
    with pytest.raises(StorageError, match="larger than 200"):
        FileOffsetStore(file)


def test_an_unchanged_offset_is_not_written_again(file: Path) -> None:
    store = FileOffsetStore(file)
    store.put({b"a": b"1"})
    before = file.stat().st_ino
    store.put({b"a": b"1"})
    assert file.stat().st_ino == before
