"""Schemas as JSON objects, both ways (source: JsonConverter.asJsonSchema, asConnectSchema)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from penstock.data import Field, Schema, SchemaBuilder, Type
from penstock.errors import DataError
from penstock_converters._json_write import JsonWriter, quoted, shown

__all__ = ["SCHEMA_DEPTH_MAX", "has_zero_default", "read_schema", "schema_text"]

SCHEMA_DEPTH_MAX: Final = 100
"""How deep schemas may be nested in each other."""
_TYPE_NAMES: Final = {
    **{kind: kind.value for kind in Type},
    Type.FLOAT32: "float",
    Type.FLOAT64: "double",
}
_TYPES: Final = {name: kind for kind, name in _TYPE_NAMES.items()}
_INT32_END: Final = 1 << 31
_NAME_SHOWN_MAX: Final = 80
_COMMON_MEMBERS: Final = frozenset({"type", "optional", "field", "name", "version"})

ReadDefault = Callable[[Schema, Any], Any]


def schema_text(schema: Schema | None, writer: JsonWriter) -> str:
    """Return the JSON of a schema; ``writer`` writes its default.

    Raises:
        DataError: nested too deep, or the default does not fit.
    """
    if schema is None:
        return "null"
    return f"{{{','.join(_members(schema, writer, 0))}}}"


def _members(schema: Schema, writer: JsonWriter, depth: int) -> list[str]:
    """Return the members of a schema's object, in the order in which Java puts them."""
    if depth > SCHEMA_DEPTH_MAX:
        raise DataError(f"schema nested deeper than {SCHEMA_DEPTH_MAX} levels")

    def nested(inner: Schema | None) -> str:
        if inner is None:  # pragma: no cover - refused when the schema was built
            raise DataError("schema without the schema of its elements")
        return f"{{{','.join(_members(inner, writer, depth + 1))}}}"

    members = [f'"type":"{_TYPE_NAMES[schema.type]}"']
    if schema.type is Type.ARRAY:
        members.append(f'"items":{nested(schema.value_schema)}')
    elif schema.type is Type.MAP:
        members.append(f'"keys":{nested(schema.key_schema)}')
        members.append(f'"values":{nested(schema.value_schema)}')
    elif schema.type is Type.STRUCT:
        fields = ",".join(_field_text(field, writer, depth + 1) for field in schema.fields)
        members.append(f'"fields":[{fields}]')
    return [*members, *_common_members(schema, writer)]


def _common_members(schema: Schema, writer: JsonWriter) -> list[str]:
    members = [f'"optional":{"true" if schema.optional else "false"}']
    if schema.name is not None:
        members.append(f'"name":{quoted(schema.name)}')
    if schema.version is not None:
        members.append(f'"version":{schema.version}')
    if schema.doc is not None:
        members.append(f'"doc":{quoted(schema.doc)}')
    if schema.parameters:
        pairs = ",".join(f"{quoted(k)}:{quoted(v)}" for k, v in schema.parameters.items())
        members.append(f'"parameters":{{{pairs}}}')
    if schema.default is not None:
        members.append(f'"default":{writer.text(schema, schema.default)}')
    return members


def _field_text(field: Field, writer: JsonWriter, depth: int) -> str:
    members = _members(field.schema, writer, depth)
    return f'{{{",".join(members)},"field":{quoted(field.name)}}}'


def has_zero_default(schema: Schema | None) -> bool:
    """Whether a default holds a zero, whose sign Java tells apart and ``==`` of Python does not."""
    if schema is None:
        return False
    if schema.default is not None and _has_zero(schema.default):
        return True
    nested = (schema.key_schema, schema.value_schema, *(one.schema for one in schema.fields))
    return any(map(has_zero_default, nested))


def _has_zero(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_zero, (*value, *value.values())))
    if isinstance(value, list | tuple):
        return any(map(_has_zero, value))
    return isinstance(value, float) and value == 0.0


def read_schema(node: Any, read_default: ReadDefault, where: str = "schema") -> Schema | None:
    """Return the schema that parsed JSON describes; None for null.

    Args:
        node: the JSON, parsed by :mod:`penstock_converters._json_parse`.
        read_default: turns the JSON of a default into its value.
        where: where the schema stands, for messages.

    Raises:
        DataError: it describes none.
    """
    return _read(node, read_default, where, 0)


