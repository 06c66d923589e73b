"""Converters: between values and bytes (source: Converter, HeaderConverter)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import attrs

from penstock.api._plugin import Plugin
from penstock.data import Column, Schema

__all__ = ["Converter", "Decoded", "HeaderConverter"]

C = TypeVar("C")


@attrs.define(eq=False)
class Decoded:
    """A column of values read from bytes.

    ``schemas`` is the schema of every row when rows differ; when it is None, ``schema`` is that
    of all of them. ``unread`` are rows, ascending, that a batch left out, whatever stands at their
    places: a converter that can go on after a bad row need not raise. The runtime reads them by
    ``to_connect_data``, under the error policy.
    """

    values: Column
    schema: Schema | None = None
    schemas: Sequence[Schema | None] | None = None
    unread: Sequence[int] = ()


class Converter(Plugin[C]):
    """Turns keys or values into bytes and back.

    ``is_key`` is set before ``open``. Threading: one thread uses an instance. Override the row
    methods; whoever wants speed overrides the batch methods too. When a batch method raises, the
    runtime goes through the rows one by one to find the bad one, so both must agree.
    """

    is_key: bool = False

    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        """Return the bytes of a value; None is a tombstone.

        Raises:
            DataError: the value does not fit the schema or cannot be written.
        """
        raise NotImplementedError

    def to_connect_data(self, topic: str, data: bytes | None) -> tuple[Schema | None, Any]:
        """Return the schema and the value of bytes.

        Raises:
            DataError: the bytes are not what this converter reads.
        """
        raise NotImplementedError

    def from_connect_batch(
        self, topic: str, schema: Schema | None, values: Column
    ) -> Sequence[bytes | None]:
        """Return the bytes of a column."""
        convert = self.from_connect_data
        return [convert(topic, schema, value) for value in values]

    def to_connect_batch(self, topic: str, data: Sequence[bytes | None]) -> Decoded:
        """Return the values of a column of bytes."""
        convert = self.to_connect_data
        pairs = [convert(topic, one) for one in data]
        values = [value for _, value in pairs]
        schemas = [schema for schema, _ in pairs]
        first = schemas[0] if schemas else None
        if all(schema is first for schema in schemas):
            return Decoded(values, first)
        return Decoded(values, schemas=schemas)


class HeaderConverter(Plugin[C]):
    """Turns header values into bytes and back. Threading: one thread uses an instance."""

    def from_connect_header(
        self, topic: str, key: str, schema: Schema | None, value: Any
    ) -> bytes | None:
        """Return the bytes of a header's value; raises DataError."""
        raise NotImplementedError

    def to_connect_header(
        self, topic: str, key: str, data: bytes | None
    ) -> tuple[Schema | None, Any]:
        """Return the schema and the value of a header's bytes; raises DataError."""
        raise NotImplementedError
