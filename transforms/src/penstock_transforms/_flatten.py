"""Flatten: nested structs and maps become one, their names joined (source: Flatten)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, Final

import attrs

from penstock.config import config, key
from penstock.data import Schema, Type
from penstock.errors import DataError
from penstock_transforms._sided import (
    Around,
    SchemaCache,
    SidedTransform,
    maps,
    structs,
    without_traits,
)

__all__ = ["Flatten"]

PURPOSE: Final = "flattening"
DEPTH_MAX: Final = 1000
_RECURSION_MAX: Final = 100
_PLAIN_CLASSES: Final = (bool, int, float, str, bytes, bytearray, memoryview, list, tuple)
_PLAIN: Final = frozenset({type(None), *_PLAIN_CLASSES})
_DICTS: Final = frozenset({dict})
_GONE: Final[dict[str, Any]] = {}


@config
class FlattenConfig:
    """Keys of Flatten."""

    delimiter: str = key(
        default=".", doc="What to put between the names of a field and of the one that holds it."
    )


@attrs.frozen
class _Leaf:
    """A field that stays. ``is_required`` says that a null without a default is refused."""

    name: str
    flat: str
    default: Any
    is_required: bool


@attrs.frozen
class _Node:
    """The fields of one struct, in order; a nested struct is a node."""

    name: str
    fields: tuple[_Leaf | _Node, ...]


@attrs.frozen
class _Plan:
    """What a struct becomes: the new schema, the new names in order, where they come from."""

    schema: Schema
    names: tuple[str, ...]
    root: _Node


class Flatten(SidedTransform[FlattenConfig]):
    """``{a: {b: 1}}`` becomes ``{a.b: 1}``; arrays stay as they are."""

    passes_null = True

    def open(self) -> None:
        """Prepare the plans."""
        self._plans = SchemaCache(self._plan)

    def _lead(self, prefix: str, name: str) -> str:
        """Return what names inside of a field begin with; the name itself may be empty."""
        inner = f"{prefix}{name}"
        return f"{inner}{self.config.delimiter}" if inner else ""

    def _plan(self, schema: Schema) -> _Plan:
        fields: list[tuple[str, Schema]] = []
        root = self._node(
            schema, "", fields, prefix="", optional=schema.optional, default=schema.default
        )
        flat = Schema.struct(fields, **without_traits(schema))
        return _Plan(flat, tuple(name for name, _ in fields), root)

    def _node(
        self,
        schema: Schema,
        name: str,
        fields: list[tuple[str, Schema]],
        *,
        prefix: str,
        optional: bool,
        default: Any,
    ) -> _Node:
        """Plan one struct; what holds it hands down that it is optional, and its default."""
        parts: list[_Leaf | _Node] = []
        for field in schema.fields:
            flat, own = f"{prefix}{field.name}", field.schema
            loose = optional or own.optional
            stands = own.default
            if stands is None and default is not None:
                stands = default.get(field.name)
            if own.type is Type.STRUCT:
                lead = self._lead(prefix, field.name)
                node = self._node(
                    own, field.name, fields, prefix=lead, optional=loose, default=stands
                )
                parts.append(node)
                continue
            if own.type is Type.MAP:
                raise DataError(
                    f"Flatten transformation does not support {own.type.value} for record with"
                    f" schemas (for field {flat}); leave the field out with ReplaceField"
                )
            fields.append((flat, own.evolve(optional=loose, default=stands)))
            parts.append(_Leaf(field.name, flat, own.default, not loose))
        return _Node(name, tuple(parts))

    def column(
        self, values: Sequence[Any], schema: Schema | None, around: Around
    ) -> tuple[Sequence[Any], Schema | None]:
        """Flatten every row."""
        if schema is None:
            return self._maps(maps(values, PURPOSE)), None
        rows = structs(values, schema, PURPOSE)
        plan = self._plans.get(schema)
        columns: list[Sequence[Any]] = []
        _collect(rows, plan.root, None, columns)
        return _rows(plan.names, columns, len(rows)), plan.schema

    def _maps(self, rows: Sequence[dict[Any, Any]]) -> Sequence[dict[str, Any]]:
        flat: list[dict[str, Any]] = []
        for row in rows:
            one: dict[str, Any] = {}
            self._into(one, row, "", 0)
            flat.append(one)
        return flat

    def _into(self, flat: dict[str, Any], row: dict[Any, Any], prefix: str, depth: int) -> None:
        """Add what is in a map; rows differ too much in shape to work by column."""
        if depth > _RECURSION_MAX:
            self._into_deep(flat, row, prefix)
            return
        for name, value in row.items():
            if (type(value) in _PLAIN and type(name) is str) or self._is_plain(prefix, name, value):
                flat[prefix + name] = value
            else:
                self._into(flat, value, self._lead(prefix, name), depth + 1)

    def _into_deep(self, flat: dict[str, Any], row: dict[Any, Any], prefix: str) -> None:
        """Go on without recursion, which Python bounds."""
        within: list[tuple[str, Iterator[tuple[Any, Any]]]] = [(prefix, iter(row.items()))]
        while within:
            prefix, items = within[-1]
            for name, value in items:
                if not self._is_plain(prefix, name, value):
                    within.append((self._lead(prefix, name), iter(value.items())))
                    break
                flat[prefix + name] = value
            else:
                within.pop()
            if len(within) > DEPTH_MAX:
                raise DataError(f"Flatten transformation: nested deeper than {DEPTH_MAX} levels")

    def _is_plain(self, prefix: str, name: Any, value: Any) -> bool:
        """Return whether a value stays, not to be flattened itself.

        Raises:
            DataError: it is neither, or its name is no text.
        """
        if not isinstance(name, str):
            raise DataError(
                f"Flatten transformation takes text as names, got {type(name).__name__}"
                f" {name!r:.80} in '{prefix}' of the {self.side.value}"
            )
        if isinstance(value, dict):
            return False
        if value is not None and not isinstance(value, _PLAIN_CLASSES):
            raise DataError(
                f"Flatten transformation was passed a value of type {type(value).__name__}"
                " which is not supported by Connect's data API without a schema (for field"
                f" {prefix}{name})"
            )
        return True


def _collect(
    rows: Sequence[dict[str, Any]],
    node: _Node,
    gone: Sequence[bool] | None,
    columns: list[Sequence[Any]],
) -> None:
    """Add the columns of one struct; ``gone`` tells where it is null, and then all in it is."""
    for field in node.fields:
        column: Sequence[Any]
        try:
            column = list(map(itemgetter(field.name), rows))
        except KeyError:
            column = [row.get(field.name) for row in rows]
        if isinstance(field, _Leaf):
            if (field.is_required or field.default is not None) and None in column:
                column = _without_nulls(column, field, gone)
            columns.append(column)
            continue
        kinds = set(map(type, column))
        if kinds <= _DICTS:
            _collect(column, field, None, columns)
            continue
        nulls = [one is None for one in column]
        inner = [_GONE if one is None else _struct(one, field) for one in column]
        _collect(inner, field, nulls, columns)


def _struct(value: Any, node: _Node) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DataError(
            f"Only Struct objects supported for [{PURPOSE}], found: {type(value).__name__}"
            f" (for field {node.name})"
        )
    return value


def _without_nulls(
    column: Sequence[Any], leaf: _Leaf, gone: Sequence[bool] | None
) -> Sequence[Any]:
    """Let the default stand for nulls, but not for those of a struct that is null itself."""
    absent = [False] * len(column) if gone is None else gone
    if leaf.default is None:
        if any(one is None and not away for one, away in zip(column, absent, strict=True)):
            raise DataError(f"Invalid value: null used for required field: '{leaf.flat}'")
        return column
    return [
        leaf.default if one is None and not away else one
        for one, away in zip(column, absent, strict=True)
    ]


def _rows(
    names: Sequence[str], columns: Sequence[Sequence[Any]], count: int
) -> list[dict[str, Any]]:
    if not columns:
        return [{} for _ in range(count)]
    return [dict(zip(names, row)) for row in zip(*columns)]  # noqa: B905 - all are as long
