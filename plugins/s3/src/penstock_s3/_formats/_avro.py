"""Avro container files, block by block (source: AvroFormat)."""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
import cramjam
from fastavro import parse_schema, schemaless_writer

from penstock.data import Batch, Schema, Structs, Type
from penstock.errors import DataError
from penstock_s3._border import Encoder, Schemas
from penstock_s3._formats._avro_schema import AvroSchemas, is_entries
from penstock_s3._formats._checked import Check, compile_check
from penstock_s3._formats._parts import PartReader, Read
from penstock_s3._spool import Spool

__all__ = ["AvroFormat"]

BLOCK_BYTES: Final = 64_000
"""A block ends after the row that fills it so far (source: DataFileWriter)."""
PLANS_MAX: Final = 100
_RAW_DEFLATE: Final = -15


def _deflated(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=_RAW_DEFLATE)
    return stream.compress(data) + stream.flush()


def _snappy(data: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(data)) + struct.pack(">I", zlib.crc32(data))


_CODECS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "null": lambda data: data,
    "deflate": _deflated,
    "snappy": _snappy,
    "bzip2": bz2.compress,
    "zstandard": lambda data: bytes(cramjam.zstd.compress(data)),
}


class AvroFormat:
    """Avro container files. Stateless but for the schemas it keeps."""

    extension = ".avro"
    content_type = "application/avro"

    def __init__(
        self,
        reader: PartReader,
        *,
        codec: str = "null",
        metadata: bool = True,
        enhanced: bool = True,
        entries_for_maps: bool = False,
    ) -> None:
        """Take the compression of blocks, and what schemas hold."""
        self._reader = reader
        self._codec = codec
        self._metadata = metadata
        self._enhanced = enhanced
        self._entries = entries_for_maps
        self._plans: dict[Schema, _Plan] = {}

    def open(self, name: str, schemas: Schemas) -> Encoder:
        """Return the encoder of a new object; raises DataError when Avro has no such schema."""
        schema, read = self._reader(schemas)
        if schema is None:
            raise DataError(
                "Avro files need a schema, and these records have none: use a converter that gives"
                " one (JsonConverter with schemas.enable, Avro), or the JSON format"
            )
        plan = self._plans.get(schema)
        if plan is None:
            if len(self._plans) >= PLANS_MAX:
                self._plans.clear()
            plan = self._plans[schema] = self._planned(schema)
        return _AvroEncoder(name, read, plan, self._codec)

    def _planned(self, schema: Schema) -> _Plan:
        avro = AvroSchemas(self._metadata, self._enhanced, self._entries).of(schema)
        return _Plan(
            check=compile_check(schema, "value", decimals_as_bytes=True),
            stored=parse_schema(_without_logical(avro)),
            metadata=json.dumps(avro, separators=(",", ":"), ensure_ascii=False).encode(),
            entries=_entries(schema, for_optional_keys=self._entries),
        )


@attrs.frozen
class _Plan:
    """What all files of a schema share.

    Attributes:
        stored: Avro's schema of what is written, without logical types.
        metadata: the text of the file's schema.
        entries: makes lists of entries of maps; None when there are none to make.
    """

    check: Check
    stored: Any
    metadata: bytes
    entries: Callable[[Any], Any] | None


