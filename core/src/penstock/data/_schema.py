"""Schemas: what a key, a value, a header or a field is (source: ConnectSchema, SchemaBuilder)."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final

import attrs

from penstock.errors import DataError, SchemaBuilderError

__all__ = ["Field", "Schema", "Type"]


class Type(enum.Enum):
    """The types of Connect. The value is the name that Java's enum constant has in lower case."""

    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BOOLEAN = "boolean"
    STRING = "string"
    BYTES = "bytes"
    ARRAY = "array"
    MAP = "map"
    STRUCT = "struct"

    @property
    def is_primitive(self) -> bool:
        """Whether values of this type hold no other values."""
        return self not in _NESTED


_NESTED: Final = frozenset({Type.ARRAY, Type.MAP, Type.STRUCT})
_NO_PARAMETERS: Final[Mapping[str, str]] = MappingProxyType({})


@attrs.frozen
class Field:
    """One field of a struct: its name, its place from 0, its schema."""

    name: str
    index: int
    schema: Schema


@attrs.frozen(hash=False)
class Schema:
    """What a value is. Immutable; equal when every part is equal (source: ConnectSchema.equals).

    Build one with the constants (``Schema.STRING``, ``Schema.OPTIONAL_INT64``, ...), with
    :meth:`struct`, :meth:`array`, :meth:`map`, or with :class:`SchemaBuilder` step by step.

    Attributes:
        type: the :class:`Type`.
        optional: whether None is a legal value.
        name: the schema's own name; a logical type is known by it.
        version: the schema's version, or None.
        doc: a sentence for people, or None.
        default: the value that stands for a missing one; None is no default.
        parameters: further text to text settings, such as a decimal's ``scale``.
        fields: of a struct, in order; else empty.
        key_schema: of a map.
        value_schema: of a map's values or an array's elements.
    """

    type: Type
    optional: bool = False
    name: str | None = None
    version: int | None = None
    doc: str | None = None
    default: Any = None
    parameters: Mapping[str, str] = attrs.field(default=_NO_PARAMETERS, repr=False)
    fields: tuple[Field, ...] = ()
    key_schema: Schema | None = None
    value_schema: Schema | None = None
    _by_name: Mapping[str, Field] = attrs.field(init=False, eq=False, repr=False)
    _hash: int = attrs.field(init=False, eq=False, repr=False)

    INT8: ClassVar[Schema]
    INT16: ClassVar[Schema]
    INT32: ClassVar[Schema]
    INT64: ClassVar[Schema]
    FLOAT32: ClassVar[Schema]
    FLOAT64: ClassVar[Schema]
    BOOLEAN: ClassVar[Schema]
    STRING: ClassVar[Schema]
    BYTES: ClassVar[Schema]
    OPTIONAL_INT8: ClassVar[Schema]
    OPTIONAL_INT16: ClassVar[Schema]
    OPTIONAL_INT32: ClassVar[Schema]
    OPTIONAL_INT64: ClassVar[Schema]
    OPTIONAL_FLOAT32: ClassVar[Schema]
    OPTIONAL_FLOAT64: ClassVar[Schema]
    OPTIONAL_BOOLEAN: ClassVar[Schema]
    OPTIONAL_STRING: ClassVar[Schema]
    OPTIONAL_BYTES: ClassVar[Schema]

    def __attrs_post_init__(self) -> None:
        """Check the parts against each other and prepare look-ups."""
        self._check_parts()
        by_name = {field.name: field for field in self.fields}
        if len(by_name) != len(self.fields):
            names = [field.name for field in self.fields]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise SchemaBuilderError(f"struct schema: field name used twice: {', '.join(twice)}")
        object.__setattr__(self, "_by_name", by_name)
        parts = (self.type, self.optional, self.name, self.version, self.fields)
        nested = (self.key_schema, self.value_schema)
        object.__setattr__(self, "_hash", hash((parts, nested)))

    def _check_parts(self) -> None:
        if self.type is Type.MAP and (self.key_schema is None or self.value_schema is None):
            raise SchemaBuilderError("map schema: needs a key schema and a value schema")
        if self.type is Type.ARRAY and self.value_schema is None:
            raise SchemaBuilderError("array schema: needs the schema of its elements")
        if self.type is not Type.STRUCT and self.fields:
            raise SchemaBuilderError(f"{self.type.value} schema: only a struct has fields")
        if any(not field.name for field in self.fields):
            raise SchemaBuilderError("struct schema: a field name is empty")

    def __hash__(self) -> int:
        """Hash by the parts that are hashable; equal schemas hash equal."""
        return self._hash

    def field(self, name: str) -> Field | None:
        """Return a struct's field of that name, or None."""
        return self._by_name.get(name)

    def schema_of(self, name: str) -> Schema:
        """Return the schema of a struct's field; raises DataError when there is none."""
        found = self._by_name.get(name)
        if found is None:
            known = ", ".join(f"'{field.name}'" for field in self.fields) or "none"
            raise DataError(f"struct {self.name or ''}: no field '{name}'; its fields: {known}")
        return found.schema

    def evolve(self, **parts: Any) -> Schema:
        """Return a copy with some parts changed. Not for use per record: keep the result."""
        return attrs.evolve(self, **parts)

    def as_optional(self) -> Schema:
        """Return this schema with None allowed."""
        return self if self.optional else self.evolve(optional=True)

    def as_required(self) -> Schema:
        """Return this schema with None refused."""
        return self.evolve(optional=False) if self.optional else self

    @classmethod
    def struct(
        cls, fields: Mapping[str, Schema] | Iterable[tuple[str, Schema]], **parts: Any
    ) -> Schema:
        """Return a struct schema; ``parts`` are ``name``, ``optional``, ``version``, ``doc``..."""
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        numbered = tuple(Field(name, i, schema) for i, (name, schema) in enumerate(pairs))
        return cls(Type.STRUCT, fields=numbered, **parts)

    @classmethod
    def array(cls, element: Schema, **parts: Any) -> Schema:
        """Return the schema of a list of ``element``."""
        return cls(Type.ARRAY, value_schema=element, **parts)

    @classmethod
    def map(cls, key: Schema, value: Schema, **parts: Any) -> Schema:
        """Return the schema of a dict from ``key`` to ``value``."""
        return cls(Type.MAP, key_schema=key, value_schema=value, **parts)


def _install_constants() -> None:
    for kind in Type:
        if kind.is_primitive:
            setattr(Schema, kind.name, Schema(kind))
            setattr(Schema, f"OPTIONAL_{kind.name}", Schema(kind, optional=True))


_install_constants()
