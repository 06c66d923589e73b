"""The lines of whole columns, field by field, where that gives what row by row would.

Structs of required texts and whole numbers, the commonest, need no look at each value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.data import Schema, Type
from penstock_file._render import render_line

__all__ = ["render_column"]


def render_column(values: Sequence[Any], schema: Schema | None) -> list[bytes]:
    """Return the line of every value, without its end; equal to ``render_line`` of each."""
    if schema is not None and schema.type is Type.STRUCT and schema.fields:
        texts = _structs(values, schema)
        if texts is not None:
            return [text.encode("utf-8", "replace") for text in texts]
    return [render_line(value, schema) for value in values]


def _structs(values: Sequence[Any], schema: Schema) -> list[str] | None:
    """Return the texts of structs; None when they have to be rendered one by one."""
    columns: list[list[str]] = []
    for field in schema.fields:
        try:
            column = [value[field.name] for value in values]
        except (KeyError, TypeError):
            return None
        prefix = f"{field.name}="
        kinds = set(map(type, column))
        if kinds <= {str}:
            columns.append([prefix + text for text in column])
        elif kinds <= {int}:
            columns.append([f"{prefix}{number}" for number in column])
        else:
            return None
    return ["Struct{" + ",".join(parts) + "}" for parts in zip(*columns, strict=True)]
