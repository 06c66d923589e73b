"""Avro files beside Java: schemas as AvroData makes them, files read back by Avro's own reader.

Confluent's AvroData is on no public registry of Maven; Apicurio's class of the same name is a copy
of it that kept its names and properties.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import jpype
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.data import Date, Decimal, EpochMillis, Schema, Time, Timestamp, Type
from penstock_s3._border import Schemas
from penstock_s3._formats import FormatOptions, format_of
from penstock_s3._formats._avro_schema import AvroSchemas
from tests.conformance.jvm.bridge import Bridge
from tests.parts.maven import class_path
from tests.unit.converters.records import values
from tests.unit.s3.s3_batches import sink_batch

AVRO_DATA = "io.apicurio:apicurio-registry-utils-converter:2.5.11.Final"
HOME = "io.apicurio.registry.utils.converter.avro.AvroData"
PRIMITIVES = [Schema(kind) for kind in Type if kind.is_primitive]
LOGICAL = [Date.SCHEMA, Time.SCHEMA, Timestamp.SCHEMA, Decimal.schema(2)]
NAMES = ("a", "b_1", "Cc", "_d")


class AvroBridge(Bridge):
    """Takes the buffers, too, that Avro has bytes in."""

    def python(self, schema: Any, value: Any) -> Any:
        if isinstance(value, jpype.JClass("java.nio.ByteBuffer")):
            return bytes(value.array())
        return super().python(schema, value)


class AvroData:
    """The class, and the reader of container files."""

    def __init__(self, jvm: ModuleType) -> None:
        java_file = jvm.java_class("java.io.File")
        urls = [java_file(str(jar)).toURI().toURL() for jar in class_path([AVRO_DATA])]
        self._loader = jvm.java_class("java.net.URLClassLoader")(urls)
        self._data = self._class(HOME)(jpype.JInt(100))
        self._parser = self._class("org.apache.avro.Schema$Parser")
        self.bridge = AvroBridge(jvm)

    def _class(self, name: str) -> Any:
        return jpype.JClass(name, loader=self._loader)

    def schema(self, schema: Schema) -> Any:
        return self._data.fromConnectSchema(self.bridge.schema(schema))

    def parsed(self, avro: Any) -> Any:
        return self._parser().parse(json.dumps(avro))

    def rows(self, data: bytes) -> list[Any]:
        """Return the records of a file as our values, their moments as milliseconds."""
        stream = self._class("org.apache.avro.file.SeekableByteArrayInput")(
            jpype.JArray(jpype.JByte)(data)
        )
        generic = self._class("org.apache.avro.generic.GenericDatumReader")()
        reader = self._class("org.apache.avro.file.DataFileReader")(stream, generic)
        found = []
        while reader.hasNext():
            both = self._data.toConnectData(reader.getSchema(), reader.next())
            found.append(self.bridge.python(both.schema(), both.value()))
        return found


@pytest.fixture(scope="module")
def avro_data(jvm: ModuleType) -> AvroData:
    return AvroData(jvm)


def _structs(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    fields = st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=3)
    return st.builds(
        lambda fields, doc, version: Schema.struct(fields, doc=doc, version=version),
        fields,
        st.sampled_from([None, "what it is"]),
        st.sampled_from([None, 1, 7]),
    )


def _nested(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    keys = st.sampled_from([Schema.STRING, Schema.INT32])
    return st.one_of(
        _structs(inner), inner.map(Schema.array), st.builds(Schema.map, keys, inner)
    ).flatmap(_maybe)


def _maybe(schema: Schema) -> st.SearchStrategy[Schema]:
    return st.sampled_from([schema, schema.as_optional()])


def _named(schema: Schema, path: str = "com.x.R") -> Schema:
    """Give each struct and each map of entries a name of its own, as converters do."""
    if schema.type is Type.STRUCT:
        fields = {f.name: _named(f.schema, f"{path}_{f.name}") for f in schema.fields}
        parts = {"doc": schema.doc, "version": schema.version, "optional": schema.optional}
        return Schema.struct(fields, name=path, **parts)
    if schema.value_schema is None:
        return schema
    inner = _named(schema.value_schema, f"{path}_v")
    named = path if schema.type is Type.MAP and schema.key_schema != Schema.STRING else None
    return schema.evolve(value_schema=inner, name=named)


leaves = st.sampled_from([*PRIMITIVES, *LOGICAL]).flatmap(_maybe)
schemas = st.recursive(leaves, _nested, max_leaves=6).map(_named)
structs = _structs(st.recursive(leaves, _nested, max_leaves=4)).map(_named)
DOCUMENTED = Schema.struct(
    {
        "a": Schema(Type.STRING, doc="a text", default="x"),
        "b": Schema(Type.INT32, optional=True, default=5, parameters={"p": "q"}),
        "c": Schema.OPTIONAL_BYTES,
        "d": Schema(Type.BYTES, default=b"\xff"),
        "e": Schema(Type.INT8, name="com.x.Tiny", optional=True, doc="small"),
    },
    name="com.x.Documented",
    version=3,
    doc="a record",
)


@settings(max_examples=200, deadline=None)
@given(schema=schemas)
@example(schema=DOCUMENTED)
def test_schemas_are_those_of_avro_data(avro_data: AvroData, schema: Schema) -> None:
    ours = avro_data.parsed(AvroSchemas().of(schema))
    theirs = avro_data.schema(schema)
    assert ours.equals(theirs), f"\nours   {ours}\ntheirs {theirs}"


def plain(value: Any) -> Any:
    """Return moments as the bridge tells those of Java."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, EpochMillis):
        return ("ms", value.ms)
    if isinstance(value, dt.datetime):
        return ("ms", Timestamp.to_ms(value))
    if isinstance(value, dt.date):
        return ("ms", Date.to_days(value) * 86_400_000)
    return ("ms", Time.to_ms(value)) if isinstance(value, dt.time) else value


def written(schema: Schema, rows: Sequence[Any], codec: str) -> bytes:
    encoder = format_of("avro", "value", FormatOptions(avro_codec=codec)).open(
        "x", Schemas(None, schema)
    )
    encoder.write(sink_batch(rows, schema))
    return b"".join([*encoder.take(), *encoder.finish()])


@settings(max_examples=100, deadline=None)
@given(data=st.data(), schema=structs, codec=st.sampled_from(["null", "deflate", "bzip2"]))
def test_files_are_read_back_by_avro_itself(
    avro_data: AvroData, data: st.DataObject, schema: Schema, codec: str
) -> None:
    schema = schema.as_required()
    rows = data.draw(st.lists(values(schema), min_size=1, max_size=4))
    found = avro_data.rows(written(schema, rows, codec))
    names = [field.name for field in schema.fields]
    assert found == [plain({name: row.get(name) for name in names}) for row in rows]
