"""The lines of whole columns, field by field, equal to what row by row gives.

A struct's line is one template that every row fills; only values of the rarer kinds are looked
at one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final

from penstock.data import Repeat, Schema, Structs, Type
from penstock_file._render import render, render_line

__all__ = ["render_column", "render_texts"]

_PLAIN_MIN: Final = 1e-3
_PLAIN_MAX: Final = 1e7
_NONE: Final = type(None)
_DICTS: Final = frozenset({dict})


def render_column(values: Sequence[Any], schema: Schema | None) -> list[bytes]:
    """Return the line of every value, without its end; equal to ``render_line`` of each."""
    texts = render_texts(values, schema)
    if texts is not None:
        return [text.encode("utf-8", "replace") for text in texts]
    return [render_line(value, schema) for value in values]


def render_texts(values: Sequence[Any], schema: Schema | None) -> list[str] | None:
    """Return the lines of structs as text; None when they have to be rendered one by one."""
    if schema is None or schema.type is not Type.STRUCT or not schema.fields:
        return None
    if not (isinstance(values, Structs) or _DICTS.issuperset(map(type, values))):
        return None
    return _structs(values, schema)


def _structs(values: Sequence[dict[str, Any]], schema: Schema) -> list[str]:
    columns: list[Sequence[Any]] = []
    parts: list[str] = []
    for field in schema.fields:
        column = _field(values, field.name)
        if isinstance(column, Repeat):
            if column.value is not None:
                parts.append(
                    f",{field.name}={render(column.value, field.schema)}".replace("%", "%%")
                )
            continue
        # Every field begins with a comma, so that one that is null leaves nothing behind.
        prefix = f",{field.name}="
        kinds = set(map(type, column))
        if _NONE in kinds:
            texts = iter(_texts([v for v in column if v is not None], field.schema))
            columns.append(["" if v is None else f"{prefix}{next(texts)}" for v in column])
            parts.append("%s")
        else:
            columns.append(_texts(column, field.schema, kinds))
            parts.append(prefix.replace("%", "%%") + "%s")
    if not columns:
        return ["Struct{" + "".join(parts).replace("%%", "%")[1:] + "}"] * len(values)
    if parts[0] == "%s":
        filled = map("".join(parts).__mod__, zip(*columns, strict=True))
        return ["Struct{" + text[1:] + "}" for text in filled]
    template = "Struct{" + "".join(parts)[1:] + "}"
    return list(map(template.__mod__, zip(*columns, strict=True)))


def _field(values: Sequence[dict[str, Any]], name: str) -> Sequence[Any]:
    if isinstance(values, Structs):
        return values.field(name) or Repeat(None, len(values))
    try:
        return list(map(itemgetter(name), values))
    except KeyError:
        return [value.get(name) for value in values]


def _texts(
    column: Sequence[Any], schema: Schema, kinds: set[type[Any]] | None = None
) -> Sequence[Any]:
    """Return what ``%s`` shows as the value's text; no value is None."""
    kinds = set(map(type, column)) if kinds is None else kinds
    if len(kinds) == 1:
        write = _WRITERS.get(next(iter(kinds)))
        if write is not None:
            return write(column, schema)
    return [render(value, schema) for value in column]


def _as_they_are(column: Sequence[Any], schema: Schema) -> Sequence[Any]:
    return column


def _flags(column: Sequence[bool], schema: Schema) -> Sequence[str]:
    return ["true" if value else "false" for value in column]


def _floats(column: Sequence[float], schema: Schema) -> Sequence[Any]:
    # Within these borders Python's shortest text is Java's; of 32 bits it is another.
    if schema.type is Type.FLOAT64 and min(column) >= _PLAIN_MIN and max(column) < _PLAIN_MAX:
        return column
    return [render(value, schema) for value in column]


def _dicts(column: Sequence[dict[str, Any]], schema: Schema) -> Sequence[str]:
    if schema.type is Type.STRUCT and schema.fields:
        return _structs(column, schema)
    return [render(value, schema) for value in column]


_WRITERS: Final[Mapping[type[Any], Callable[[Sequence[Any], Schema], Sequence[Any]]]] = {
    str: _as_they_are,
    int: _as_they_are,
    bool: _flags,
    float: _floats,
    dict: _dicts,
}
