"""Our schemas, values and records as Java's, and Java's as ours, to compare the two."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import jpype

from penstock.data import (
    Date,
    Decimal,
    EpochMillis,
    Field,
    Record,
    Schema,
    SinkRecord,
    Time,
    Timestamp,
    Type,
)
from tests.parts.jvm_classes import java_class

DATA = "org.apache.kafka.connect.data."
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def text(value: str | None) -> Any:
    return None if value is None else java_class("java.lang.String")(value)


def to_java_schema(schema: Schema | None) -> Any:
    """Return the Java schema, or None."""
    if schema is None:
        return None
    builders = java_class(f"{DATA}SchemaBuilder")
    if schema.type is Type.STRUCT:
        builder = builders.struct()
        for field in schema.fields:
            builder.field(text(field.name), to_java_schema(field.schema))
    elif schema.type is Type.ARRAY:
        builder = builders.array(to_java_schema(schema.value_schema))
    elif schema.type is Type.MAP:
        builder = builders.map(
            to_java_schema(schema.key_schema), to_java_schema(schema.value_schema)
        )
    else:
        builder = builders(java_class(f"{DATA}Schema$Type").valueOf(schema.type.name))
    if schema.name is not None:
        builder.name(text(schema.name))
    if schema.version is not None:
        builder.version(java_class("java.lang.Integer")(schema.version))
    if schema.doc is not None:
        builder.doc(text(schema.doc))
    for name, value in schema.parameters.items():
        builder.parameter(text(name), text(value))
    if schema.optional:
        builder.optional()
    if schema.default is not None:
        # build() first: a default of a struct must be of that very schema.
        builder.defaultValue(to_java(schema.default, schema))
    return builder.build()


def _millis(schema: Schema, value: Any) -> int:
    if schema.name == Date.NAME:
        return Date.to_days(value) * 86_400_000
    if schema.name == Time.NAME:
        return Time.to_ms(value)
    return Timestamp.to_ms(value)


def to_java(value: Any, schema: Schema | None) -> Any:
    """Return the Java value; without a schema, of the class that JSON without schemas gives."""
    if value is None:
        return None
    if schema is None:
        return _bare(value)
    if schema.name == Decimal.NAME:
        return java_class("java.math.BigDecimal")(text(str(value)))
    if schema.name in (Date.NAME, Time.NAME, Timestamp.NAME):
        return java_class("java.util.Date")(_millis(schema, value))
    if schema.type is Type.STRUCT:
        struct = java_class(f"{DATA}Struct")(to_java_schema(schema))
        for field in schema.fields:
            if value.get(field.name) is not None:
                struct.put(text(field.name), to_java(value[field.name], field.schema))
        return struct
    if schema.type is Type.ARRAY:
        found = java_class("java.util.ArrayList")()
        for element in value:
            found.add(to_java(element, schema.value_schema))
        return found
    if schema.type is Type.MAP:
        found = java_class("java.util.LinkedHashMap")()
        for key, element in value.items():
            found.put(to_java(key, schema.key_schema), to_java(element, schema.value_schema))
        return found
    return _primitive(value, schema.type)


_BOXES = {
    Type.INT8: "java.lang.Byte",
    Type.INT16: "java.lang.Short",
    Type.INT32: "java.lang.Integer",
    Type.INT64: "java.lang.Long",
    Type.FLOAT32: "java.lang.Float",
    Type.FLOAT64: "java.lang.Double",
    Type.BOOLEAN: "java.lang.Boolean",
    Type.STRING: "java.lang.String",
}


def _primitive(value: Any, kind: Type) -> Any:
    if kind is Type.BYTES:
        return _bytes(value)
    return java_class(_BOXES[kind])(value)


def _bytes(value: bytes) -> Any:
    return jpype.JArray(jpype.JByte)(value)


def _bare(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bool):
        return java_class("java.lang.Boolean")(value)
    if isinstance(value, int):
        return java_class("java.lang.Long")(value)
    if isinstance(value, float):
        return java_class("java.lang.Double")(value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bytes):
        return _bytes(value)
    if isinstance(value, list):
        found = java_class("java.util.ArrayList")()
        for element in value:
            found.add(_bare(element))
        return found
    found = java_class("java.util.LinkedHashMap")()
    for key, element in value.items():
        found.put(_bare(key), _bare(element))
    return found


def from_java_schema(schema: Any) -> Schema | None:
    """Return our schema of a Java one."""
    if schema is None:
        return None
    kind = Type[str(schema.type().name())]
    bare = Schema(
        kind,
        optional=bool(schema.isOptional()),
        name=None if schema.name() is None else str(schema.name()),
        version=None if schema.version() is None else int(schema.version()),
        doc=None if schema.doc() is None else str(schema.doc()),
        parameters={
            str(e.getKey()): str(e.getValue()) for e in (schema.parameters() or {}).entrySet()
        }
        if schema.parameters() is not None
        else {},
        fields=tuple(
            Field(str(field.name()), int(field.index()), _solid(field.schema()))
            for field in schema.fields()
        )
        if kind is Type.STRUCT
        else (),
        key_schema=from_java_schema(schema.keySchema()) if kind is Type.MAP else None,
        value_schema=from_java_schema(schema.valueSchema())
        if kind in (Type.MAP, Type.ARRAY)
        else None,
    )
    default = schema.defaultValue()
    return bare if default is None else bare.evolve(default=from_java(default))


def _solid(schema: Any) -> Schema:
    found = from_java_schema(schema)
    assert found is not None
    return found


def from_java(value: Any, schema: Schema | None = None) -> Any:
    """Return our value of a Java one; a struct's nulls are left out, as :func:`plain` does."""
    if value is None:
        return None
    name = str(value.getClass().getName()) if hasattr(value, "getClass") else type(value).__name__
    if name.endswith("connect.data.Struct"):
        fields = value.schema().fields()
        found = {}
        for field in fields:
            one = value.getWithoutDefault(field.name())
            if one is not None:
                found[str(field.name())] = from_java(one, from_java_schema(field.schema()))
        return found
    if name == "java.math.BigDecimal":
        return decimal.Decimal(str(value.toPlainString()))
    if name == "java.util.Date":
        return _moment(int(value.getTime()), schema)
    if name in ("java.lang.Byte", "java.lang.Short", "java.lang.Integer", "java.lang.Long"):
        return int(value.longValue())
    if name in ("java.lang.Float", "java.lang.Double"):
        return float(value.doubleValue())
    if name == "java.lang.Boolean":
        return bool(value.booleanValue())
    if name == "java.lang.String":
        return str(value)
    if name == "[B":
        return bytes(b & 0xFF for b in value)
    if hasattr(value, "entrySet"):
        return {from_java(e.getKey()): from_java(e.getValue()) for e in value.entrySet()}
    if hasattr(value, "iterator"):
        return [from_java(one) for one in value]
    raise TypeError(f"no idea what {name} is")


