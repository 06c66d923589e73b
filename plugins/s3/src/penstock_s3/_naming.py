"""What objects are called (source: FileUtils of the original, and Aiven's file name templates)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import attrs

from penstock.data import Batch, Repeat, Text
from penstock.errors import DataError
from penstock_s3._border import Extractor, Part, Partitioner
from penstock_s3._template import OFFSET_MARK, Template, Variable

__all__ = ["Names", "PaddedNames", "TemplateNames", "TemplatePaths"]

_PARTITION_DIGITS: Final = 10
_OFFSET_DIGITS: Final = 20
_UNITS: Final = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H"}
_QUARTER_MS: Final = 900_000
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Names(Protocol):
    """Names objects."""

    @property
    def has_offset(self) -> bool:
        """Whether the start offset makes the name of each file another."""

    def key(self, part: Part, extension: str, file: tuple[str, int, str, int]) -> str:
        """Return an object's key; ``file`` is topic, partition, path and start offset."""

    def prefix(self, topic: str) -> str:
        """Return what the keys of a topic's objects begin with; empty when nothing is common."""

    def mark(self, topic: str, partition: int) -> str | None:
        """Return what only names of this topic partition begin with; None when nothing is sure."""


@attrs.frozen
class PaddedNames:
    """``topics/t/partition=0/t+0+0000000000.json``."""

    folder: str = "topics"
    dir_delim: str = "/"
    file_delim: str = "+"
    digits: int = 10
    has_offset: bool = True

    def key(self, part: Part, extension: str, file: tuple[str, int, str, int]) -> str:
        """Return the folder, the topic, the path and the name, joined."""
        topic, partition, path, offset = file
        name = self.file_delim.join([topic, str(partition), f"{offset:0{self.digits}d}"])
        kind = "" if part == "value" else f".{part}"
        folders = [one for one in (self.folder, topic, path) if one]
        return self.dir_delim.join([*folders, name + kind + extension])

    def prefix(self, topic: str) -> str:
        """Return the folder of a topic."""
        return self.dir_delim.join([one for one in (self.folder, topic) if one] + [""])

    def mark(self, topic: str, partition: int) -> str | None:
        """Return the name up to the offset."""
        return self.file_delim.join([topic, str(partition), ""])


@attrs.frozen
class TemplateNames:
    """Completes the names that :class:`TemplatePaths` began: start offset, kind, extension."""

    folder: str = ""
    dir_delim: str = "/"
    has_offset: bool = True
    extension: str | None = None
    """Stands for that of the format, if it is not None."""

    def key(self, part: Part, extension: str, file: tuple[str, int, str, int]) -> str:
        """Return the name, with the start offset where the template has it."""
        _, _, path, offset = file
        texts = path.split(OFFSET_MARK)
        texts[1::2] = [f"{offset:0{int(width)}d}" for width in texts[1::2]]
        kind = "" if part == "value" else f".{part}"
        name = "".join(texts) + kind + (extension if self.extension is None else self.extension)
        return self.dir_delim.join([self.folder, name]) if self.folder else name

    def prefix(self, topic: str) -> str:
        """Return the folder of all topics."""
        return self.folder + self.dir_delim if self.folder else ""

    def mark(self, topic: str, partition: int) -> str | None:
        """A template may put anything anywhere."""
        return None


class TemplatePaths:
    """The names of a template, but for the start offset, which is that of the first row."""

    def __init__(
        self,
        template: Template,
        extractor: Extractor,
        zone: dt.tzinfo,
        inner: Partitioner | None = None,
    ) -> None:
        """Take what fills in time stamps and, as ``{{path}}``, the path of a partitioner."""
        self._extractor = extractor
        self._zone = zone
        self._inner = inner
        self._parts = [
            part if isinstance(part, str) else self._writer(part) for part in template.parts
        ]

    def paths(self, batch: Batch, now_ms: int) -> Sequence[str]:
        """Return the name of each row's file; raises DataError for a key that makes no name."""
        columns: list[Sequence[str]] = [
            Repeat(part, len(batch)) if isinstance(part, str) else part(batch, now_ms)
            for part in self._parts
        ]
        if all(isinstance(column, Repeat) for column in columns):
            return (
                Repeat("".join([column[0] for column in columns]), len(batch)) if batch.rows else []
            )
        rows = list(zip(*columns, strict=True))
        known = {row: "".join(row) for row in set(rows)}
        return list(map(known.__getitem__, rows))

    def _writer(self, variable: Variable) -> Callable[[Batch, int], Sequence[str]]:
        is_padded = variable.parameter == "true"
        match variable.name:
            case "topic":
                return lambda batch, _: Repeat(batch.topic, len(batch))
            case "partition":
                digits = _PARTITION_DIGITS if is_padded else 1
                return lambda batch, _: Repeat(f"{_partition(batch):0{digits}d}", len(batch))
            case "start_offset":
                mark = f"{OFFSET_MARK}{_OFFSET_DIGITS if is_padded else 1}{OFFSET_MARK}"
                return lambda batch, _: Repeat(mark, len(batch))
            case "timestamp":
                unit = _UNITS[variable.parameter]
                return lambda batch, now_ms: self._moments(unit, batch, now_ms)
            case "key":
                return lambda batch, _: _keys(batch)
        return self._inner_paths

    def _inner_paths(self, batch: Batch, now_ms: int) -> Sequence[str]:
        if self._inner is None:
            raise DataError("file name template: there is no partitioner for {{path}}")
        return self._inner.paths(batch, now_ms)

    def _moments(self, unit: str, batch: Batch, now_ms: int) -> Sequence[str]:
        times = self._extractor.times(batch, now_ms)
        if isinstance(times, Repeat):
            return Repeat(self._moment(unit, times.value), len(times))
        # All moments of a quarter of an hour have the same hour in each zone of today.
        quarters = [time // _QUARTER_MS for time in times]
        known = {one: self._moment(unit, one * _QUARTER_MS) for one in set(quarters)}
        return list(map(known.__getitem__, quarters))

    def _moment(self, unit: str, time_ms: int) -> str:
        try:
            moment = _EPOCH + dt.timedelta(milliseconds=time_ms)
            local = moment.astimezone(self._zone)
        except OverflowError as problem:
            raise DataError(
                f"a record's time of {time_ms} ms lies beyond the years 1 to 9999: no name of it"
            ) from problem
        return f"{local.year:04d}" if unit == "%Y" else local.strftime(unit)


def _partition(batch: Batch) -> int:
    return int(getattr(batch.origin, "partition", None) or 0)


def _keys(batch: Batch) -> Sequence[str]:
    keys = batch.keys
    if isinstance(keys, Text) and None not in keys.utf8:
        return keys.decoded()  # type: ignore[return-value]  # no None is in it
    return [_key_text(batch, key) for key in keys]


def _key_text(batch: Batch, key: Any) -> str:
    """Return the text of a key; ``null`` for none (source: KeyRecordGrouper)."""
    if key is None:
        return "null"
    if isinstance(key, bool):
        return str(key).lower()
    if isinstance(key, str | int):
        return str(key)
    if isinstance(key, bytes):
        try:
            return key.decode()
        except UnicodeDecodeError:
            pass
    raise DataError(
        f"topic {batch.topic}: a key of type {type(key).__name__} makes no file name; use"
        " StringConverter as key.converter"
    )