class _AvroEncoder:
    """Writes one file."""

    def __init__(self, name: str, read: Read, plan: _Plan, codec: str) -> None:
        self._read = read
        self._check = plan.check
        self._entries = plan.entries
        self._avro = plan.stored
        self._compress = _CODECS[codec]
        # No random bytes: the same file again is the same bytes again.
        self._sync = hashlib.md5(name.encode(), usedforsecurity=False).digest()
        self._block = bytearray()
        self._rows = 0
        self._done = [_header(plan.metadata, codec, self._sync)]

    @property
    def held(self) -> int:
        return len(self._block)

    def shed(self, spool: Spool) -> None:
        """A block is small: it stays."""

    def drop(self) -> None:
        """Nothing is on the disk."""

    def write(self, batch: Batch) -> None:
        column = self._check(self._read(batch))
        rows = column.rows() if isinstance(column, Structs) else column
        if self._entries is not None:
            rows = list(map(self._entries, rows))
        sink = io.BytesIO()
        ends: list[int] = []
        write, avro, tell, add = schemaless_writer, self._avro, sink.tell, ends.append
        try:
            for row in rows:
                write(sink, avro, row)
                add(tell())
        except (ValueError, TypeError, OverflowError, UnicodeEncodeError, KeyError) as problem:
            raise DataError(
                f"topic {batch.topic}: a record does not fit its Avro schema: {problem}"
            ) from problem
        self._add(sink.getbuffer(), ends)

    def _add(self, data: memoryview, ends: list[int]) -> None:
        start = 0
        for end in ends:
            self._rows += 1
            if len(self._block) + end - start >= BLOCK_BYTES:
                self._block += data[start:end]
                self._end_block()
                start = end
        self._block += data[start:]

    def _end_block(self) -> None:
        if not self._rows:
            return
        packed = self._compress(bytes(self._block))
        head = _long(self._rows) + _long(len(packed))
        self._done.append(b"".join([head, packed, self._sync]))
        self._block.clear()
        self._rows = 0

    def take(self) -> list[bytes]:
        done, self._done = self._done, []
        return done

    def finish(self) -> list[bytes]:
        self._end_block()
        return self.take()


def _long(number: int) -> bytes:
    """Return a zigzag number of variable length."""
    left = (number << 1) ^ (number >> 63)
    made = bytearray()
    while left > 0x7F:  # noqa: PLR2004 - seven bits a byte
        made.append((left & 0x7F) | 0x80)
        left >>= 7
    made.append(left)
    return bytes(made)


def _header(schema: bytes, codec: str, sync: bytes) -> bytes:
    metadata = {
        "avro.schema": schema,
        "avro.codec": codec.encode(),
    }
    parts = [b"Obj\x01", _long(len(metadata))]
    for name, value in metadata.items():
        parts += [_long(len(name)), name.encode(), _long(len(value)), value]
    return b"".join([*parts, b"\0", sync])


def _without_logical(avro: Any) -> Any:
    """Return a schema without logical types: values come as what is stored."""
    if isinstance(avro, dict):
        return {name: _without_logical(one) for name, one in avro.items() if name in _STRUCTURE}
    return [_without_logical(one) for one in avro] if isinstance(avro, list) else avro


_STRUCTURE: Final = frozenset({"type", "name", "namespace", "fields", "items", "values", "symbols"})

Change = Callable[[Any], Any]


def _entries(schema: Schema, *, for_optional_keys: bool) -> Change | None:
    """Return what makes lists of entries of the maps that Avro has no maps for; None for none."""
    if schema.type is Type.STRUCT:
        changes = [
            (field.name, _entries(field.schema, for_optional_keys=for_optional_keys))
            for field in schema.fields
        ]
        needed = [(name, change) for name, change in changes if change is not None]
        if not needed:
            return None
        return lambda row: (
            None
            if row is None
            else {**row, **{name: change(row.get(name)) for name, change in needed}}
        )
    part = schema.value_schema
    inner = None if part is None else _entries(part, for_optional_keys=for_optional_keys)
    if schema.type is Type.ARRAY:
        return None if inner is None else lambda row: row and [inner(one) for one in row]
    if schema.type is not Type.MAP:
        return None
    if not is_entries(schema, for_optional_keys=for_optional_keys):
        return None if inner is None else lambda row: row and {k: inner(v) for k, v in row.items()}
    keys = schema.key_schema
    keyed = None if keys is None else _entries(keys, for_optional_keys=for_optional_keys)

    def listed(row: Any) -> Any:
        return (
            None
            if row is None
            else [
                {
                    "key": key if keyed is None else keyed(key),
                    "value": one if inner is None else inner(one),
                }
                for key, one in row.items()
            ]
        )

    return listed
