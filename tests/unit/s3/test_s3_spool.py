"""What is put on the disk while memory is short, and that it does not show in the objects."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import pytest
from tests.unit.s3.s3_batches import ORDER, orders

from penstock.errors import ConnectError
from penstock_s3._border import Encoder, Schemas
from penstock_s3._formats import FormatOptions, format_of
from penstock_s3._formats._compression import Compression
from penstock_s3._spool import BLOCK_BYTES, Parked, Spool


def test_bytes_come_back_as_they_went_whatever_their_sizes() -> None:
    spool = Spool()
    kept = [Parked(spool) for _ in range(3)]
    wanted = [b"", b"", b""]
    for size in (1, 100, BLOCK_BYTES - 101, BLOCK_BYTES, 3 * BLOCK_BYTES + 7, 5):
        for i, one in enumerate(kept):
            data = bytes([size % 251, i]) * size
            one.add(data)
            wanted[i] += data
    assert [one.read() for one in kept] == wanted
    assert [one.size for one in kept] == list(map(len, wanted))
    kept[1].free()
    kept[1].add(b"again")
    assert [one.read() for one in kept] == [wanted[0], b"again", wanted[2]]
    for one in kept:
        one.free()
    assert spool.used == 0
    spool.close()


def test_freed_room_is_used_again() -> None:
    spool = Spool()
    first, second = Parked(spool), Parked(spool)
    first.add(bytes(10 * BLOCK_BYTES))
    second.add(b"x")
    first.free()
    second.add(bytes(10 * BLOCK_BYTES))
    assert spool._blocks == 11
    second.free()
    spool.close()


def test_a_full_disk_is_told_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # The disk itself cannot be filled here: a device that is always full stands for it.
    spool = Spool()
    one = Parked(spool)
    one.add(b"before")
    with Path("/dev/full").open("r+b", buffering=0) as full:
        usual, spool._file = spool._file, full
        with pytest.raises(ConnectError, match=r"s3\.buffer\.memory.*No space left.*TMPDIR"):
            one.add(bytes(BLOCK_BYTES))
        spool._file = usual
    assert one.read() == b"before"
    one.free()
    assert spool.used == 0
    spool.close()


def _opened(kind: str, **options: Any) -> Encoder:
    return format_of(kind, "value", FormatOptions(**options)).open("x", Schemas(None, ORDER))


@pytest.mark.parametrize("kind", ["json", "csv", "avro", "parquet"])
@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "zstd"])
def test_what_was_on_the_disk_makes_the_same_bytes(kind: str, compression: str) -> None:
    spool = Spool()
    options = {"compression": Compression(compression), "row_group": 2500}
    plain, shedding = _opened(kind, **options), _opened(kind, **options)
    made: list[list[bytes]] = []
    for n, first in enumerate(range(0, 12_000, 300)):
        plain.write(orders(300, first=first))
        shedding.write(orders(300, first=first))
        made.append([b"".join(plain.take()), b"".join(shedding.take())])
        if n % 3:
            shedding.shed(spool)
    made.append([b"".join(plain.finish()), b"".join(shedding.finish())])
    ours, other = map(b"".join, zip(*made, strict=True))
    assert ours == other
    assert spool.used == 0
    spool.close()


@pytest.mark.parametrize(("kind", "compression"), [("parquet", "none"), ("json", "gzip")])
def test_shed_rows_are_not_in_memory_and_dropped_ones_not_on_the_disk(
    kind: str, compression: str
) -> None:
    spool = Spool()
    encoder = _opened(kind, compression=Compression(compression))
    encoder.write(orders(1000))
    assert encoder.held > 10_000
    encoder.shed(spool)
    assert encoder.held == 0
    assert spool.used > 0
    encoder.drop()
    assert spool.used == 0
    spool.close()


@pytest.mark.parametrize("level", [-1, 1, 6, 9])
def test_gzip_is_one_member_with_the_header_that_zlib_writes(level: int) -> None:
    encoder = _opened("json", compression=Compression("gzip", level))
    for first in range(0, 20_000, 1000):
        encoder.write(orders(1000, first=first))
    plain_encoder = _opened("json")
    for first in range(0, 20_000, 1000):
        plain_encoder.write(orders(1000, first=first))
    plain = b"".join([*plain_encoder.take(), *plain_encoder.finish()])
    packed = b"".join([*encoder.take(), *encoder.finish()])
    assert gzip.decompress(packed) == plain
    one = zlib.decompressobj(wbits=31)
    assert one.decompress(packed) == plain
    assert one.eof
    assert one.unused_data == b""
    theirs = zlib.compressobj(level, zlib.DEFLATED, 31)
    whole = theirs.compress(plain) + theirs.flush()
    assert packed[:10] == whole[:10]
    assert len(packed) < 1.05 * len(whole)
