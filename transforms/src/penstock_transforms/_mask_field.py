"""MaskField: hide fields behind a null value or a replacement (source: MaskField)."""

from __future__ import annotations

import datetime as dt
import decimal
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from penstock.config import config, key
from penstock.data import (
    INTEGER_BITS,
    Date,
    Decimal,
    EpochMillis,
    Repeat,
    Schema,
    Structs,
    Text,
    Time,
    Timestamp,
    Type,
)
from penstock.data.values import to_float32
from penstock.errors import DataError
from penstock_transforms._numbertext import parse_decimal
from penstock_transforms._sided import Around, SchemaCache, SidedTransform, maps, structs
from penstock_transforms._structs import Fill

__all__ = ["MaskField"]

PURPOSE: Final = "mask fields"
_INTEGER_DIGITS_MAX: Final = 20
_THOUSAND_DIGITS: Final = decimal.Context(prec=1000)
_EPOCH: Final = Timestamp.from_ms(0)
_TYPES: Final[dict[type, Type]] = {
    bool: Type.BOOLEAN,
    int: Type.INT64,
    float: Type.FLOAT64,
    str: Type.STRING,
    list: Type.ARRAY,
    tuple: Type.ARRAY,
    dict: Type.MAP,
}
_MOMENTS: Final[dict[str, Any]] = {
    Date.NAME: Date.from_days(0),
    Time.NAME: Time.from_ms(0),
    Timestamp.NAME: _EPOCH,
}
_BARE_MOMENTS: Final[dict[type, Any]] = {
    dt.datetime: _EPOCH,
    EpochMillis: _EPOCH,
    dt.date: Date.from_days(0),
    dt.time: Time.from_ms(0),
}
_NUMBERS: Final[dict[Type, Callable[[decimal.Decimal], Any]]] = {
    Type.INT8: lambda exact: _integer(exact, 8),
    Type.INT16: lambda exact: _integer(exact, 16),
    Type.INT32: lambda exact: _integer(exact, 32),
    Type.INT64: lambda exact: _integer(exact, 64),
    Type.FLOAT32: lambda exact: to_float32(float(exact)),
    Type.FLOAT64: float,
}
_NULLS: Final[dict[Type, Any]] = {
    **dict.fromkeys(INTEGER_BITS, 0),
    Type.FLOAT32: 0.0,
    Type.FLOAT64: 0.0,
    Type.BOOLEAN: False,
    Type.STRING: "",
}


@config
class MaskFieldConfig:
    """Keys of MaskField."""

    fields: list[str] = key(importance="high", non_empty=True, doc="Names of the fields to mask.")
    replacement: str | None = key(
        default=None,
        non_empty=True,
        importance="low",
        doc="What to put in the fields, which must be numbers or texts then; left out, each gets"
        " a null value of its type: 0, false, an empty text, 1970, an empty list or map.",
    )
    replace_null_with_default: bool = key(
        default=True, doc="Let a field's default stand for a null."
    )


@attrs.frozen
class _Mask:
    """What stands in place of a value, or why nothing can."""

    value: Any = None
    problem: str | None = None

    def given(self, where: str) -> Any:
        """Return the value; raises DataError if nothing can stand for it."""
        if self.problem is not None:
            raise DataError(f"{self.problem}; found in {where}")
        return self.value


@attrs.frozen
class _Layout:
    """The masks of a struct's fields, and what its nulls become."""

    masks: tuple[tuple[Schema, str, _Mask], ...]
    fill: Fill