def _moment(ms: int, schema: Schema | None) -> Any:
    if schema is not None and schema.name == Date.NAME:
        return Date.from_days(ms // 86_400_000)
    if schema is not None and schema.name == Time.NAME:
        return Time.from_ms(ms)
    return Timestamp.from_ms(ms)


def plain(value: Any) -> Any:
    """Return a value without the nulls of its dicts, since a left-out field is a null."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.ms if isinstance(value, EpochMillis) else value


def to_java_record(record: Record) -> Any:
    """Return the SinkRecord or SourceRecord, its headers included."""
    made = _to_java_record(record)
    for header in record.headers:
        value = to_java(header.value, header.schema)
        made.headers().add(text(header.key), value, to_java_schema(header.schema))
    return made


def _to_java_record(record: Record) -> Any:
    key = (to_java_schema(record.key_schema), to_java(record.key, record.key_schema))
    value = (to_java_schema(record.value_schema), to_java(record.value, record.value_schema))
    long = java_class("java.lang.Long")
    integer = java_class("java.lang.Integer")
    stamp = None if record.timestamp is None else long(record.timestamp)
    if isinstance(record, SinkRecord):
        kind = java_class("org.apache.kafka.common.record.TimestampType").CREATE_TIME
        made = java_class("org.apache.kafka.connect.sink.SinkRecord")
        return made(
            text(record.topic), int(record.partition or 0), *key, *value, record.offset, stamp, kind
        )
    made = java_class("org.apache.kafka.connect.source.SourceRecord")
    partition = None if record.partition is None else integer(record.partition)
    return made(None, None, text(record.topic), partition, *key, *value, stamp)
