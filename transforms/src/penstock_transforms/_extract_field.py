"""ExtractField: replace a struct or map by one of its fields (source: ExtractField)."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final

import attrs

from penstock.config import config, key
from penstock.data import Schema, Structs, Type
from penstock.errors import DataError
from penstock_transforms._paths import parse_path
from penstock_transforms._sided import (
    Around,
    SchemaCache,
    SidedTransform,
    require_map,
    require_struct,
    with_default,
)

__all__ = ["ExtractField"]

PURPOSE: Final = "field extraction"
_ALL_DICTS: Final = frozenset({dict, type(None)})


@config
class ExtractFieldConfig:
    """Keys of ExtractField."""

    field: str = key(doc="The field; with V2, steps to a nested one, parted by dots.")
    field_syntax_version: str = key(
        default="V1",
        choices=("V1", "V2"),
        any_case=True,
        importance="high",
        doc="V1: the name of a field. V2: a path to a nested field.",
    )
    replace_null_with_default: bool = key(
        default=True, doc="Let a field's default stand for a null."
    )


@attrs.frozen
class _Found:
    """The schemas along the path; the last is the field's own."""

    schemas: tuple[Schema, ...]


class ExtractField(SidedTransform[ExtractFieldConfig]):
    """``{a: 1, b: 2}`` becomes ``1`` for the field ``a``."""

    def open(self) -> None:
        """Parse the path."""
        nested = self.config.field_syntax_version.upper() == "V2"
        self._path = parse_path(self.config.field, nested=nested)
        self._found = SchemaCache(self._find)

    def _find(self, schema: Schema) -> _Found:
        schemas = []
        at = schema
        for step in self._path:
            field = at.field(step) if at.type is Type.STRUCT else None
            if field is None:
                raise DataError(f"Unknown field: {self.config.field}")
            schemas.append(field.schema)
            at = field.schema
        return _Found(tuple(schemas))

    def column(
        self, values: Sequence[Any], schema: Schema | None, around: Around
    ) -> tuple[Sequence[Any], Schema | None]:
        """Take the field out of every row; a null stays one."""
        if schema is None:
            return self._maps(values), None
        if schema.type is not Type.STRUCT:
            for value in values:
                if value is not None:
                    require_struct(value, schema, PURPOSE)
        found = self._found.get(schema)
        return self._structs(values, schema, found), found.schemas[-1]

    def _maps(self, values: Sequence[Any]) -> Sequence[Any]:
        at = values
        for step in self._path:
            if not _ALL_DICTS.issuperset(map(type, at)):
                return [None if v is None else self._of_map(v) for v in values]
            at = _taken(at, step)
        return at

    def _structs(self, values: Sequence[Any], schema: Schema, found: _Found) -> Sequence[Any]:
        """Take step by step for the whole column; row by row where a value is of another kind."""
        at = values
        for step, field in zip(self._path, found.schemas, strict=True):
            if not (isinstance(at, Structs) or _ALL_DICTS.issuperset(map(type, at))):
                return [None if v is None else self._of_struct(v, schema, found) for v in values]
            taken = _taken(at, step)
            if self.config.replace_null_with_default and field.default is not None:
                # A default stands for a null field, but not for one of a struct that is null.
                taken = [
                    field.default if inner is None and outer is not None else inner
                    for inner, outer in zip(taken, at, strict=True)
                ]
            at = taken
        return at

    def _of_map(self, value: Any) -> Any:
        at: Any = require_map(value, PURPOSE)
        for step in self._path:
            if at is None:
                return None
            at = require_map(at, PURPOSE).get(step)
        return at

    def _of_struct(self, value: Any, schema: Schema, found: _Found) -> Any:
        at: Any = require_struct(value, schema, PURPOSE)
        replaces = self.config.replace_null_with_default
        for step, field in zip(self._path, found.schemas, strict=True):
            if at is None:
                return None
            at = with_default(at.get(step), field, replace_null=replaces)
        return at


def _taken(values: Sequence[Any], name: str) -> Sequence[Any]:
    """Return one field of dicts; None of None and of a dict that leaves it out."""
    if isinstance(values, Structs):
        return values.field(name) or [None] * len(values)
    try:
        return list(map(itemgetter(name), values))
    except (KeyError, TypeError):
        return [None if value is None else value.get(name) for value in values]
