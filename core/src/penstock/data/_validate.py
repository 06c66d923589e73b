"""Check values against schemas, and infer schemas from values (source: ConnectSchema)."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from penstock.data._logical import Date, Decimal, EpochMillis, Time, Timestamp
from penstock.data._schema import Schema, Type
from penstock.errors import DataError

__all__ = ["INTEGER_BITS", "infer_schema", "validate_value"]

INTEGER_BITS: Final[Mapping[Type, int]] = {
    Type.INT8: 8,
    Type.INT16: 16,
    Type.INT32: 32,
    Type.INT64: 64,
}
_DEPTH_MAX: Final = 200
_SHOWN_MAX: Final = 80


def validate_value(schema: Schema, value: Any, path: str = "") -> None:
    """Check that ``value`` fits ``schema``.

    Java checks integers by class; here the range of the value is checked, so an INT8 of 300 is
    refused instead of wrapped.

    Args:
        schema: what the value should be.
        value: the value, in the Python form of its type.
        path: where the value stands, for the message, such as ``value.order.id``.

    Raises:
        DataError: it does not fit; the message names the path, the schema and the value's type.
    """
    _validate(schema, value, path, 0)


def _validate(schema: Schema, value: Any, path: str, depth: int) -> None:
    if depth > _DEPTH_MAX:
        raise DataError(f"{path or 'value'}: nested deeper than {_DEPTH_MAX} levels")
    if value is None:
        if not schema.optional:
            raise DataError(f"{path or 'value'}: None given for a required {_label(schema)}")
        return
    logical = _LOGICAL.get(schema.name or "")
    if logical is not None:
        logical(schema, value, path)
        return
    bits = INTEGER_BITS.get(schema.type)
    if bits is not None:
        if type(value) is not int:
            raise _mismatch(schema, value, path)
        if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise DataError(f"{path or 'value'}: {value} does not fit {schema.type.value}")
    elif schema.type in _CLASSES:
        if not isinstance(value, _CLASSES[schema.type]):
            raise _mismatch(schema, value, path)
    else:
        _validate_nested(schema, value, path, depth)


def _validate_nested(schema: Schema, value: Any, path: str, depth: int) -> None:
    if schema.type is Type.ARRAY:
        if not isinstance(value, list | tuple):
            raise _mismatch(schema, value, path)
        for i, element in enumerate(value):
            _validate(_needed(schema.value_schema), element, f"{path}[{i}]", depth + 1)
        return
    if not isinstance(value, dict):
        raise _mismatch(schema, value, path)
    if schema.type is Type.STRUCT:
        _validate_struct(schema, value, path, depth)
        return
    for name, element in value.items():
        _validate(_needed(schema.key_schema), name, f"{path} key {name!r}", depth + 1)
        _validate(_needed(schema.value_schema), element, f"{path}[{name!r}]", depth + 1)


def _validate_struct(schema: Schema, value: dict[str, Any], path: str, depth: int) -> None:
    for name in value:
        if schema.field(name) is None:
            raise DataError(f"{path or 'value'}: '{name}' is no field of {_label(schema)}")
    for field in schema.fields:
        element = value.get(field.name)
        if element is None and field.schema.default is not None:
            continue
        where = f"{path}.{field.name}" if path else field.name
        _validate(field.schema, element, where, depth + 1)


def _needed(schema: Schema | None) -> Schema:
    if schema is None:  # pragma: no cover - refused when the schema was built
        raise DataError("schema without the schema of its elements")
    return schema


def _label(schema: Schema) -> str:
    return f"{schema.type.value} '{schema.name}'" if schema.name else schema.type.value


def _mismatch(schema: Schema, value: Any, path: str) -> DataError:
    shown = repr(value)
    shown = shown if len(shown) <= _SHOWN_MAX else shown[:_SHOWN_MAX] + "..."
    kind = type(value).__name__
    return DataError(f"{path or 'value'}: expected {_label(schema)}, got {kind} {shown}")


def _check_decimal(schema: Schema, value: Any, path: str) -> None:
    if not isinstance(value, decimal.Decimal):
        raise _mismatch(schema, value, path)
    Decimal.to_bytes(schema, value)


def _check_date(schema: Schema, value: Any, path: str) -> None:
    if not isinstance(value, dt.date | EpochMillis) or isinstance(value, dt.datetime):
        raise _mismatch(schema, value, path)
    Date.to_days(value)


def _check_time(schema: Schema, value: Any, path: str) -> None:
    if not isinstance(value, dt.time | EpochMillis):
        raise _mismatch(schema, value, path)
    Time.to_ms(value)


def _check_timestamp(schema: Schema, value: Any, path: str) -> None:
    if not isinstance(value, dt.datetime | EpochMillis):
        raise _mismatch(schema, value, path)


_LOGICAL: Final[Mapping[str, Callable[[Schema, Any, str], None]]] = {
    Decimal.NAME: _check_decimal,
    Date.NAME: _check_date,
    Time.NAME: _check_time,
    Timestamp.NAME: _check_timestamp,
}

_CLASSES: Final[Mapping[Type, type | tuple[type, ...]]] = {
    Type.FLOAT32: float,
    Type.FLOAT64: float,
    Type.BOOLEAN: bool,
    Type.STRING: str,
    Type.BYTES: (bytes, bytearray, memoryview),
}


def infer_schema(value: Any) -> Schema | None:
    """Return the schema that a bare Python value has by itself, or None when it has none.

    Integers are INT64, floats FLOAT64, as JSON without schemas reads them. A list's or dict's
    elements must agree; a dict with text keys is a map, never a struct.
    """
    if isinstance(value, bool):
        return Schema.BOOLEAN
    if isinstance(value, decimal.Decimal):
        exponent = value.as_tuple().exponent
        return Decimal.schema(-exponent) if isinstance(exponent, int) else None
    for kinds, schema in _INFERRED:
        if isinstance(value, kinds):
            return schema
    if isinstance(value, list | tuple):
        element = _common(value)
        return None if element is None else Schema.array(element)
    if isinstance(value, dict):
        key, element = _common(list(value)), _common(list(value.values()))
        return None if key is None or element is None else Schema.map(key, element)
    return None


def _common(values: Sequence[Any]) -> Schema | None:
    schemas = {infer_schema(value) for value in values if value is not None}
    if len(schemas) != 1:
        return None
    found = schemas.pop()
    return found.as_optional() if found is not None and None in values else found


_INFERRED: Final[Sequence[tuple[type | tuple[type, ...], Schema]]] = (
    (int, Schema.INT64),
    (float, Schema.FLOAT64),
    (str, Schema.STRING),
    ((bytes, bytearray, memoryview), Schema.BYTES),
    ((dt.datetime, EpochMillis), Timestamp.SCHEMA),
    (dt.date, Date.SCHEMA),
    (dt.time, Time.SCHEMA),
)
