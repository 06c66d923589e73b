"""Cast: change the type of fields, or of the whole key or value (source: Cast)."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final

import attrs

from penstock.config import config, key
from penstock.data import Date, Decimal, Repeat, Schema, Structs, Time, Timestamp, Type
from penstock.errors import DataError
from penstock_transforms._castings import cast_column
from penstock_transforms._sided import (
    Around,
    SchemaCache,
    SidedTransform,
    maps,
    require_struct,
    structs,
    without_traits,
)
from penstock_transforms._structs import Fill

__all__ = ["Cast"]

PURPOSE: Final = "cast types"
_BLANKS: Final = "".join(map(chr, range(0x21)))
_LOGICAL: Final = frozenset({Decimal.NAME, Date.NAME, Time.NAME, Timestamp.NAME})
_TARGETS: Final = {kind.name: kind for kind in Type if kind.is_primitive and kind is not Type.BYTES}


def _parsed(spec: Sequence[str]) -> dict[str | None, Type]:
    """Return the types by field, the whole value's under None; raises ValueError when wrong."""
    casts: dict[str | None, Type] = {}
    for one in spec:
        parts = one.rstrip(":").split(":")
        if len(parts) > 2:  # noqa: PLR2004 - a field and a type
            raise ValueError(f"Invalid cast mapping: {one}; write field:type")
        name = parts[-1].strip(_BLANKS).upper()
        if name not in _TARGETS:
            known = ", ".join(kind.value for kind in _TARGETS.values())
            raise ValueError(f"Invalid type found in casting spec: {name}; one of {known}")
        casts[parts[0].strip(_BLANKS) if len(parts) > 1 else None] = _TARGETS[name]
    if None in casts and len(spec) > 1:
        raise ValueError(
            "Cast transformations that specify a type to cast the entire value to may only"
            " specify a single cast in their spec"
        )
    return casts


def _spec_problem(name: str, value: Any) -> str | None:
    try:
        _parsed(value)
    except ValueError as problem:
        return str(problem)
    return None


@config
class CastConfig:
    """Keys of Cast."""

    spec: list[str] = key(
        importance="high",
        non_empty=True,
        validator=_spec_problem,
        doc="Fields and the types to cast them to, each as field:type; or one type for the entire"
        " key or value. Types are int8, int16, int32, int64, float32, float64, boolean and"
        " string; bytes can only become a string.",
    )
    replace_null_with_default: bool = key(
        default=True, doc="Let a field's default stand for a null."
    )


@attrs.frozen
class _Layout:
    """What a struct becomes: its schema, and the fields to cast with what they are and become."""

    schema: Schema
    casts: tuple[tuple[str, Schema, Type], ...]
    fill: Fill


class Cast(SidedTransform[CastConfig]):
    """Casts values to other primitive types; what does not fit is refused."""

    passes_null = True

    def open(self) -> None:
        """Prepare the types."""
        casts = _parsed(self.config.spec)
        self._whole = casts.pop(None, None)
        self._casts = {name: kind for name, kind in casts.items() if name is not None}
        self._layouts = SchemaCache(self._layout)
        self._wholes = SchemaCache(self._whole_schema)

    def _layout(self, schema: Schema) -> _Layout:
        if schema.default is not None:
            raise DataError(
                f"Cast transformation does not support casting from {schema.type.value}; found in"
                f" the default of the {self.side.value}'s schema"
            )
        fields: list[tuple[str, Schema]] = []
        casts: list[tuple[str, Schema, Type]] = []
        for field in schema.fields:
            target = self._casts.get(field.name)
            if target is None:
                fields.append((field.name, field.schema))
                continue
            casts.append((field.name, field.schema, target))
            fields.append((field.name, self._shown(field.schema, target, field.name)))
        return _Layout(
            Schema.struct(fields, optional=schema.optional, **without_traits(schema)),
            tuple(casts),
            Fill.of(schema.fields, replaces=self.config.replace_null_with_default),
        )

    def _shown(self, schema: Schema, target: Type, name: str | None) -> Schema:
        """Return the schema of a cast field or value, its default cast too."""
        (default,) = self._column([schema.default], schema, target, name)
        return Schema(target, optional=schema.optional, default=default)

    def _whole_schema(self, schema: Schema) -> Schema:
        if self._whole is None:  # pragma: no cover - asked only for casts of the whole
            return schema
        shown = self._shown(schema, self._whole, None)
        # The original keeps the name of a logical type, which then nobody can write.
        kept = {"doc": schema.doc} if schema.name in _LOGICAL else without_traits(schema)
        return shown.evolve(**kept)

    def _column(
        self, values: Sequence[Any], schema: Schema | None, target: Type, name: str | None
    ) -> Sequence[Any]:
        try:
            if isinstance(values, Repeat) and len(values):
                return Repeat(cast_column([values.value], schema, target)[0], len(values))
            return cast_column(values, schema, target)
        except DataError as problem:
            where = f"the {self.side.value}" if name is None else f"field '{name}'"
            shown = "" if schema is None else f", which is {schema.name or schema.type.value}"
            raise DataError(f"{problem}; found in {where}{shown}") from None

    def column(
        self, values: Sequence[Any], schema: Schema | None, around: Around
    ) -> tuple[Sequence[Any], Schema | None]:
        """Cast every row."""
        if self._whole is not None:
            cast = self._column(values, schema, self._whole, None)
            return cast, None if schema is None else self._wholes.get(schema)
        if schema is None:
            rows = maps(values, PURPOSE)
            return _with_columns(rows, {n: self._maps(rows, n) for n in self._casts}), None
        if schema.type is not Type.STRUCT:
            for value in values:
                require_struct(value, schema, PURPOSE)
        layout = self._layouts.get(schema)
        rows = layout.fill.rows(structs(values, schema, PURPOSE))
        columns: dict[str, Sequence[Any]] = {}
        for name, field, target in layout.casts:
            found = _taken(rows, name)
            if not field.optional and None in found:
                raise DataError(f"Invalid value: null used for required field '{name}'")
            cast = self._column(found, field, target, name)
            if cast is not found:
                columns[name] = cast
        return _with_columns(rows, columns), layout.schema

    def _maps(self, rows: Sequence[dict[str, Any]], name: str) -> Sequence[Any]:
        return self._column(_taken(rows, name), None, self._casts[name], name)


def _taken(rows: Sequence[dict[str, Any]], name: str) -> Sequence[Any]:
    if isinstance(rows, Structs):
        return rows.field(name) or [None] * len(rows)
    try:
        return list(map(itemgetter(name), rows))
    except KeyError:
        return [row.get(name) for row in rows]


def _with_columns(
    rows: Sequence[dict[str, Any]], columns: dict[str, Sequence[Any]]
) -> Sequence[dict[str, Any]]:
    """Return copies of the rows with other values, spelt out for few: that is faster."""
    if not columns:
        return rows
    if isinstance(rows, Structs):
        return rows.changed(columns)
    if len(columns) == 1:
        ((a, xs),) = columns.items()
        return [{**row, a: x} for row, x in zip(rows, xs)]  # noqa: B905 - both are as long
    if len(columns) == 2:  # noqa: PLR2004 - counted
        (a, xs), (b, ys) = columns.items()
        return [{**row, a: x, b: y} for row, x, y in zip(rows, xs, ys)]  # noqa: B905 - likewise
    changed = list(map(dict.copy, rows))
    for name, column in columns.items():
        for row, value in zip(changed, column):  # noqa: B905 - likewise
            row[name] = value
    return changed