class MaskField(SidedTransform[MaskFieldConfig]):
    """Hides what fields hold."""

    def open(self) -> None:
        """Prepare the names."""
        self._names = tuple(self.config.fields)
        self._layouts = SchemaCache(self._layout)

    def _layout(self, schema: Schema) -> _Layout:
        found = [(name, schema.field(name)) for name in self._names]
        return _Layout(
            masks=tuple(
                (field.schema, name, self._mask_of(field.schema))
                for name, field in found
                if field is not None
            ),
            fill=Fill.of(schema.fields, replaces=self.config.replace_null_with_default),
        )

    def _mask_of(self, schema: Schema) -> _Mask:
        if schema.name == Decimal.NAME:
            return self._decimal(Decimal.scale_of(schema))
        if schema.name in _MOMENTS:
            return self._unless_replaced(_MOMENTS[schema.name], schema.name.rpartition(".")[2])
        return self._of_type(schema.type)

    def _mask_of_class(self, kind: type) -> _Mask:
        for one in kind.__mro__:
            if one in _BARE_MOMENTS:
                return self._unless_replaced(_BARE_MOMENTS[one], kind.__name__)
            if one is decimal.Decimal:
                return self._decimal(None)
            if one in _TYPES:
                return self._of_type(_TYPES[one])
        return _Mask(problem=f"Cannot mask value of type: {kind.__name__}")

    def _of_type(self, kind: Type) -> _Mask:
        text = self.config.replacement
        if text is not None and kind is Type.STRING:
            return _Mask(text)
        if text is not None and kind in _NUMBERS:
            return _number(text, kind, _NUMBERS[kind])
        if kind is Type.ARRAY or kind is Type.MAP:
            return self._unless_replaced([] if kind is Type.ARRAY else {}, kind.value)
        if kind in _NULLS:
            return self._unless_replaced(_NULLS[kind], kind.value)
        return _Mask(problem=f"Cannot mask value of type: {kind.value}")

    def _unless_replaced(self, value: Any, shown: str) -> _Mask:
        if self.config.replacement is None:
            return _Mask(value)
        return _Mask(
            problem=f"Cannot mask value of type {shown} with custom replacement; leave"
            " 'replacement' out for this field, it is for numbers and texts"
        )

    def _decimal(self, scale: int | None) -> _Mask:
        text = "0" if self.config.replacement is None else self.config.replacement
        return _number(text, "Decimal", lambda exact: exact if scale is None else _at(exact, scale))

    def column(
        self, values: Sequence[Any], schema: Schema | None, around: Around
    ) -> tuple[Sequence[Any], Schema | None]:
        """Mask the fields in every row."""
        if schema is None:
            return self._maps(maps(values, PURPOSE)), None
        rows = structs(values, schema, PURPOSE)
        layout = self._layouts.get(schema)
        rows = layout.fill.rows(rows)
        constants: dict[str, Any] = {}
        columns: dict[str, list[Any]] = {}
        if isinstance(rows, Structs):
            return self._by_field(rows, layout), schema
        for field, name, mask in layout.masks:
            nulls = [row.get(name) is None for row in rows]
            if not field.optional and True in nulls:
                raise DataError(f"Invalid value: null used for required field '{name}'")
            if True not in nulls:
                constants[name] = mask.given(self._where(name))
            elif False in nulls:
                value = mask.given(self._where(name))
                columns[name] = [None if null else value for null in nulls]
        return _merged(rows, constants, columns), schema

    def _by_field(self, rows: Structs, layout: _Layout) -> Structs:
        masked: dict[str, Sequence[Any]] = {}
        for field, name, mask in layout.masks:
            column = rows.field(name) or Repeat(None, len(rows))
            raw = column.utf8 if isinstance(column, Text) else column
            has_null = raw.value is None if isinstance(raw, Repeat) else None in raw
            if has_null and not field.optional:
                raise DataError(f"Invalid value: null used for required field '{name}'")
            if not has_null:
                masked[name] = Repeat(mask.given(self._where(name)), len(rows))
            elif any(one is not None for one in raw):
                value = mask.given(self._where(name))
                masked[name] = [None if one is None else value for one in raw]
        return rows.changed(masked)

    def _where(self, name: str) -> str:
        return f"field '{name}' of the {self.side.value}"

    def _maps(self, rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        constants: dict[str, Any] = {}
        columns: dict[str, list[Any]] = {}
        for name in self._names:
            kinds = [type(row.get(name)) for row in rows]
            masks = {kind: self._bare(kind, name) for kind in set(kinds)}
            if len(masks) == 1:
                constants[name] = masks[kinds[0]]
            else:
                columns[name] = [masks[kind] for kind in kinds]
        return _merged(rows, constants, columns)

    def _bare(self, kind: type, name: str) -> Any:
        return None if kind is type(None) else self._mask_of_class(kind).given(self._where(name))


def _merged(
    rows: Sequence[dict[str, Any]],
    constants: dict[str, Any],
    columns: dict[str, list[Any]],
) -> Sequence[dict[str, Any]]:
    """Return copies of the rows in which these fields have other values."""
    if len(constants) == 1:
        ((name, value),) = constants.items()
        changed = [{**row, name: value} for row in rows]
    else:
        changed = [{**row, **constants} for row in rows]
    for name, column in columns.items():
        for row, value in zip(changed, column, strict=True):
            row[name] = value
    return changed


def _number(text: str, kind: Type | str, make: Callable[[decimal.Decimal], Any]) -> _Mask:
    shown = kind.value if isinstance(kind, Type) else kind
    exact = parse_decimal(text)
    if exact is None:
        return _Mask(problem=f"Unable to convert {text} to number, for a field of type {shown}")
    made = make(exact)
    if made is None or (isinstance(made, float) and math.isinf(made)):
        return _Mask(problem=f"Unable to convert {text} to number: it does not fit {shown}")
    return _Mask(made)


def _integer(exact: decimal.Decimal, bits: int) -> int | None:
    """Return the whole part if it fits; the bound comes first, for 1e999999999 is large."""
    if exact.adjusted() >= _INTEGER_DIGITS_MAX:
        return None
    made = int(exact)
    return made if -(1 << (bits - 1)) <= made < 1 << (bits - 1) else None


def _at(exact: decimal.Decimal, scale: int) -> decimal.Decimal | None:
    """Return the number with ``scale`` digits after the point, None if it needs more of them."""
    try:
        made = exact.quantize(decimal.Decimal(1).scaleb(-scale), context=_THOUSAND_DIGITS)
    except decimal.InvalidOperation:
        return None
    return made if made == exact else None
