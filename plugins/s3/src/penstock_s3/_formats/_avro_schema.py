"""Connect schemas as Avro schemas, as the original's AvroData makes them."""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from penstock.data import Date, Decimal, Schema, Time, Timestamp, Type
from penstock.errors import DataError

__all__ = ["AvroSchemas", "enum_symbols", "is_entries"]

_NAMESPACE: Final = "io.confluent.connect.avro"
_DEFAULT_NAME: Final = "ConnectDefault"
_ENTRY: Final = "MapEntry"
_ENUM: Final = "io.confluent.connect.avro.Enum"
_GENERAL_ENUM: Final = "org.apache.kafka.connect.data.Enum"
_PRECISION: Final = "connect.decimal.precision"
_PRECISION_DEFAULT: Final = 64
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_PRIMITIVES: Final[Mapping[Type, str]] = {
    Type.INT8: "int",
    Type.INT16: "int",
    Type.INT32: "int",
    Type.INT64: "long",
    Type.FLOAT32: "float",
    Type.FLOAT64: "double",
    Type.BOOLEAN: "boolean",
    Type.STRING: "string",
    Type.BYTES: "bytes",
}
_NARROW: Final = frozenset({Type.INT8, Type.INT16})
_LOGICAL: Final[Mapping[str | None, str]] = {
    Decimal.NAME: "decimal",
    Date.NAME: "date",
    Time.NAME: "time-millis",
    Timestamp.NAME: "timestamp-millis",
}


def is_entries(schema: Schema, *, for_optional_keys: bool) -> bool:
    """Whether a map is stored as a list of entries: its keys are no texts, or may be null."""
    keys = schema.key_schema
    return keys is None or keys.type is not Type.STRING or (keys.optional and for_optional_keys)


def enum_symbols(schema: Schema) -> list[str] | None:
    """Return the symbols of a text that came from an Avro enum, else None."""
    for name in (_ENUM, _GENERAL_ENUM):
        if schema.type is Type.STRING and name in schema.parameters:
            start = name + "."
            found = [key[len(start) :] for key in schema.parameters if key.startswith(start)]
            return found or None
    return None


