"""The records that both sides of ``tests.bench.classes`` work on, as ClassBench.java makes them."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

from penstock.api import Converter
from penstock.data import Batch, Header, Headers, Repeat, Schema, SinkOrigin, Timestamp
from penstock_converters import JsonConverter

__all__ = ["TOPIC", "batches_of", "digest", "json_converter", "shown_batches", "shown_side"]

TOPIC: Final = "orders"
START_MS: Final = 1_700_000_000_000
CITIES: Final = ("Bergen", "Cork", "Graz", "Lyon", "Turku")
ROW: Final = Schema.struct(
    {
        "id": Schema.INT64,
        "customer": Schema.STRING,
        "city": Schema.STRING,
        "amount": Schema.FLOAT64,
        "count": Schema.INT32,
        "active": Schema.BOOLEAN,
        "at": Schema.INT64,
        "note": Schema.OPTIONAL_STRING,
    },
    name="order",
    version=1,
)
GEO: Final = Schema.struct({"lat": Schema.FLOAT64, "lon": Schema.FLOAT64})
ADDRESS: Final = Schema.struct({"street": Schema.STRING, "city": Schema.STRING, "geo": GEO})
NESTED: Final = Schema.struct({"id": Schema.INT64, "address": ADDRESS, "note": Schema.STRING})
MOMENTS: Final = Schema.struct(
    {
        "id": Schema.INT64,
        "ms": Schema.INT64,
        "text": Schema.STRING,
        "moment": Timestamp.SCHEMA,
    }
)
SCHEMAS: Final[dict[str, Schema]] = {
    "struct": ROW,
    "headers": ROW,
    "tombstones": ROW,
    "nested": NESTED,
    "moments": MOMENTS,
    "text": Schema.STRING,
}
"""By dataset; the others have no schema."""


def _value(dataset: str, n: int) -> Any:
    at = START_MS + n * 60_000
    if dataset.startswith("text"):
        return f"{n:010d} the quick brown fox jumps over the lazy dog"
    if dataset == "tombstones" and n % 10 == 0:
        return None
    if dataset.startswith("nested"):
        geo = {"lat": n * 0.25, "lon": n * 0.5}
        address = {"street": f"street {n % 100}", "city": CITIES[n % 5], "geo": geo}
        return {"id": n, "address": address, "note": f"note {n}"}
    if dataset.startswith("moments"):
        moment = dt.datetime.fromtimestamp(at // 1000, dt.UTC)
        value = {"id": n, "ms": at, "text": f"{moment:%Y-%m-%d %H:%M:%S}"}
        return {**value, "moment": moment} if dataset == "moments" else value
    return {
        "id": n,
        "customer": f"customer {n % 1000}",
        "city": CITIES[n % 5],
        "amount": n * 0.25,
        "count": n % 100,
        "active": n % 3 == 0,
        "at": at,
        "note": None if n % 4 == 0 else f"note {n}",
    }


def _headers(dataset: str, rows: int) -> Sequence[Headers]:
    if dataset != "headers":
        return Repeat(Headers.EMPTY, rows)
    return [
        Headers(
            [
                Header("trace", f"trace-{n}", Schema.STRING),
                Header("origin", "bench", Schema.STRING),
                Header("attempt", n % 3, Schema.INT32),
            ]
        )
        for n in range(rows)
    ]


def batches_of(dataset: str, rows: int) -> list[Batch]:
    """Return the records as the codec gives them: one batch a schema, columns of plain lists."""
    batch = Batch(
        topic=TOPIC,
        values=[_value(dataset, n) for n in range(rows)],
        value_schema=SCHEMAS.get(dataset),
        keys=[f"key-{n}" for n in range(rows)],
        key_schema=Schema.STRING,
        partitions=Repeat(0, rows),
        timestamps=[START_MS + n * 60_000 for n in range(rows)],
        headers=_headers(dataset, rows),
        rows=range(rows),
        origin=SinkOrigin(topic=TOPIC, partition=0, offsets=range(rows)),
    )
    gone = [n for n, value in enumerate(batch.values) if value is None]
    if not gone:
        return [batch]
    solid = [n for n, value in enumerate(batch.values) if value is not None]
    nulls = batch.select(gone)
    return [batch.select(solid), nulls.with_values(nulls.values, None)]


def json_converter(*, schemas: bool) -> Converter[Any]:
    """Return a JsonConverter of ours."""
    return JsonConverter(
        JsonConverter.config_spec().parse({"schemas.enable": "true" if schemas else "false"})
    )


_SHOWN: Final = json_converter(schemas=True)


def _ordered(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: _ordered(value[name]) for name in sorted(value)}


def shown_side(schema: Schema | None, value: Any) -> str:
    """Return a key, value or header as JSON with its schema; maps in the order of their names."""
    ordered = _ordered(value) if schema is None else value
    text = _SHOWN.from_connect_data(TOPIC, schema, ordered)
    return "null" if text is None else text.decode()


def shown_batches(batches: Iterable[Batch], rows: int) -> list[bytes]:
    """Return every row's record as text, ``-`` for one that was dropped."""
    shown = [b"-"] * rows
    for batch in batches:
        for i, record in enumerate(batch.records()):
            parts = [
                record.topic,
                shown_side(record.key_schema, record.key),
                shown_side(record.value_schema, record.value),
                str(record.timestamp),
                *(f"{h.key}={shown_side(h.schema, h.value)}" for h in record.headers),
            ]
            shown[batch.rows[i]] = "|".join(parts).encode()
    return shown


def digest(results: Iterable[bytes]) -> str:
    """Return the checksum of results, as the Java side counts it."""
    check = 0
    for one in results:
        check = zlib.crc32(one + b"\n", check)
    return f"{check:x}"
