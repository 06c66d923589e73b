"""Schemas to bytes and back; ``Schemas`` in Java."""

from __future__ import annotations

import functools
from typing import Final

from penstock.data import Field, Schema, Type
from penstock_jvm import _columns
from penstock_jvm._bytes import In, Out

__all__ = ["decoded", "encoded"]

_TYPES: Final = (
    Type.INT8,
    Type.INT16,
    Type.INT32,
    Type.INT64,
    Type.FLOAT32,
    Type.FLOAT64,
    Type.BOOLEAN,
    Type.STRING,
    Type.BYTES,
    Type.ARRAY,
    Type.MAP,
    Type.STRUCT,
)
"""In the order of Java's enumeration."""


@functools.lru_cache(maxsize=1000)
def decoded(raw: bytes) -> Schema:
    """Return the schema that Java wrote; the same object for the same bytes."""
    return _read(In(raw))


@functools.lru_cache(maxsize=1000)
def encoded(schema: Schema) -> bytes:
    """Return a schema as Java reads it."""
    out = Out()
    _write(out, schema)
    return out.done()


def _read(source: In) -> Schema:
    kind = _TYPES[source.u8()]
    optional = source.u8() == 1
    name = source.text()
    versioned, version = source.u8() == 1, source.i32()
    doc = source.text()
    parameters = {source.text() or "": source.text() or "" for _ in range(source.i32())}
    fields: tuple[Field, ...] = ()
    keys = values = None
    if kind is Type.STRUCT:
        count = source.i32()
        fields = tuple(Field(source.text() or "", i, _read(source)) for i in range(count))
    elif kind is Type.MAP:
        keys, values = _read(source), _read(source)
    elif kind is Type.ARRAY:
        values = _read(source)
    made = Schema(
        kind,
        optional=optional,
        name=name,
        version=version if versioned else None,
        doc=doc,
        fields=fields,
        key_schema=keys,
        value_schema=values,
        **({"parameters": parameters} if parameters else {}),
    )
    if source.u8() == 1:
        made = made.evolve(default=_columns.read(source, made, 1)[0])
    return made


def _write(out: Out, schema: Schema) -> None:
    out.u8(_TYPES.index(schema.type))
    out.u8(schema.optional)
    out.text(schema.name)
    out.u8(schema.version is not None)
    out.i32(schema.version or 0)
    out.text(schema.doc)
    out.i32(len(schema.parameters))
    for key, value in schema.parameters.items():
        out.text(key)
        out.text(value)
    if schema.type is Type.STRUCT:
        out.i32(len(schema.fields))
        for field in schema.fields:
            out.text(field.name)
            _write(out, field.schema)
    for part in (schema.key_schema, schema.value_schema):
        if part is not None:
            _write(out, part)
    out.u8(schema.default is not None)
    if schema.default is not None:
        _columns.write(out, schema, [schema.default])
