"""Build a schema step by step (source: SchemaBuilder)."""

from __future__ import annotations

from typing import Any, Final, Self

from penstock.data._schema import Field, Schema, Type
from penstock.data._validate import validate_value
from penstock.errors import DataError, SchemaBuilderError

__all__ = ["SchemaBuilder"]

_UNSET: Final = object()


class SchemaBuilder:
    """Collects the parts of a schema; each part is set once; ``build()`` returns the schema.

    Owner: the thread that builds. Every method returns the builder.
    """

    def __init__(self, kind: Type) -> None:
        """Start a schema of this type."""
        self._type = kind
        self._parts: dict[str, Any] = {}
        self._parameters: dict[str, str] = {}
        self._fields: dict[str, Schema] = {}
        self._key: Schema | None = None
        self._value: Schema | None = None

    @classmethod
    def struct(cls) -> Self:
        """Start a struct."""
        return cls(Type.STRUCT)

    @classmethod
    def array(cls, element: Schema) -> Self:
        """Start an array of ``element``."""
        builder = cls(Type.ARRAY)
        builder._value = element
        return builder

    @classmethod
    def map(cls, key: Schema, value: Schema) -> Self:
        """Start a map."""
        builder = cls(Type.MAP)
        builder._key, builder._value = key, value
        return builder

    def _set(self, part: str, value: Any) -> Self:
        known = self._parts.get(part, _UNSET)
        if known is not _UNSET and known != value:
            raise SchemaBuilderError(
                f"{self._type.value} schema: {part} is {known!r} already, cannot become {value!r}"
            )
        self._parts[part] = value
        return self

    def optional(self) -> Self:
        """Allow None."""
        return self._set("optional", True)

    def required(self) -> Self:
        """Refuse None (the default)."""
        return self._set("optional", False)

    def name(self, name: str) -> Self:
        """Name the schema."""
        return self._set("name", name)

    def version(self, version: int) -> Self:
        """Give the schema a version."""
        return self._set("version", version)

    def doc(self, doc: str) -> Self:
        """Describe the schema."""
        return self._set("doc", doc)

    def default(self, value: Any) -> Self:
        """Set the value that stands for a missing one; it must fit the schema."""
        try:
            validate_value(self._schema(), value)
        except DataError as problem:
            raise SchemaBuilderError(f"invalid default value: {problem}") from problem
        return self._set("default", value)

    def parameter(self, name: str, value: str) -> Self:
        """Set a parameter."""
        if self._parameters.setdefault(name, value) != value:
            raise SchemaBuilderError(f"parameter '{name}' is set already")
        return self

    def field(self, name: str, schema: Schema) -> Self:
        """Append a field to a struct."""
        if self._type is not Type.STRUCT:
            raise SchemaBuilderError(f"cannot add field '{name}' to a {self._type.value} schema")
        if not name:
            raise SchemaBuilderError("a field name must not be empty")
        if name in self._fields:
            raise SchemaBuilderError(f"field '{name}' is there already")
        self._fields[name] = schema
        return self

    def _schema(self) -> Schema:
        return Schema(
            self._type,
            parameters=dict(self._parameters),
            fields=tuple(Field(n, i, s) for i, (n, s) in enumerate(self._fields.items())),
            key_schema=self._key,
            value_schema=self._value,
            **self._parts,
        )

    def build(self) -> Schema:
        """Return the finished schema."""
        return self._schema()
