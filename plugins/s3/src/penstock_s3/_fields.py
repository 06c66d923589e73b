"""Fields of the values of a batch, nested ones too, by column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.data import Batch, Column, Schema, Structs, Type
from penstock.errors import DataError

__all__ = ["field_column", "name_of"]


def name_of(schema: Schema | None) -> str:
    """Return what to call values of this schema in a message."""
    if schema is None:
        return "values without a schema"
    return f"{schema.type.value} {schema.name}" if schema.name else schema.type.value


def field_column(batch: Batch, path: str, key: str) -> tuple[Column, Schema | None]:
    """Return the column of a field, its parts joined by dots, and its schema if there is one.

    A field of a null struct is null. A key of a map is a field, too.

    Raises:
        DataError: there is no such field, or it lies in what is no struct.
    """
    column: Column = batch.values
    schema = batch.value_schema
    for name in path.split("."):
        if schema is None or schema.type is Type.MAP:
            column = _of_dicts(batch, column, name, path, key)
            schema = None if schema is None else schema.value_schema
            continue
        found = schema.field(name) if schema.type is Type.STRUCT else None
        if found is None:
            known = ", ".join(field.name for field in schema.fields) or "it is no struct"
            raise DataError(
                f"topic {batch.topic}: {key}: no field '{path}' in {name_of(batch.value_schema)}"
                f" (missing: '{name}'; fields there: {known:.200})"
            )
        column = _of_structs(batch, column, name, key)
        schema = found.schema
        if schema.default is not None and None in column:
            stand_in = schema.default
            column = [stand_in if one is None else one for one in column]
    return column, schema


def _of_structs(batch: Batch, column: Column, name: str, key: str) -> Sequence[Any]:
    if isinstance(column, Structs):
        found = column.field(name)
        return [None] * len(column) if found is None else found
    try:
        return [None if one is None else one.get(name) for one in column]
    except AttributeError:
        raise DataError(
            f"topic {batch.topic}: {key}: a value is no struct, where its schema says so"
        ) from None


def _of_dicts(batch: Batch, column: Column, name: str, path: str, key: str) -> Sequence[Any]:
    if isinstance(column, Structs):
        found = column.field(name)
        if found is not None:
            return found
    try:
        return [one[name] for one in column]
    except (KeyError, TypeError, IndexError):
        pass
    bad = next(one for one in column if not (isinstance(one, dict) and name in one))
    if isinstance(bad, dict):
        known = ", ".join(map(str, bad)) or "none"
        why = f"a record has none; its fields: {known:.200}"
    else:
        why = f"a value is {type(bad).__name__}, no object"
    raise DataError(f"topic {batch.topic}: {key}: no field '{path}': {why}")
