"""SetSchemaMetadata: set the name and the version of a schema (source: SetSchemaMetadata)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs

from penstock.config import config, key
from penstock.data import Schema, Text, Type
from penstock.errors import ConfigError, DataError, Problem
from penstock_transforms._sided import Around, SchemaCache, SidedTransform
from penstock_transforms._structs import Fill

__all__ = ["SetSchemaMetadata"]

PURPOSE: Final = "updating schema metadata"


@config
class SetSchemaMetadataConfig:
    """Keys of SetSchemaMetadata; one of the first two is needed."""

    schema_name: str | None = key(default=None, importance="high", doc="The schema's new name.")
    schema_version: int | None = key(
        default=None, importance="high", doc="The schema's new version."
    )
    replace_null_with_default: bool = key(
        default=True, doc="Let a field's default stand for a null."
    )


@attrs.frozen
class _Layout:
    """The new schema, and what a struct's nulls become."""

    schema: Schema
    fill: Fill


class SetSchemaMetadata(SidedTransform[SetSchemaMetadataConfig]):
    """Sets the name, the version or both of the schema of structs."""

    def open(self) -> None:
        """Check the keys together.

        Raises:
            ConfigError: there is nothing to set.
        """
        own = self.config
        if own.schema_name is None and own.schema_version is None:
            text = "Neither schema name nor version configured; set schema.name or schema.version"
            raise ConfigError(Problem("schema.name", text))
        self._layouts = SchemaCache(self._layout)

    def _layout(self, schema: Schema) -> _Layout:
        own = self.config
        if schema.type is not Type.STRUCT:
            raise DataError(
                f"Cannot list fields on non-struct type: SetSchemaMetadata changes structs, the"
                f" {self.side.value}'s schema is {schema.type.value}"
            )
        name = schema.name if own.schema_name is None else own.schema_name
        version = schema.version if own.schema_version is None else own.schema_version
        fill = Fill.of(schema.fields, replaces=own.replace_null_with_default)
        return _Layout(schema.evolve(name=name, version=version), fill)

    def column(
        self, values: Sequence[Any], schema: Schema | None, around: Around
    ) -> tuple[Sequence[Any], Schema | None]:
        """Change the schema; the rows stay unless a default stands for a null."""
        if schema is None:
            raw = values.utf8 if isinstance(values, Text) else values
            if any(value is not None for value in raw):
                raise DataError(f"Schema required for [{PURPOSE}]: the {self.side.value} has none")
            return values, None
        layout = self._layouts.get(schema)
        if not layout.fill.defaults and not layout.fill.required:
            return values, layout.schema
        solid = [row for row in values if row is not None]
        rest = iter(layout.fill.rows(solid))
        return [None if row is None else next(rest) for row in values], layout.schema
