"""What another schema does to an open file: nothing, a projection, or an end of it.

(source: StorageSchemaCompatibility, SchemaProjector)
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from penstock.data import Column, Schema, Structs, Type
from penstock.errors import DataError
from penstock_s3._border import Schemas

__all__ = ["Change", "Compatibility", "projector"]

Project = Callable[[Column], Column]

_WIDTH: Final[Mapping[Type, int]] = {
    Type.INT8: 0,
    Type.INT16: 1,
    Type.INT32: 2,
    Type.INT64: 3,
    Type.FLOAT32: 4,
    Type.FLOAT64: 5,
}
_FLOATS: Final = frozenset({Type.FLOAT32, Type.FLOAT64})
_CACHED_MAX: Final = 1000


class Change(enum.Enum):
    """What a record of other schemas does to a file."""

    SAME = "same"
    PROJECT = "project"
    OTHER = "other"


class Compatibility:
    """Decides by ``schema.compatibility``; keeps what it found out. Owner: the task's thread."""

    def __init__(self, mode: str, *, keys_matter: bool = False) -> None:
        """Take NONE, BACKWARD, FORWARD or FULL, and whether keys are written, too."""
        self._mode = mode
        self._keys_matter = keys_matter
        self._changes: dict[tuple[Schemas, Schemas], Change] = {}
        self._projectors: dict[tuple[Schema, Schema], Project | None] = {}

    def schemas(self, key: Schema | None, value: Schema | None) -> Schemas:
        """Return the schemas of rows, as far as they matter to a file."""
        return Schemas(key if self._keys_matter else None, value)

    def change(self, opened: Schemas, given: Schemas) -> Change:
        """Return what rows of ``given`` schemas do to a file of ``opened`` ones.

        Raises:
            DataError: a mode but NONE was chosen, and a schema has no version.
        """
        if opened == given:
            return Change.SAME
        known = self._changes.get((opened, given))
        if known is None:
            if len(self._changes) >= _CACHED_MAX:
                self._changes.clear()
            known = self._changes[opened, given] = self._found(opened, given)
        return known

    def _found(self, opened: Schemas, given: Schemas) -> Change:
        if self._mode == "NONE" or opened.key != given.key:
            return Change.OTHER
        file, rows = opened.value, given.value
        if file is None or rows is None:
            return Change.OTHER
        for schema in (file, rows):
            if schema.version is None:
                raise DataError(
                    f"Schema version required for {self._mode} compatibility: schema"
                    f" {schema.name or schema.type.value} has none; use schema.compatibility=NONE,"
                    " or a converter that gives versions"
                )
        newer = (rows.version or 0) - (file.version or 0)
        if newer < 0 if self._mode == "FORWARD" else newer > 0:
            return Change.OTHER
        return Change.OTHER if self._projector(rows, file) is None else Change.PROJECT

    def project(self, column: Column, given: Schema | None, target: Schema | None) -> Column:
        """Return values as the target has them; to be asked where the change is PROJECT."""
        if given is None or target is None or given == target:
            return column
        found = self._projector(given, target)
        if found is None:
            raise DataError(f"{given.name}: values cannot be written as version {target.version}")
        return found(column)

    def _projector(self, given: Schema, target: Schema) -> Project | None:
        pair = (given, target)
        if pair not in self._projectors:
            if len(self._projectors) >= _CACHED_MAX:
                self._projectors.clear()
            self._projectors[pair] = projector(given, target)
        return self._projectors[pair]


def projector(given: Schema, target: Schema) -> Project | None:
    """Return what makes columns of one schema those of another; None when nothing can."""
    if given == target:
        return _as_it_is
    if given.type is not target.type:
        low, high = _WIDTH.get(given.type), _WIDTH.get(target.type)
        if low is None or high is None or low > high:
            return None
    if given.name != target.name or dict(given.parameters) != dict(target.parameters):
        return None
    if given.optional and not target.optional and target.default is None:
        return None
    solid = _solid(given, target)
    return None if solid is None else _around_nulls(solid, given, target)


def _around_nulls(solid: Project, given: Schema, target: Schema) -> Project:
    if not given.optional:
        return solid
    stand_in = None if target.optional else target.default

    def project(column: Column) -> Column:
        if None not in column:
            return solid(column)
        left = iter(solid([one for one in column if one is not None]))
        return [stand_in if one is None else next(left) for one in column]

    return project


def _as_it_is(column: Column) -> Column:
    return column


def _solid(given: Schema, target: Schema) -> Project | None:
    if target.type is Type.STRUCT:
        return _structs(given, target)
    if target.type is Type.ARRAY:
        return _arrays(given, target)
    if target.type is Type.MAP:
        return _maps(given, target)
    if target.type in _FLOATS and given.type not in _FLOATS:
        return lambda column: [float(one) for one in column]
    return _as_it_is


@attrs.frozen
class _FieldPlan:
    """How a field of the target is made: from the one given, whose nulls are its default."""

    name: str
    project: Project | None
    stand_in: Any = None


def _structs(given: Schema, target: Schema) -> Project | None:
    plans: list[_FieldPlan] = []
    for field in target.fields:
        source = given.field(field.name)
        if source is not None:
            change = projector(source.schema, field.schema)
            if change is None:
                return None
            plans.append(_FieldPlan(field.name, change, source.schema.default))
        elif field.schema.optional:
            plans.append(_FieldPlan(field.name, None))
        elif field.schema.default is not None:
            plans.append(_FieldPlan(field.name, None, field.schema.default))
        else:
            return None

    def project(column: Column) -> Column:
        made = {plan.name: _field(column, plan) for plan in plans}
        return Structs(made, len(column))

    return project


def _field(column: Column, plan: _FieldPlan) -> Column:
    if plan.project is None:
        return [plan.stand_in] * len(column)
    if isinstance(column, Structs):
        found = column.field(plan.name) or [None] * len(column)
    else:
        found = [one.get(plan.name) for one in column]
    if plan.stand_in is not None and None in found:
        found = [plan.stand_in if one is None else one for one in found]
    return plan.project(found)


def _arrays(given: Schema, target: Schema) -> Project | None:
    project = _parts(given.value_schema, target.value_schema)
    if project is None:
        return None
    return lambda column: [list(project(one)) for one in column]


def _maps(given: Schema, target: Schema) -> Project | None:
    keys = _parts(given.key_schema, target.key_schema)
    values = _parts(given.value_schema, target.value_schema)
    if keys is None or values is None:
        return None
    return lambda column: [
        dict(zip(keys(list(one)), values(list(one.values())), strict=True)) for one in column
    ]


def _parts(given: Schema | None, target: Schema | None) -> Project | None:
    return None if given is None or target is None else projector(given, target)