@attrs.define
class AvroSchemas:
    """Makes the schema of one file; names that were told are referred to. Used once.

    Attributes:
        metadata: add what only Connect knows, as ``connect.`` properties.
        enhanced: make enums of texts that came from some.
        entries: maps with optional keys become lists of entries.
    """

    metadata: bool = True
    enhanced: bool = True
    entries: bool = False
    _told: dict[str, Schema] = attrs.field(factory=dict, init=False)
    _unnamed: int = attrs.field(default=0, init=False)

    def of(self, schema: Schema, *, is_union: bool = True) -> Any:
        """Return the Avro schema; raises DataError when a name is none of Avro's."""
        base = self._base(schema)
        if not schema.optional or not is_union:
            return base
        return ["null", base] if schema.default is None else [base, "null"]

    def _base(self, schema: Schema) -> Any:
        symbols = enum_symbols(schema) if self.enhanced else None
        if symbols is not None:
            made = self._enum(schema, symbols)
        elif schema.type is Type.STRUCT:
            made = self._record(schema)
        elif schema.type is Type.ARRAY:
            made = {"type": "array", "items": self.of(_part(schema.value_schema))}
        elif schema.type is Type.MAP:
            made = self._map(schema)
        else:
            made = {"type": _PRIMITIVES[schema.type]}
            if schema.type in _NARROW and self.metadata:
                made["connect.type"] = schema.type.value
        if isinstance(made, str):
            return made
        self._logical(schema, made)
        self._properties(schema, made)
        return made["type"] if set(made) == {"type"} and isinstance(made["type"], str) else made

    def _logical(self, schema: Schema, made: dict[str, Any]) -> None:
        logical = _LOGICAL.get(schema.name)
        if logical is None:
            return
        made["logicalType"] = logical
        if schema.name == Decimal.NAME:
            made["scale"] = Decimal.scale_of(schema)
            made["precision"] = int(schema.parameters.get(_PRECISION, _PRECISION_DEFAULT))

    def _properties(self, schema: Schema, made: dict[str, Any]) -> None:
        if not self.metadata:
            return
        if schema.doc is not None:
            made["connect.doc"] = schema.doc
        if schema.version is not None:
            made["connect.version"] = schema.version
        if schema.parameters:
            made["connect.parameters"] = dict(schema.parameters)
        if schema.default is not None:
            made["connect.default"] = default_json(schema, schema.default)
        if schema.name is not None:
            made["connect.name"] = schema.name

    def _record(self, schema: Schema) -> dict[str, Any] | str:
        full = schema.name or self._unnamed_record()
        known = self._told.get(full)
        if known is not None:
            if attrs.evolve(known, optional=False) != attrs.evolve(schema, optional=False):
                raise DataError(f"Avro: two different structs are named {full}; rename one")
            return full
        self._told[full] = schema
        made = {"type": "record", **_named(full)}
        made["fields"] = [self._field(field.name, field.schema) for field in schema.fields]
        return made

    def _unnamed_record(self) -> str:
        self._unnamed += 1
        number = "" if self._unnamed == 1 else str(self._unnamed)
        return f"{_NAMESPACE}.{_DEFAULT_NAME}{number}"

    def _field(self, name: str, schema: Schema) -> dict[str, Any]:
        if not _NAME.fullmatch(name):
            raise DataError(
                f"Avro: Illegal character in field name '{name}': letters, digits and _ only;"
                " rename it by a transform (ReplaceField), or use JSON"
            )
        made: dict[str, Any] = {"name": name, "type": self.of(schema)}
        if schema.doc is not None:
            made["doc"] = schema.doc
        if schema.default is not None:
            made["default"] = default_json(schema, schema.default)
        elif schema.optional:
            made["default"] = None
        return made

    def _map(self, schema: Schema) -> dict[str, Any]:
        if not is_entries(schema, for_optional_keys=self.entries):
            return {"type": "map", "values": self.of(_part(schema.value_schema))}
        fields = [
            self._field("key", _part(schema.key_schema)),
            self._field("value", _part(schema.value_schema)),
        ]
        full = schema.name or f"{_NAMESPACE}.{_ENTRY}"
        if full in self._told:
            # Entries of other kinds need another name in one file.
            full += str(len(self._told))
        self._told[full] = schema
        entry: dict[str, Any] = {"type": "record", **_named(full), "fields": fields}
        if schema.name is not None:
            # By its name alone nobody would know what it is.
            entry["connect.internal.type"] = _ENTRY
        return {"type": "array", "items": entry}

    def _enum(self, schema: Schema, symbols: list[str]) -> dict[str, Any] | str:
        full = schema.name or schema.parameters.get(_ENUM) or _DEFAULT_NAME
        if full in self._told:
            return full
        self._told[full] = schema
        return {"type": "enum", **_named(full), "symbols": symbols}


def _named(full: str) -> dict[str, Any]:
    if not all(_NAME.fullmatch(part) for part in full.split(".")):
        raise DataError(
            f"Avro: Illegal character in schema name '{full}': letters, digits, _ and dots only;"
            " rename the schema by a transform (SetSchemaMetadata), or use JSON"
        )
    namespace, _, name = full.rpartition(".")
    return {"name": name, "namespace": namespace} if namespace else {"name": name}


def _part(schema: Schema | None) -> Schema:
    if schema is None:  # pragma: no cover - refused when the schema was built
        raise DataError("schema without the schema of its elements")
    return schema


def default_json(schema: Schema, value: Any) -> Any:
    """Return a default as Avro's JSON has it: bytes as text of their codes."""
    if schema.type is Type.STRUCT:
        return {
            field.name: default_json(field.schema, value.get(field.name)) for field in schema.fields
        }
    part = schema.value_schema
    if part is not None and isinstance(value, dict):
        return {str(key): default_json(part, one) for key, one in value.items()}
    if part is not None:
        return [default_json(part, one) for one in value or ()]
    return _plain_default(schema, value)


def _plain_default(schema: Schema, value: Any) -> Any:
    if isinstance(value, decimal.Decimal):
        value = Decimal.to_bytes(schema, value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("latin-1")
    convert = _MOMENTS.get(schema.name)
    return convert(value) if convert is not None and not isinstance(value, int) else value


_MOMENTS: Final[Mapping[str | None, Callable[[Any], int]]] = {
    Date.NAME: Date.to_days,
    Time.NAME: Time.to_ms,
    Timestamp.NAME: Timestamp.to_ms,
}
