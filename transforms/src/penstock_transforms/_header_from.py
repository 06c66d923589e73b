"""HeaderFrom: move or copy fields into headers (source: HeaderFrom)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import attrs

from penstock.api import Batch, Record, Transform
from penstock.config import config, key
from penstock.data import Header, Headers, Schema
from penstock.errors import ConfigError, Problem
from penstock_transforms._sided import SchemaCache, maps, structs, without_traits
from penstock_transforms._structs import Fill

__all__ = ["HeaderFrom"]

R = TypeVar("R", bound=Record)


@config
class HeaderFromConfig:
    """Keys of HeaderFrom."""

    fields: list[str] = key(
        importance="high",
        non_empty=True,
        repeats=True,
        doc="Fields whose values become headers.",
    )
    headers: list[str] = key(
        importance="high",
        non_empty=True,
        repeats=True,
        doc="The headers' keys, in the order of the fields.",
    )
    operation: str = key(
        importance="high",
        choices=("move", "copy"),
        doc="Either move, which also removes the fields, or copy.",
    )
    replace_null_with_default: bool = key(
        default=True, doc="Let a field's default stand for a null."
    )


@attrs.frozen
class _Layout:
    """What a struct becomes, and the schema and the default of each header."""

    schema: Schema
    headers: tuple[tuple[Schema, Any], ...]
    fill: Fill


class HeaderFrom(Transform[HeaderFromConfig]):
    """Moves or copies fields of the key or the value into headers."""

    sided = True

    def open(self) -> None:
        """Check that each field has a header.

        Raises:
            ConfigError: there are more of one than of the other.
        """
        own = self.config
        if len(own.fields) != len(own.headers):
            text = "'fields' config must have the same number of elements as 'headers' config"
            raise ConfigError(
                Problem("fields", f"{text}: {len(own.fields)} fields, {len(own.headers)} headers")
            )
        self._moves = own.operation == "move"
        self._purpose = f"{'moving' if self._moves else 'copying'} fields to headers"
        self._layouts = SchemaCache(self._layout)

    def _layout(self, schema: Schema) -> _Layout:
        replaces = self.config.replace_null_with_default
        found = [schema.schema_of(name) for name in self.config.fields]
        headers = tuple((one, one.default if replaces else None) for one in found)
        if not self._moves:
            return _Layout(schema, headers, Fill({}, ()))
        kept = [field for field in schema.fields if field.name not in self.config.fields]
        moved = Schema.struct([(one.name, one.schema) for one in kept], **without_traits(schema))
        return _Layout(moved, headers, Fill.of(kept, replaces=replaces))

    def apply(self, record: R) -> R:
        """Change one record."""
        value, schema = self.side.of(record)
        values, changed, headers = self._column([value], schema, [record.headers])
        return self.side.into(record, values[0], changed).with_headers(headers[0])

    def apply_batch(self, batch: Batch) -> Batch:
        """Change a batch at once."""
        values, schema = self.side.column(batch)
        changed, changed_schema, headers = self._column(values, schema, batch.headers)
        return self.side.with_column(batch, changed, changed_schema).with_headers(headers)

    def _column(
        self, values: Sequence[Any], schema: Schema | None, headers: Sequence[Headers]
    ) -> tuple[Sequence[Any], Schema | None, Sequence[Headers]]:
        if schema is None:
            rows = maps(values, self._purpose)
            kinds: Sequence[tuple[Schema | None, Any]] = [(None, None)] * len(self.config.fields)
            changed_schema, fill = None, None
        else:
            rows = structs(values, schema, self._purpose)
            layout = self._layouts.get(schema)
            kinds, changed_schema, fill = layout.headers, layout.schema, layout.fill
        added = _added(rows, self.config.fields, self.config.headers, kinds, headers)
        if not self._moves:
            return rows, changed_schema, added
        moved = _without(rows, self.config.fields)
        return (moved if fill is None else fill.rows(moved)), changed_schema, added


def _added(
    rows: Sequence[dict[str, Any]],
    fields: Sequence[str],
    names: Sequence[str],
    kinds: Sequence[tuple[Schema | None, Any]],
    before: Sequence[Headers],
) -> list[Headers]:
    """Return the headers of each row with one more for each field."""
    columns = []
    for field, name, (schema, default) in zip(fields, names, kinds, strict=True):
        values = [row.get(field) for row in rows]
        if default is not None:
            values = [default if value is None else value for value in values]
        columns.append([Header(name, value, schema) for value in values])
    if len(columns) == 1:
        return [Headers((*old, new)) for old, new in zip(before, columns[0], strict=True)]
    return [
        Headers((*old, *new)) for old, new in zip(before, zip(*columns, strict=True), strict=True)
    ]


def _without(rows: Sequence[dict[str, Any]], fields: Sequence[str]) -> list[dict[str, Any]]:
    changed = [dict(row) for row in rows]
    for field in fields:
        for row in changed:
            row.pop(field, None)
    return changed
