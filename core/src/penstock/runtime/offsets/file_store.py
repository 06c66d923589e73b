"""Source offsets in one file, which Kafka Connect reads and writes too.

(source: FileOffsetBackingStore)
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from penstock.errors import StorageError
from penstock.runtime.offsets.java_map import decode_map, encode_map
from penstock.runtime.offsets.store import merged

__all__ = ["FILE_BYTES_MAX", "FileOffsetStore"]

FILE_BYTES_MAX: Final = 256 * 1024 * 1024
"""The largest file that is read or written; a partition takes about 200 bytes."""
_MODE: Final = 0o600


class FileOffsetStore:
    """``offset.storage.file.filename``: read once, replaced as a whole at every ``put``.

    Whenever the machine or the process ends, the file is the old one or the new one.
    Owner: the thread that makes it, then the worker's storage thread.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Read the file; none, or an empty one, holds no offsets.

        Raises:
            StorageError: its folder is missing, it cannot be read, or holds something else.
        """
        # A link stays a link: what it points to is replaced.
        self._path = Path(os.path.realpath(path))
        self._entries = self._read()

    def stored_keys(self) -> Iterable[bytes]:
        """See :class:`penstock.runtime.offsets.store.OffsetStore`."""
        return list(self._entries)

    def fresh_keys(self) -> Iterable[bytes]:
        """See :class:`penstock.runtime.offsets.store.OffsetStore`; nobody else stores anything."""
        return ()

    def get(self, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        """See :class:`penstock.runtime.offsets.store.OffsetStore`."""
        return [self._entries.get(key) for key in keys]

    def put(self, entries: Mapping[bytes, bytes | None]) -> None:
        """See :class:`penstock.runtime.offsets.store.OffsetStore`."""
        after = merged(self._entries, entries)
        if after == self._entries:
            return
        data = encode_map(after)
        if len(data) > FILE_BYTES_MAX:
            raise self._refused(
                f"{len(data)} bytes are more than the {FILE_BYTES_MAX} that it may have; remove "
                "the offsets of connectors that are gone"
            )
        self._replace(data)
        self._entries = after

    def _read(self) -> dict[bytes, bytes]:
        if not self._path.parent.is_dir():
            raise self._refused("its folder does not exist; create it or name another file")
        try:
            with self._path.open("rb") as file:
                data = file.read(FILE_BYTES_MAX + 1)
        except FileNotFoundError:
            return {}
        except OSError as problem:
            raise self._refused(_told(problem)) from problem
        if len(data) > FILE_BYTES_MAX:
            raise self._refused(f"it is larger than {FILE_BYTES_MAX} bytes")
        try:
            return decode_map(data) if data else {}
        except StorageError as problem:
            raise self._refused(
                f"it holds no source offsets ({problem}); restore it from a copy, or move it away "
                "to begin without offsets"
            ) from problem

    def _replace(self, data: bytes) -> None:
        """Write a new file beside the old one and let it take the name, each step made durable."""
        new = self._path.with_name(self._path.name + ".new")
        try:
            with contextlib.suppress(FileNotFoundError):
                new.unlink()  # left by a process that was killed
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
            with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123 - of a descriptor
                view = memoryview(data)
                while view:
                    view = view[file.write(view) :]
                os.fsync(descriptor)
            new.replace(self._path)
            self._sync_folder()
        except OSError as problem:
            with contextlib.suppress(OSError):
                new.unlink()
            raise self._refused(f"it cannot be written: {_told(problem)}") from problem

    def _sync_folder(self) -> None:
        descriptor = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _refused(self, why: str) -> StorageError:
        return StorageError(f"offset.storage.file.filename '{self._path}': {why}")


def _told(problem: OSError) -> str:
    return problem.strerror or str(problem)
