"""Schemas and values to the Java classes of Connect and back, for tests that compare with them."""

from __future__ import annotations

import decimal
from types import ModuleType
from typing import Any, Final

import jpype

from penstock.data import Date, Decimal, Schema, Time, Timestamp, Type
from penstock.errors import DataError
from penstock_converters._tostring import moment_ms

_DATA: Final = "org.apache.kafka.connect.data."
_MOMENTS: Final = (Date.NAME, Time.NAME, Timestamp.NAME)


class JavaRefusedError(Exception):
    """Java threw a DataException, or another error that fails the record."""


class Bridge:
    """Makes Java objects of ours, and ours of Java's."""

    def __init__(self, jvm: ModuleType) -> None:
        self._class = jvm.java_class
        self._map = jvm.java_map
        self._builder = self._class(_DATA + "SchemaBuilder")
        self._kinds = self._class(_DATA + "Schema$Type")
        self._struct = self._class(_DATA + "Struct")
        self._list = self._class("java.util.ArrayList")
        self._linked_map = self._class("java.util.LinkedHashMap")
        self._date = self._class("java.util.Date")
        self._big_integer = self._class("java.math.BigInteger")
        self._big_decimal = self._class("java.math.BigDecimal")
        self._schemas: dict[int, tuple[Schema, Any]] = {}

    def configured(self, name: str, **settings: str) -> Any:
        """Return a configured converter for values; underscores stand for dots."""
        converter = self._class(name)()
        converter.configure(self._map({k.replace("_", "."): v for k, v in settings.items()}), False)
        return converter

    def write(self, converter: Any, schema: Schema | None, value: Any) -> bytes | None:
        """Return what a Java converter writes.

        Raises:
            JavaRefusedError: it wrote nothing.
        """
        try:
            data = converter.fromConnectData(
                "t", None if schema is None else self.schema(schema), self.value(schema, value)
            )
        except jpype.JException as error:
            raise JavaRefusedError(str(error)) from None
        return None if data is None else bytes(data)

    def read(self, converter: Any, data: bytes | None) -> tuple[Any, Any]:
        """Return the Java schema and our form of the value that a Java converter reads."""
        try:
            found = converter.toConnectData("t", None if data is None else _java_bytes(data))
        except jpype.JException as error:
            raise JavaRefusedError(str(error)) from None
        return found.schema(), self.python(found.schema(), found.value())

    def schema(self, schema: Schema) -> Any:
        """Return the Java form of a schema."""
        known = self._schemas.get(id(schema))
        if known is None:
            known = self._schemas[id(schema)] = (schema, self._built(schema))
        return known[1]

    def _built(self, schema: Schema) -> Any:
        builder = self._started(schema)
        if schema.optional:
            builder.optional()
        for part in ("name", "doc"):
            if getattr(schema, part) is not None:
                getattr(builder, part)(getattr(schema, part))
        if schema.version is not None:
            builder.version(jpype.JInt(schema.version))
        for name, text in schema.parameters.items():
            builder.parameter(name, text)
        if schema.default is not None:
            builder.defaultValue(self.value(schema.evolve(default=None), schema.default))
        return builder.build()

    def _started(self, schema: Schema) -> Any:
        if schema.type is Type.ARRAY and schema.value_schema is not None:
            return self._builder.array(self.schema(schema.value_schema))
        if schema.type is Type.MAP and schema.key_schema and schema.value_schema:
            return self._builder.map(
                self.schema(schema.key_schema), self.schema(schema.value_schema)
            )
        builder = self._builder.type(self._kinds.valueOf(schema.type.name))
        for field in schema.fields:
            builder.field(field.name, self.schema(field.schema))
        return builder

    def value(self, schema: Schema | None, value: Any) -> Any:
        """Return the Java form of a value."""
        if value is None:
            return None
        if schema is not None and schema.name in (*_MOMENTS, Decimal.NAME):
            return self._logical(value)
        if isinstance(value, list):
            result = self._list()
            for one in value:
                result.add(self.value(schema.value_schema if schema else None, one))
            return result
        if isinstance(value, dict):
            return self._mapping(schema, value)
        return _primitive(schema, value)

    def _mapping(self, schema: Schema | None, value: dict[Any, Any]) -> Any:
        if schema is not None and schema.type is Type.STRUCT:
            struct = self._struct(self.schema(schema))
            for field in schema.fields:
                one = value.get(field.name)
                if one is not None:
                    struct.put(field.name, self.value(field.schema, one))
            return struct
        result = self._linked_map()
        for name, one in value.items():
            result.put(
                self.value(schema.key_schema if schema else None, name),
                self.value(schema.value_schema if schema else None, one),
            )
        return result

    def _logical(self, value: Any) -> Any:
        if isinstance(value, decimal.Decimal):
            sign, digits, exponent = value.as_tuple()
            unscaled = self._big_integer("".join(map(str, ("-" if sign else "", *digits))))
            return self._big_decimal(unscaled, jpype.JInt(-int(exponent)))
        return self._date(jpype.JLong(moment_ms(value)))

    def python(self, schema: Any, value: Any) -> Any:
        """Return our form of a Java value; moments as their milliseconds."""
        if value is None:
            return None
        if isinstance(value, self._struct):
            return self._members(value)
        if isinstance(value, self._class("java.util.Map")):
            return self._entries(schema, value)
        if isinstance(value, self._class("java.util.List")):
            element = None if schema is None else schema.valueSchema()
            return [self.python(element, one) for one in value]
        if isinstance(value, self._date):
            return ("ms", int(value.getTime()))
        exact = isinstance(value, self._big_decimal)
        return decimal.Decimal(str(value)) if exact else _from_primitive(value)

    def _members(self, value: Any) -> dict[str, Any]:
        get = value.getWithoutDefault
        return {
            str(field.name()): self.python(field.schema(), get(field.name()))
            for field in value.schema().fields()
        }

    def _entries(self, schema: Any, value: Any) -> dict[Any, Any]:
        parts = (None, None) if schema is None else (schema.keySchema(), schema.valueSchema())
        return {
            self.python(parts[0], entry.getKey()): self.python(parts[1], entry.getValue())
            for entry in value.entrySet()
        }


def _java_bytes(data: bytes) -> Any:
    return jpype.JArray(jpype.JByte)(data)


def _primitive(schema: Schema | None, value: Any) -> Any:
    if isinstance(value, bool):
        return jpype.JBoolean(value)
    if isinstance(value, str):
        return jpype.JString(value)
    if isinstance(value, bytes):
        return _java_bytes(value)
    if isinstance(value, float):
        single = schema is not None and schema.type is Type.FLOAT32
        return jpype.JFloat(value) if single else jpype.JDouble(value)
    kind = Type.INT64 if schema is None else schema.type
    return _INTEGERS[kind](value)


_INTEGERS: Final = {
    Type.INT8: jpype.JByte,
    Type.INT16: jpype.JShort,
    Type.INT32: jpype.JInt,
    Type.INT64: jpype.JLong,
}


def _from_primitive(value: Any) -> Any:
    if isinstance(value, jpype.JString):
        # Half of a surrogate pair passes as a character, not as a text.
        units = b"".join(ord(one).to_bytes(2, "big") for one in value.toCharArray())
        return units.decode("utf-16-be", "surrogatepass")
    if isinstance(value, jpype.JArray):
        return bytes(value)
    if isinstance(value, jpype.JClass("java.lang.Boolean") | bool):
        return bool(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        return int(value)
    raise DataError(f"what is a {type(value)}?")
