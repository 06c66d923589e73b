"""TimestampConverter: a field between text, Unix time, Date, Time, Timestamp (source: the same)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from penstock.config import config, key
from penstock.data import Date, Repeat, Schema, Structs, Time, Timestamp, Type
from penstock.errors import ConfigError, DataError, Problem
from penstock_transforms._sided import (
    Around,
    SchemaCache,
    SidedTransform,
    require_map,
    require_struct,
    without_traits,
)
from penstock_transforms._simpledateformat import SimpleDateFormat, pattern_problem
from penstock_transforms._structs import Fill
from penstock_transforms._timestamps import (
    PRECISIONS,
    kind_of_value,
    ms_of_moments,
    ms_of_unix,
    unix_of_ms,
    writer,
)

__all__ = ["TimestampConverter"]

PURPOSE: Final = "converting timestamp formats"
TARGETS: Final = ("string", "unix", "Date", "Time", "Timestamp")
_SCHEMAS: Final = {
    "string": Schema.STRING,
    "unix": Schema.INT64,
    "Date": Date.SCHEMA,
    "Time": Time.SCHEMA,
    "Timestamp": Timestamp.SCHEMA,
}
_KINDS: Final = {Timestamp.NAME: "Timestamp", Date.NAME: "Date", Time.NAME: "Time"}


@config
class TimestampConverterConfig:
    """Keys of TimestampConverter."""

    field: str = key(
        default="",
        importance="high",
        doc="The field that is a timestamp; empty if the whole key or value is one.",
    )
    target_type: str = key(choices=TARGETS, importance="high", doc="What to make of the timestamp.")
    format: str = key(
        default="",
        validator=pattern_problem,
        doc="Pattern of java.text.SimpleDateFormat for text that is read or written, in UTC.",
    )
    unix_precision: str = key(
        default="milliseconds",
        choices=PRECISIONS,
        importance="low",
        doc="Unit of Unix times that are read or written. Moments have milliseconds; what is"
        " finer is lost.",
    )
    replace_null_with_default: bool = key(
        default=True, doc="Let a field's default stand for a null."
    )


@attrs.frozen
class _Layout:
    """What a struct becomes. ``kind`` is None when the field is no timestamp."""

    schema: Schema
    field: Schema | None
    kind: str | None
    fill: Fill


def _kind_of(schema: Schema) -> str | None:
    known = _KINDS.get(schema.name or "")
    if known is not None:
        return known
    return {Type.STRING: "string", Type.INT64: "unix"}.get(schema.type)


class TimestampConverter(SidedTransform[TimestampConverterConfig]):
    """Converts one field, or the whole key or value."""

    def open(self) -> None:
        """Compile the pattern.

        Raises:
            ConfigError: text is asked for without a pattern.
        """
        own = self.config
        pattern = own.format if own.format.strip() else ""
        if own.target_type == "string" and not pattern:
            text = (
                "TimestampConverter requires format option to be specified when using string"
                " timestamps; set format to a pattern such as yyyy-MM-dd"
            )
            raise ConfigError(Problem("format", text))
        self._format = SimpleDateFormat(pattern, time.time_ns() // 1_000_000) if pattern else None
        self._target = _SCHEMAS[own.target_type]
        self._write = self._writer()
        self._layouts = SchemaCache(self._layout)

    def _writer(self) -> Callable[[Sequence[int]], list[Any]]:
        target = self.config.target_type
        if target == "string" and self._format is not None:
            return self._format.format_all
        if target == "unix":
            return lambda moments: unix_of_ms(moments, self.config.unix_precision)
        return writer(target)

    def _layout(self, schema: Schema) -> _Layout:
        name = self.config.field
        fields = [
            (one.name, self._shown(one.schema) if one.name == name else one.schema)
            for one in schema.fields
        ]
        old = schema.field(name)
        fill = Fill.of(schema.fields, replaces=self.config.replace_null_with_default)
        changed = Schema.struct(fields, optional=schema.optional, **without_traits(schema))
        kind = None if old is None else _kind_of(old.schema)
        layout = _Layout(changed, None if old is None else old.schema, kind, fill)
        if schema.default is not None:
            (default,) = self._structs([schema.default], layout)
            layout = attrs.evolve(layout, schema=changed.evolve(default=default))
        return layout

    def _shown(self, schema: Schema) -> Schema:
        return self._target.as_optional() if schema.optional else self._target

    def column(
        self, values: Sequence[Any], schema: Schema | None, around: Around
    ) -> tuple[Sequence[Any], Schema | None]:
        """Convert every row."""
        if schema is None:
            return (self._maps(values) if self.config.field else self._guessed(values)), None
        if not self.config.field:
            return self._converted(values, self._supported(_kind_of(schema), schema)), self._shown(
                schema
            )
        if schema.type is not Type.STRUCT:
            require_struct(values[0], schema, PURPOSE)
        layout = self._layouts.get(schema)
        return self._structs(values, layout), layout.schema

    def _supported(self, kind: str | None, schema: Schema) -> str:
        if kind is None:
            name = f" named {schema.name}" if schema.name else ""
            raise DataError(
                f"Schema {schema.type.value}{name} does not correspond to a known timestamp type"
                f" format, in {self._where}; it takes string, int64, Date, Time and Timestamp"
            )
        return kind

    @property
    def _where(self) -> str:
        return f"field '{self.config.field}'" if self.config.field else f"the {self.side.value}"

    def _structs(self, values: Sequence[Any], layout: _Layout) -> Sequence[Any]:
        solid = [row for row in values if row is not None] if None in values else values
        rows = layout.fill.rows(solid)
        if isinstance(rows, Structs):
            return self._by_field(rows, layout)
        if layout.field is not None and rows:
            name = self.config.field
            kind = self._supported(layout.kind, layout.field)
            converted = self._converted([row.get(name) for row in rows], kind)
            if not layout.field.optional and None in converted:
                raise DataError(f"Invalid value: null used for required field '{name}'")
            rows = [{**row, name: value} for row, value in zip(rows, converted)]  # noqa: B905 - both are as long
        return rows if len(rows) == len(values) else _with_nulls(values, rows)

    def _by_field(self, rows: Structs, layout: _Layout) -> Structs:
        """Convert one column; the others stay as they are."""
        name = self.config.field
        if layout.field is None or not len(rows):
            return rows
        kind = self._supported(layout.kind, layout.field)
        column = rows.field(name) or [None] * len(rows)
        converted: Sequence[Any]
        if isinstance(column, Repeat):
            (one,) = self._converted([column.value], kind)
            converted = Repeat(one, len(rows))
        else:
            converted = self._converted(column, kind)
        has_null = converted.value is None if isinstance(converted, Repeat) else None in converted
        if has_null and not layout.field.optional:
            raise DataError(f"Invalid value: null used for required field '{name}'")
        return rows.changed({name: converted})

    def _maps(self, values: Sequence[Any]) -> Sequence[Any]:
        name = self.config.field
        solid = [row for row in values if row is not None] if None in values else values
        for row in solid:
            if type(row) is not dict:
                require_map(row, PURPOSE)
        converted = self._guessed([row.get(name) for row in solid])
        rows = [{**row, name: value} for row, value in zip(solid, converted)]  # noqa: B905 - both are as long
        return rows if len(rows) == len(values) else _with_nulls(values, rows)

    def _guessed(self, values: Sequence[Any]) -> Sequence[Any]:
        """Convert values without a schema, each as its own type says."""
        types = set(map(type, values)) - {type(None)}
        if len(types) <= 1:
            first = next((value for value in values if value is not None), None)
            return values if first is None else self._converted(values, self._kind(first))
        return [
            None if value is None else self._converted([value], self._kind(value))[0]
            for value in values
        ]

    def _kind(self, value: Any) -> str:
        try:
            return kind_of_value(value)
        except DataError as problem:
            raise DataError(f"{problem}; found in {self._where}") from None

    def _converted(self, values: Sequence[Any], kind: str) -> Sequence[Any]:
        """Convert values of one kind; a null stays one."""
        if None in values:
            solid = [value for value in values if value is not None]
            return _with_nulls(values, self._converted(solid, kind) if solid else solid)
        try:
            return self._solid(values, kind)
        except DataError as problem:
            raise DataError(f"{problem}; found in {self._where}") from None

    def _solid(self, values: Sequence[Any], kind: str) -> Sequence[Any]:
        if kind == "unix":
            return self._write(ms_of_unix(values, self.config.unix_precision))
        if kind != "string":
            return self._write(ms_of_moments(values, kind))
        for value in values:
            if not isinstance(value, str):
                raise DataError(
                    f"Expected string timestamp to be a String, but found {type(value).__name__}"
                )
        if self._format is None:
            raise DataError("text cannot be read without a pattern; set format")
        moments = self._format.moments(values)
        if self.config.target_type == "Timestamp":
            return moments
        return self._write(ms_of_moments(moments, kind))


def _with_nulls(values: Sequence[Any], solid: Sequence[Any]) -> list[Any]:
    """Return a column where nulls stay and the others are, in order, the solid ones."""
    rest = iter(solid)
    return [None if value is None else next(rest) for value in values]
