"""HoistField: wrap the whole key or value in a struct or map of one field (source: HoistField)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from penstock.config import config, key
from penstock.data import Schema, Structs
from penstock_transforms._sided import Around, SchemaCache, SidedTransform

__all__ = ["HoistField"]


@config
class HoistFieldConfig:
    """Keys of HoistField."""

    field: str = key(doc="Name of the one field to make.", importance="medium")


class HoistField(SidedTransform[HoistFieldConfig]):
    """``"x"`` becomes ``{field: "x"}``."""

    def open(self) -> None:
        """Prepare the schema cache."""
        name = self.config.field
        self._schemas = SchemaCache(lambda schema: Schema.struct({name: schema}))

    def column(
        self, values: Sequence[Any], schema: Schema | None, around: Around
    ) -> tuple[Sequence[Any], Schema | None]:
        """Wrap every value."""
        name = self.config.field
        if schema is not None:
            return Structs({name: values}, len(values)), self._schemas.get(schema)
        return [{name: value} for value in values], None
