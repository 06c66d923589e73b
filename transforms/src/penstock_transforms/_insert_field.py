"""InsertField: add the topic, partition, offset, timestamp or a text (source: InsertField)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from penstock.config import config, key
from penstock.data import Repeat, Schema, Structs, Timestamp
from penstock.errors import ConfigError, DataError, Problem
from penstock_transforms._sided import (
    Around,
    SchemaCache,
    SidedTransform,
    maps,
    structs,
    with_default,
    without_traits,
)

__all__ = ["InsertField"]

PURPOSE: Final = "field insertion"


@config
class InsertFieldConfig:
    """Keys of InsertField; a name may end with ! (required field) or ? (optional, the default)."""

    topic_field: str | None = key(default=None, doc="Field for the topic.")
    partition_field: str | None = key(default=None, doc="Field for the Kafka partition.")
    offset_field: str | None = key(
        default=None, doc="Field for the Kafka offset; of sink connectors only."
    )
    timestamp_field: str | None = key(default=None, doc="Field for the record's timestamp.")
    static_field: str | None = key(default=None, doc="Field for static.value.")
    static_value: str | None = key(default=None, doc="The text to insert.")
    replace_null_with_default: bool = key(
        default=True, doc="Let a field's default stand for a null in the existing fields."
    )


@attrs.frozen
class _Insertion:
    """One field to add: its name, its schema, and its value in every row."""

    name: str
    schema: Schema
    values: Callable[[Around, bool], Sequence[Any]]


def _named(spec: str) -> tuple[str, bool]:
    """Return the name and whether the field is optional."""
    if spec.endswith("!"):
        return spec[:-1], False
    return spec.removesuffix("?"), True


class InsertField(SidedTransform[InsertFieldConfig]):
    """Adds fields that tell where and when a record is."""

    passes_null = True

    def open(self) -> None:
        """Prepare what to add.

        Raises:
            ConfigError: no field is configured.
        """
        own = self.config
        insertions = [
            (own.topic_field, Schema.STRING, _topics),
            (own.partition_field, Schema.INT32, lambda around, _: around.partitions),
            (own.offset_field, Schema.INT64, _offsets),
            (own.timestamp_field, Timestamp.SCHEMA, _timestamps),
            (own.static_field, Schema.STRING, self._static),
        ]
        self._insertions = []
        for spec, schema, values in insertions:
            if spec is not None:
                name, optional = _named(spec)
                shown = schema.as_optional() if optional else schema
                self._insertions.append(_Insertion(name, shown, values))
        if not self._insertions:
            text = "No field insertion configured; set topic.field, static.field or another"
            raise ConfigError(Problem("topic.field", text))
        if own.static_field is not None and own.static_value is None:
            text = "No value specified for static field; set static.value"
            raise ConfigError(Problem("static.value", text))
        self._schemas = SchemaCache(self._reschema)

    def _static(self, around: Around, with_schema: bool) -> Sequence[Any]:
        return Repeat(self.config.static_value, len(around.partitions))

    def _reschema(self, schema: Schema) -> Schema:
        fields = [(field.name, field.schema) for field in schema.fields]
        fields += [(one.name, one.schema) for one in self._insertions]
        return Schema.struct(fields, **without_traits(schema))

    def column(
        self, values: Sequence[Any], schema: Schema | None, around: Around
    ) -> tuple[Sequence[Any], Schema | None]:
        """Add the fields to every row."""
        if schema is None:
            rows = maps(values, PURPOSE)
        else:
            rows = structs(values, schema, PURPOSE)
            if self.config.replace_null_with_default:
                rows = _defaulted(rows, schema)
        added = {one.name: one.values(around, schema is not None) for one in self._insertions}
        if schema is not None and isinstance(rows, Structs):
            return rows.changed(added), self._schemas.get(schema)
        constant = {n: c.value for n, c in added.items() if isinstance(c, Repeat)}
        fixed = {name: value for name, value in constant.items() if value is not None}
        varying = {name: column for name, column in added.items() if name not in constant}
        if len(fixed) == 1:
            ((name, value),) = fixed.items()
            changed = [{**row, name: value} for row in rows]
        else:
            changed = [{**row, **fixed} for row in rows]
        for name, column in varying.items():
            for row, value in zip(changed, column, strict=True):
                if value is not None:
                    row[name] = value
        return changed, None if schema is None else self._schemas.get(schema)


def _defaulted(rows: Sequence[dict[str, Any]], schema: Schema) -> Sequence[dict[str, Any]]:
    """Let defaults stand for nulls; nothing to do for schemas without any."""
    fields = [field for field in schema.fields if field.schema.default is not None]
    if not fields:
        return rows
    return [
        {
            **row,
            **{f.name: with_default(row.get(f.name), f.schema, replace_null=True) for f in fields},
        }
        for row in rows
    ]


def _topics(around: Around, with_schema: bool) -> Sequence[Any]:
    return Repeat(around.topic, len(around.partitions))


def _offsets(around: Around, with_schema: bool) -> Sequence[Any]:
    if around.offsets is None:
        raise DataError(
            f"Only SinkRecord supported for [{PURPOSE}], found: SourceRecord; remove offset.field"
        )
    return around.offsets


def _timestamps(around: Around, with_schema: bool) -> Sequence[Any]:
    stamps = around.timestamps
    if not with_schema:
        return stamps
    if isinstance(stamps, Repeat):
        shown = None if stamps.value is None else Timestamp.from_ms(stamps.value)
        return Repeat(shown, len(stamps))
    return [None if stamp is None else Timestamp.from_ms(stamp) for stamp in stamps]
