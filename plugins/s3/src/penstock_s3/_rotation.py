"""Where runs of records end: by count, size, time, path, schema and wall clock. Pure.

One :class:`Span` a topic partition holds what was written since the last cut; everything it
decides but the schedule and the idle flush depends on the records since then alone, so that a
task that starts again from the committed offset makes the same files.
"""

from __future__ import annotations

import bisect
import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs

from penstock.data import Batch, Repeat, SinkOrigin, pick
from penstock_s3._border import Cut, Lot, Part, Reason, Schemas, Step, Write
from penstock_s3._compat import Change, Compatibility

__all__ = ["Rules", "Span", "next_slot"]

_DAY_MS: Final = 86_400_000
SCHEMAS_MAX: Final = 16
"""How many schemas may have a file of the same path; with one more all are completed."""


@attrs.frozen(kw_only=True)
class Rules:
    """When files end; 0 or less is off. Times in ms."""

    rows: int
    size: int = -1
    interval: int = -1
    schedule: int = -1
    idle: int = -1
    zone: dt.tzinfo | None = None
    ends_at_other_path: bool = False
    files: int = -1
    rows_before_schema: int = 0
    parts: tuple[Part, ...] = ("value",)


def next_slot(now_ms: int, every_ms: int, zone: dt.tzinfo) -> int:
    """Return the next multiple of ``every_ms`` after the midnight of ``zone``, Unix ms."""
    now = dt.datetime.fromtimestamp(now_ms / 1000, zone)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start = int(midnight.timestamp() * 1000)
    return start + ((now_ms - start) // every_ms + 1) * every_ms


@attrs.define
class _State:
    """What there is since the last cut."""

    rows: int = 0
    size: int = 0
    base_ms: int | None = None
    path: str | None = None
    files: dict[str, list[Schemas]] = attrs.field(factory=dict)

    def copy(self) -> _State:
        """Return one to go on with, that may be thrown away."""
        files = {path: list(opened) for path, opened in self.files.items()}
        return _State(self.rows, self.size, self.base_ms, self.path, files)


@attrs.frozen
class _Rows:
    """The rows of lots in the order of their offsets; ``lots`` is which lot each is of."""

    paths: Sequence[str]
    times: Sequence[int | None] | None
    sizes: Sequence[int] | None
    offsets: Sequence[int]
    lots: Sequence[int]
    places: Sequence[int]

    @classmethod
    def of(cls, lots: Sequence[Lot]) -> _Rows:
        if len(lots) == 1:
            lot = lots[0]
            n, paths = len(lot.batch), lot.paths
            if isinstance(paths, list) and paths and paths.count(paths[0]) == n:
                # Most batches of one hour have one path: nothing is grouped then.
                paths = Repeat(paths[0], n)
            return cls(paths, lot.times, lot.sizes, _offsets(lot.batch), Repeat(0, n), range(n))
        order = sorted(
            (offset, i, place)
            for i, lot in enumerate(lots)
            for place, offset in enumerate(_offsets(lot.batch))
        )

        def merged(columns: Sequence[Any]) -> Any:
            if any(column is None for column in columns):
                return None
            return [columns[i][place] for _, i, place in order]

        return cls(
            paths=merged([lot.paths for lot in lots]),
            times=merged([lot.times for lot in lots]),
            sizes=merged([lot.sizes for lot in lots]),
            offsets=[offset for offset, _, _ in order],
            lots=[i for _, i, _ in order],
            places=[place for _, _, place in order],
        )


def _offsets(batch: Batch) -> Sequence[int]:
    origin = batch.origin
    if not isinstance(origin, SinkOrigin):
        raise TypeError("a sink is given batches of a sink")
    return pick(origin.offsets, batch.rows)


def _first_time(times: Sequence[int | None], start: int, end: int) -> int | None:
    return next((one for one in times[start:end] if one is not None), None)


def _file_schemas(lot: Lot, path: str, schemas: Schemas) -> Schemas:
    """Return the schemas of a file; tombstones have no value, so no schema of one."""
    return attrs.evolve(schemas, value=None) if path == lot.tombstone else schemas


class Span:
    """The rows of one topic partition since the last cut. Owner: the task's thread."""

    def __init__(self, rules: Rules, compatibility: Compatibility) -> None:
        """Start with nothing written."""
        self._rules = rules
        self._compatibility = compatibility
        self._state = _State()
        self._slot: int | None = None
        self._last_put_ms = 0
        self._next_offset = 0

    @property
    def rows(self) -> int:
        """How many rows were written since the last cut."""
        return self._state.rows

    def reset(self) -> None:
        """Forget everything: the files were dropped, and the rows will come again."""
        self._state = _State()

    def due(self, now_ms: int) -> Cut | None:
        """Return the cut that the wall clock asks for, with nothing to put."""
        reason = self._due(now_ms)
        if reason is not None:
            return self._cut(reason)
        is_idle = 0 < self._rules.idle <= now_ms - self._last_put_ms
        return self.end("idle") if is_idle else None

    def end(self, reason: Reason = "idle") -> Cut | None:
        """Return the cut that somebody asks for, as a flush on demand; None without rows."""
        if not self._state.rows:
            return None
        return self._cut(reason)

    def _due(self, now_ms: int) -> Reason | None:
        rules = self._rules
        if rules.schedule <= 0 or rules.zone is None:
            return None
        is_due = self._slot is not None and now_ms >= self._slot
        if is_due or self._slot is None:
            self._slot = next_slot(now_ms, rules.schedule, rules.zone)
        return "schedule" if is_due and self._state.rows else None

    def plan(self, lots: Sequence[Lot], now_ms: int) -> list[Step]:
        """Return what to do with the rows of lots, in order.

        The lots are what one put brought of this topic partition, their offsets ascend. The span
        has changed as if all steps were done, or has not when this raises.

        Raises:
            DataError: schemas have no versions, where those are needed.
        """
        rows = _Rows.of(lots)
        if not rows.offsets:
            return []
        before = (self._state, self._slot, self._next_offset)
        self._state = self._state.copy()
        try:
            steps = self._planned(lots, rows, self._due(now_ms))
        except BaseException:
            self._state, self._slot, self._next_offset = before
            raise
        self._last_put_ms = now_ms
        return steps

    def _planned(self, lots: Sequence[Lot], rows: _Rows, due: Reason | None) -> list[Step]:
        steps: list[Step] = []
        if due is not None:
            steps.append(self._cut(due))
        for start, end, reason in self._segments(lots, rows):
            if end > start:
                steps += self._writes(lots, rows, start, end)
                self._next_offset = rows.offsets[end - 1] + 1
            if reason is not None:
                steps.append(self._cut(reason))
        return steps

    def _cut(self, reason: Reason) -> Cut:
        self._state = _State()
        return Cut(reason, self._next_offset)

    def _segments(
        self, lots: Sequence[Lot], rows: _Rows
    ) -> Iterator[tuple[int, int, Reason | None]]:
        """Yield from where to where rows are written, and why there is a cut behind them."""
        start, count = 0, len(rows.offsets)
        while start < count:
            end, reason = self._end_by_number(rows, start, count)
            before, why = self._end_by_time(rows, start, end)
            before, why = self._end_by_kind(lots, rows, start, before, why)
            if why is not None:
                end, reason = before, why
            self._add(rows, start, end)
            yield start, end, reason
            start = end

    def _add(self, rows: _Rows, start: int, end: int) -> None:
        if end == start:
            return
        state = self._state
        state.rows += end - start
        if rows.sizes is not None:
            state.size += sum(rows.sizes[start:end])
        if state.base_ms is None and rows.times is not None:
            state.base_ms = _first_time(rows.times, start, end)
        state.path = rows.paths[end - 1]

    def _end_by_number(self, rows: _Rows, start: int, count: int) -> tuple[int, Reason | None]:
        """Return the end after the row that fills the files."""
        end, reason = count, None
        left = self._rules.rows - self._state.rows
        if start + left <= count:
            end, reason = start + max(left, 1), "size"
        if self._rules.size > 0 and rows.sizes is not None:
            sums = list(itertools.accumulate(rows.sizes[start:end]))
            place = start + bisect.bisect_left(sums, self._rules.size - self._state.size) + 1
            if place < end or (place == end and reason is None):
                end, reason = place, "bytes"
        return end, reason  # type: ignore[return-value]  # a literal, widened by the tuple

    def _end_by_time(self, rows: _Rows, start: int, end: int) -> tuple[int, Reason | None]:
        """Return the end before the row whose time or path is too far on."""
        rules, state = self._rules, self._state
        if rules.interval <= 0 or rows.times is None:
            return end, None
        times, place = rows.times, end
        base = _first_time(times, start, end) if state.base_ms is None else state.base_ms
        if base is not None:
            limit = base + rules.interval
            solid = [at for at in times[start:end] if at is not None]
            if solid and max(solid) >= limit:
                late = ((i, times[i]) for i in range(start, end))
                place = next(i for i, at in late if at is not None and at >= limit)
        reason: Reason | None = "interval" if place < end else None
        if rules.ends_at_other_path:
            path = rows.paths[start] if state.path is None else state.path
            other = next((i for i in range(start, place) if rows.paths[i] != path), place)
            if other < place:
                return other, "path"
        return place, reason

    def _end_by_kind(
        self, lots: Sequence[Lot], rows: _Rows, start: int, end: int, reason: Reason | None
    ) -> tuple[int, Reason | None]:
        """Return the end before the row that needs a file which may not be opened."""
        files = self._state.files
        for place, path, schemas in self._kinds(lots, rows, start, end):
            opened = files.get(path)
            written = self._state.rows + place - start
            if opened is None:
                if 0 < self._rules.files <= len(files):
                    return place, "files"
                files[path] = [schemas]
                continue
            found = [self._compatibility.change(one, schemas) for one in opened]
            if all(change is Change.OTHER for change in found):
                beside = written < self._rules.rows_before_schema and len(opened) < SCHEMAS_MAX
                if not beside:
                    return place, "schema"
                opened.append(schemas)
        return end, reason

    def _kinds(
        self, lots: Sequence[Lot], rows: _Rows, start: int, end: int
    ) -> Iterator[tuple[int, str, Schemas]]:
        """Yield the first row of each path and schema in a run, in order."""
        schemas = [
            self._compatibility.schemas(lot.batch.key_schema, lot.batch.value_schema)
            for lot in lots
        ]
        if isinstance(rows.paths, Repeat) and len(lots) == 1:
            if end > start:
                path = rows.paths.value
                yield start, path, _file_schemas(lots[0], path, schemas[0])
            return
        seen = set()
        for place in range(start, end):
            kind = (rows.paths[place], rows.lots[place])
            if kind not in seen:
                seen.add(kind)
                path, lot = kind
                yield place, path, _file_schemas(lots[lot], path, schemas[lot])

    def _writes(self, lots: Sequence[Lot], rows: _Rows, start: int, end: int) -> Iterator[Write]:
        if isinstance(rows.paths, Repeat) and len(lots) == 1:
            yield self._write(lots[0], rows.paths.value, range(start, end), rows.offsets[start])
            return
        if len(lots) == 1:
            yield from self._writes_by_path(lots[0], rows, start, end)
            return
        files: dict[tuple[str, Schemas], list[int]] = {}
        targets: dict[tuple[str, int], tuple[str, Schemas]] = {}
        for place in range(start, end):
            kind = (rows.paths[place], rows.lots[place])
            file = targets.get(kind)
            if file is None:
                file = targets[kind] = (kind[0], self._target(lots[kind[1]], kind[0]))
            files.setdefault(file, []).append(place)
        for (path, _), places in files.items():
            # A file has its rows in their order, whatever lots they are of.
            for lot, run in itertools.groupby(places, rows.lots.__getitem__):
                found = list(run)
                inside: Sequence[int] = [rows.places[place] for place in found]
                if inside[-1] - inside[0] == len(inside) - 1:
                    inside = range(inside[0], inside[-1] + 1)
                yield self._write(lots[lot], path, inside, rows.offsets[found[0]])

    def _writes_by_path(self, lot: Lot, rows: _Rows, start: int, end: int) -> Iterator[Write]:
        """Yield what goes where of one lot, whose rows stand in the order of their offsets."""
        files: dict[str, list[int]] = {}
        for place, path in enumerate(rows.paths[start:end], start):
            if path in files:
                files[path].append(place)
            else:
                files[path] = [place]
        for path, places in files.items():
            inside: Sequence[int] = places
            if places[-1] - places[0] == len(places) - 1:
                inside = range(places[0], places[-1] + 1)
            yield self._write(lot, path, inside, rows.offsets[places[0]])

    def _given(self, lot: Lot, path: str) -> Schemas:
        batch = lot.batch
        given = self._compatibility.schemas(batch.key_schema, batch.value_schema)
        return _file_schemas(lot, path, given)

    def _target(self, lot: Lot, path: str) -> Schemas:
        """Return the schemas of the file that rows go into.

        Of several that could take them it is the one opened first, as it would have been had the
        rows come before the others were opened.
        """
        given = self._given(lot, path)
        opened = self._state.files[path]
        if given in opened:
            return given
        change = self._compatibility.change
        return next(one for one in opened if change(one, given) is Change.PROJECT)

    def _write(self, lot: Lot, path: str, places: Sequence[int], offset: int) -> Write:
        batch = lot.batch.select(places)
        parts: tuple[Part, ...] = ("keys",) if path == lot.tombstone else self._rules.parts
        given, target = self._given(lot, path), self._target(lot, path)
        if target != given:
            values = self._compatibility.project(batch.values, given.value, target.value)
            batch = batch.with_values(values, target.value)
        return Write(path, target, batch, offset, parts)