def _read(node: Any, read_default: ReadDefault, where: str, depth: int) -> Schema | None:
    if node is None:
        return None
    if depth > SCHEMA_DEPTH_MAX:
        raise DataError(f"schema nested deeper than {SCHEMA_DEPTH_MAX} levels")
    name = node.get("type") if isinstance(node, dict) else None
    if not isinstance(name, str):
        raise DataError(f"{where}: a schema must be an object whose 'type' is a text")
    kind = _TYPES.get(name)
    if kind is None:
        raise DataError(f"{where}: unknown schema type {shown(name)}; known: {', '.join(_TYPES)}")
    if kind.is_primitive and node.keys() <= _COMMON_MEMBERS:
        common = _common(kind, node)
        if common is not None:
            return common
    builder = _builder(kind, node, read_default, where, depth + 1)
    _read_parts(builder, node, where)
    if "default" in node:
        try:
            default = read_default(builder.build(), node["default"])
            if default is not None:
                builder.default(default)
        except DataError as problem:
            raise DataError(f"{where}: the default does not fit: {problem}") from problem
    return builder.build()


def _common(kind: Type, node: dict[str, Any]) -> Schema | None:
    """Return the one schema that all fields of such plain parts share, or None."""
    optional = node.get("optional") is True
    if "name" not in node and "version" not in node:
        return _shared(kind, optional, None, None)
    name, version = node.get("name"), node.get("version")
    if type(name) is str and type(version) is int and -_INT32_END <= version < _INT32_END:
        return _shared(kind, optional, name, version)
    return None


@functools.lru_cache(maxsize=256)
def _shared(kind: Type, optional: bool, name: str | None, version: int | None) -> Schema:
    return Schema(kind, optional=optional, name=name, version=version)


def _builder(
    kind: Type, node: dict[str, Any], read_default: ReadDefault, where: str, depth: int
) -> SchemaBuilder:
    def nested(member: str) -> Schema:
        found = _read(node.get(member), read_default, f"{where}.{member}", depth)
        if found is None:
            raise DataError(f"{where}: the schema of {kind.value} lacks '{member}'")
        return found

    if kind is Type.ARRAY:
        return SchemaBuilder.array(nested("items"))
    if kind is Type.MAP:
        return SchemaBuilder.map(nested("keys"), nested("values"))
    builder = SchemaBuilder(kind)
    if kind is Type.STRUCT:
        _read_fields(builder, node.get("fields"), read_default, where, depth)
    return builder


def _read_fields(
    builder: SchemaBuilder, fields: Any, read_default: ReadDefault, where: str, depth: int
) -> None:
    if not isinstance(fields, list):
        raise DataError(f"{where}: the 'fields' of a struct schema must be an array")
    for i, field in enumerate(fields):
        name = field.get("field") if isinstance(field, dict) else None
        if not isinstance(name, str):
            raise DataError(f"{where}.fields[{i}]: the name in 'field' must be a text")
        schema = _read(field, read_default, f"{where}.{name[:_NAME_SHOWN_MAX]}", depth)
        if schema is None:  # pragma: no cover - an object describes one
            continue
        try:
            builder.field(name, schema)
        except DataError as problem:
            raise DataError(f"{where}.fields[{i}]: {problem}") from problem


def _read_parts(builder: SchemaBuilder, node: dict[str, Any], where: str) -> None:
    """Take over the optional members; as in Java, one of the wrong JSON type is no member."""
    if node.get("optional") is True:
        builder.optional()
    name, version, doc = node.get("name"), node.get("version"), node.get("doc")
    if isinstance(name, str):
        builder.name(name)
    if isinstance(version, int) and not isinstance(version, bool):
        if not -_INT32_END <= version < _INT32_END:
            raise DataError(f"{where}: the version {shown(version)} is beyond 32 bits")
        builder.version(version)
    if isinstance(doc, str):
        builder.doc(doc)
    parameters = node.get("parameters")
    if not isinstance(parameters, dict):
        return
    for key, value in parameters.items():
        if not isinstance(value, str):
            raise DataError(f"{where}: the parameter {shown(key)} must be a text")
        builder.parameter(key, value)
