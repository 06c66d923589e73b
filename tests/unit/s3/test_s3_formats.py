"""Objects of the S3 sink, read back by others: json, csv, fastavro, pyarrow."""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import gzip
import io
import json

import cramjam
import fastavro
import pyarrow.parquet as pq
import pytest
from tests.unit.s3.s3_batches import ORDER, orders, sink_batch

from penstock.data import Batch, Date, Decimal, Headers, Schema, Structs, Text, Time, Timestamp
from penstock.errors import DataError
from penstock_s3._border import Part, Schemas
from penstock_s3._formats import FormatOptions, format_of
from penstock_s3._formats._compression import Compression

KINDS = ("json", "avro", "parquet", "csv")


def written(
    kind: str, *batches: Batch, part: Part = "value", name: str = "t+0+0", **options: object
) -> bytes:
    made = format_of(kind, part, FormatOptions(**options))  # type: ignore[arg-type]
    encoder = made.open(name, Schemas(batches[0].key_schema, batches[0].value_schema))
    parts = []
    for batch in batches:
        encoder.write(batch)
        parts += encoder.take()
    return b"".join([*parts, *encoder.finish()])


def avro(data: bytes) -> list[object]:
    return list(fastavro.reader(io.BytesIO(data)))


def parquet(data: bytes) -> list[dict[str, object]]:
    return pq.read_table(io.BytesIO(data)).to_pylist()


def dicts(batch: Batch) -> list[dict[str, object]]:
    return [dict(one) for one in batch.values]


def test_json_lines_are_read_back() -> None:
    batch = orders(50)
    lines = written("json", batch).decode().splitlines()
    assert [json.loads(line) for line in lines] == dicts(batch)
    assert lines[0] == '{"id":0,"country":"ch","amount":0.0,"paid":true}'


def test_json_of_values_without_a_schema() -> None:
    batch = sink_batch([{"a": 1}, [1, "x"], "text", 2.5, None, b"\x01"])
    text = written("json", batch).decode()
    assert text == '{"a":1}\n[1,"x"]\n"text"\n2.5\nnull\n"AQ=="\n'


def test_json_of_a_decimal_that_is_no_field_is_a_number_as_jackson_writes_it() -> None:
    batch = sink_batch([decimal.Decimal("1.50")], Decimal.schema(2))
    assert written("json", batch) == b"1.50\n"
    struct = Schema.struct({"d": Decimal.schema(2)})
    inside = sink_batch([{"d": decimal.Decimal("1.50")}], struct)
    assert written("json", inside) == b'{"d":"AJY="}\n'
    assert written("json", inside, numeric_decimals=True) == b'{"d":1.50}\n'


def test_json_of_a_map_has_texts_for_keys() -> None:
    batch = sink_batch([{1: "a", 2: "b"}], Schema.map(Schema.INT32, Schema.STRING))
    assert written("json", batch) == b'{"1":"a","2":"b"}\n'


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy", "bzip2"])
def test_avro_is_read_back(codec: str) -> None:
    batch = orders(5000)
    assert avro(written("avro", batch, avro_codec=codec)) == dicts(batch)


def test_avro_of_zstandard_blocks_is_read_back() -> None:
    batch = orders(10)
    data = written("avro", batch, avro_codec="zstandard")
    block = data.split(data[-16:])[1]
    size = block[1:].index(b"\x28\xb5\x2f\xfd") + 1
    assert bytes(cramjam.zstd.decompress(block[size:])).startswith(b"\x00\x02\x04ch")


def test_avro_schema_is_named_as_avro_data_names_it() -> None:
    data = written("avro", orders(1))
    schema = json.loads(fastavro.reader(io.BytesIO(data)).metadata["avro.schema"])
    assert schema == {
        "type": "record",
        "name": "Order",
        "namespace": "com.example",
        "fields": [
            {"name": "id", "type": "int"},
            {"name": "country", "type": ["null", "string"], "default": None},
            {"name": "amount", "type": "double"},
            {"name": "paid", "type": "boolean"},
        ],
        "connect.version": 1,
        "connect.name": "com.example.Order",
    }


LOGICAL = Schema.struct(
    {
        "day": Date.SCHEMA,
        "at": Timestamp.OPTIONAL_SCHEMA,
        "time": Time.SCHEMA,
        "price": Decimal.schema(2),
        "tiny": Schema.INT8,
        "tags": Schema.array(Schema.OPTIONAL_STRING),
        "counts": Schema.map(Schema.STRING, Schema.INT64),
        "by_number": Schema.map(Schema.INT32, Schema.STRING),
        "inner": Schema.struct({"x": Schema.INT64}, optional=True),
    }
)
LOGICAL_ROWS = [
    {
        "day": dt.date(2026, 1, 2),
        "at": dt.datetime(2026, 1, 2, 3, 4, 5, 678000, dt.UTC),
        "time": dt.time(1, 2, 3, 4000),
        "price": decimal.Decimal("12.34"),
        "tiny": -7,
        "tags": ["a", None],
        "counts": {"a": 1},
        "by_number": {1: "one"},
        "inner": {"x": 5},
    },
    {
        "day": dt.date(1969, 12, 31),
        "at": None,
        "time": dt.time(0),
        "price": decimal.Decimal("-0.01"),
        "tiny": 127,
        "tags": [],
        "counts": {},
        "by_number": {},
        "inner": None,
    },
]


def test_avro_of_logical_types_and_nested_values() -> None:
    found = avro(written("avro", sink_batch(LOGICAL_ROWS, LOGICAL)))
    for got, given in zip(found, LOGICAL_ROWS, strict=True):
        entries = [{"key": key, "value": one} for key, one in given["by_number"].items()]
        assert got == {**given, "by_number": entries}


def test_avro_names_unnamed_records_and_entries_as_the_original() -> None:
    schema = json.loads(
        fastavro.reader(io.BytesIO(written("avro", sink_batch(LOGICAL_ROWS, LOGICAL)))).metadata[
            "avro.schema"
        ]
    )
    assert (schema["namespace"], schema["name"]) == ("io.confluent.connect.avro", "ConnectDefault")
    types = {field["name"]: field["type"] for field in schema["fields"]}
    assert types["tiny"] == {"type": "int", "connect.type": "int8"}
    assert types["by_number"]["items"]["name"] == "MapEntry"
    assert types["price"] == {
        "type": "bytes",
        "logicalType": "decimal",
        "scale": 2,
        "precision": 64,
        "connect.version": 1,
        "connect.parameters": {"scale": "2"},
        "connect.name": "org.apache.kafka.connect.data.Decimal",
    }


def test_avro_defaults_are_in_the_schema_and_stand_for_null() -> None:
    schema = Schema.struct(
        {"a": Schema(Schema.STRING.type, optional=True, default="x"), "b": Schema.OPTIONAL_BYTES}
    )
    data = written("avro", sink_batch([{"a": None, "b": b"\xff"}], schema))
    assert avro(data) == [{"a": "x", "b": b"\xff"}]


def test_avro_of_an_enum_keeps_its_symbols() -> None:
    enum = "io.confluent.connect.avro.Enum"
    parameters = {enum: "com.x.Colour", f"{enum}.RED": "RED", f"{enum}.BLUE": "BLUE"}
    colour = Schema(Schema.STRING.type, name="com.x.Colour", parameters=parameters)
    batch = sink_batch([{"c": "RED"}], Schema.struct({"c": colour}))
    data = written("avro", batch)
    schema = json.loads(fastavro.reader(io.BytesIO(data)).metadata["avro.schema"])
    assert schema["fields"][0]["type"]["symbols"] == ["RED", "BLUE"]
    assert avro(data) == [{"c": "RED"}]


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "zstd"])
def test_parquet_is_read_back(codec: str) -> None:
    batch = orders(5000)
    assert parquet(written("parquet", batch, parquet_codec=codec)) == dicts(batch)


def test_parquet_of_logical_types_and_nested_values() -> None:
    found = parquet(written("parquet", sink_batch(LOGICAL_ROWS, LOGICAL)))
    for got, given in zip(found, LOGICAL_ROWS, strict=True):
        changed = {name: list(given[name].items()) for name in ("counts", "by_number")}
        assert got == {**given, **changed}


def test_parquet_row_groups_do_not_depend_on_the_writes() -> None:
    whole = written("parquet", orders(2500), row_group=1000)
    pieces = [orders(100, first=at) for at in range(0, 2500, 100)]
    assert written("parquet", *pieces, row_group=1000) == whole
    assert pq.ParquetFile(io.BytesIO(whole)).num_row_groups == 3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "zstd"])
def test_the_same_rows_are_the_same_bytes_however_they_come(kind: str, compression: str) -> None:
    options = {"compression": Compression(compression)}
    whole = written(kind, orders(6000), **options)
    pieces = [orders(size, first=at) for at, size in ((0, 1), (1, 1998), (1999, 4001))]
    assert written(kind, *pieces, **options) == whole


def test_compressed_objects_are_read_by_others() -> None:
    plain = written("json", orders(20_000))
    assert (
        gzip.decompress(written("json", orders(20_000), compression=Compression("gzip"))) == plain
    )
    packed = written("json", orders(20_000), compression=Compression("zstd"))
    assert bytes(cramjam.zstd.decompress(packed)) == plain
    packed = written("json", orders(20_000), compression=Compression("snappy"))
    assert unsnapped(packed) == plain


def unsnapped(data: bytes) -> bytes:
    assert data[:16] == b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01"
    at, parts = 16, []
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        parts.append(bytes(cramjam.snappy.decompress_raw(data[at + 4 : at + 4 + size])))
        at += 4 + size
    return b"".join(parts)


def test_gzip_level_9_is_no_larger_than_level_1() -> None:
    small = written("json", orders(5000), compression=Compression("gzip", 9))
    assert len(small) < len(written("json", orders(5000), compression=Compression("gzip", 1)))


def test_csv_is_read_back() -> None:
    schema = Schema.struct({"a": Schema.STRING, "b": Schema.OPTIONAL_STRING, "n": Schema.INT32})
    rows = [
        {"a": 'say "hi", you', "b": "", "n": 1},
        {"a": "two\nlines", "b": None, "n": -2},
        {"a": " x ", "b": "é", "n": 3},
    ]
    text = written("csv", sink_batch(rows, schema)).decode()
    found = list(csv.DictReader(io.StringIO(text, newline="")))
    assert found == [{**row, "b": row["b"] or "", "n": str(row["n"])} for row in rows]
    assert text.splitlines()[1] == '"say ""hi"", you","",1'


def test_bytes_are_written_as_they_are() -> None:
    batch = sink_batch([b"a\n", b"", b"\xff"], Schema.BYTES)
    assert written("bytes", batch) == b"a\n\n\n\xff\n"
    assert written("bytes", batch, bytes_separator=b"||") == b"a\n||||\xff||"


def test_texts_are_no_bytes() -> None:
    with pytest.raises(
        DataError, match="ByteArrayConverter is not compatible with objects of type str"
    ):
        written("bytes", sink_batch(["a"]))
    with pytest.raises(DataError, match="Invalid schema type for ByteArrayConverter: string"):
        written("bytes", sink_batch(["a"], Schema.STRING))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("json", b'"k0"\n"k1"\n'), ("bytes", b"k0\nk1\n")],
)
def test_keys_have_an_object_of_their_own(kind: str, expected: bytes) -> None:
    keys = ["k0", "k1"] if kind == "json" else [b"k0", b"k1"]
    schema = Schema.STRING if kind == "json" else Schema.BYTES
    assert written(kind, orders(2, keys=keys, key_schema=schema), part="keys") == expected


def test_keys_in_avro_and_parquet() -> None:
    batch = orders(2, keys=["k0", "k1"], key_schema=Schema.STRING)
    assert avro(written("avro", batch, part="keys")) == ["k0", "k1"]
    assert parquet(written("parquet", batch, part="keys")) == [{"key": "k0"}, {"key": "k1"}]


def test_a_null_key_is_refused() -> None:
    with pytest.raises(DataError, match="Key cannot be null for SinkRecord"):
        written("json", orders(2, keys=["k0", None]), part="keys")


def test_headers_are_lists_of_texts() -> None:
    headers = [Headers().add("a", 1).add("b", "x"), Headers().add("c", b"y")]
    expected = [
        [{"key": "a", "value": "1"}, {"key": "b", "value": "x"}],
        [{"key": "c", "value": "eQ=="}],
    ]
    batch = orders(2, headers=headers)
    lines = written("json", batch, part="headers").decode().splitlines()
    assert [json.loads(line) for line in lines] == expected
    assert avro(written("avro", batch, part="headers")) == expected
    found = parquet(written("parquet", batch, part="headers"))
    assert [row["headers"] for row in found] == expected


def test_no_headers_are_refused() -> None:
    with pytest.raises(DataError, match="Headers cannot be null or empty"):
        written("json", orders(1), part="headers")


@pytest.mark.parametrize("kind", ["json", "avro", "parquet"])
def test_the_envelope_holds_everything_of_a_record(kind: str) -> None:
    batch = orders(
        1,
        first=7,
        keys=["k"],
        key_schema=Schema.STRING,
        headers=[Headers().add("h", "v")],
        times=[1234],
    )
    data = written(kind, batch, envelope=True)
    read = {"json": lambda text: [json.loads(text)], "avro": avro, "parquet": parquet}[kind]
    assert read(data) == [
        {
            "key": "k",
            "value": {"id": 7, "country": "de", "amount": 1.75, "paid": False},
            "headers": [{"key": "h", "value": "v"}],
            "topic": "orders",
            "partition": 0,
            "offset": 7,
            "timestamp": 1234,
        }
    ]


def test_the_envelope_of_values_without_a_schema() -> None:
    batch = sink_batch([{"a": 1}], keys=[None], times=[5])
    assert json.loads(written("json", batch, envelope=True)) == {
        "key": None,
        "value": {"a": 1},
        "headers": [],
        "topic": "orders",
        "partition": 0,
        "offset": 0,
        "timestamp": 5,
    }


@pytest.mark.parametrize("kind", ["avro", "parquet", "csv"])
def test_formats_with_a_schema_refuse_values_without_one(kind: str) -> None:
    with pytest.raises(DataError, match=r"JSON|structs"):
        written(kind, sink_batch([{"a": 1}]))


BAD = [
    ({"id": 2**31}, "value.id: expected int32, got int 2147483648 .out of range."),
    ({"id": "x"}, "value.id: expected int32, got str 'x'"),
    ({"id": True}, "value.id: expected int32, got bool True"),
    ({"id": None}, "value.id: null given for a required int32"),
    ({"more": 1}, "value: no field more; its fields: id, country, amount, paid"),
    ({"amount": 1}, "value.amount: expected float64, got int 1"),
]


@pytest.mark.parametrize("kind", ["avro", "parquet"])
@pytest.mark.parametrize(("changed", "message"), BAD)
def test_a_bad_row_is_told_and_nothing_of_its_batch_is_written(
    kind: str, changed: dict[str, object], message: str
) -> None:
    good = dicts(orders(3))
    encoder = format_of(kind, "value", FormatOptions()).open("x", Schemas(None, ORDER))
    with pytest.raises(DataError, match=message):
        encoder.write(sink_batch([*good, {**good[0], **changed}], ORDER))
    encoder.write(sink_batch(good, ORDER))
    data = b"".join([*encoder.take(), *encoder.finish()])
    assert (avro if kind == "avro" else parquet)(data) == good


def test_text_columns_keep_their_bytes() -> None:
    schema = Schema.struct({"a": Schema.OPTIONAL_STRING})
    batch = sink_batch(Structs({"a": Text([b"x", None, "é".encode()])}, 3), schema)
    expected = [{"a": "x"}, {"a": None}, {"a": "é"}]
    assert parquet(written("parquet", batch)) == expected
    assert avro(written("avro", batch)) == expected


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_small_files_hold_no_tables_of_a_compressor(compression: str) -> None:
    options = FormatOptions(compression=Compression(compression))
    encoder = format_of("json", "value", options).open("x", Schemas(None, ORDER))
    encoder.write(orders(100))
    assert 0 < encoder.held < 10_000
    assert encoder.take() == []


def test_parquet_of_single_rows_keeps_few_batches_in_memory() -> None:
    encoder = format_of("parquet", "value", FormatOptions()).open("x", Schemas(None, ORDER))
    for at in range(3000):
        encoder.write(orders(1, first=at))
    assert len(encoder._waiting) < 16  # type: ignore[attr-defined]
    data = b"".join([*encoder.take(), *encoder.finish()])
    assert parquet(data) == dicts(orders(3000))


def test_extensions_are_those_of_the_original() -> None:
    def extension(kind: str, **options: object) -> str:
        return format_of(kind, "value", FormatOptions(**options)).extension  # type: ignore[arg-type]

    assert extension("json") == ".json"
    assert extension("json", compression=Compression("gzip")) == ".json.gz"
    assert extension("bytes", bytes_extension=".dat") == ".dat"
    assert extension("avro", avro_codec="snappy") == ".avro"
    assert extension("parquet", parquet_codec="snappy") == ".snappy.parquet"
    assert extension("parquet", parquet_codec="gzip") == ".gz.parquet"
    assert extension("parquet", parquet_codec="none") == ".parquet"


@pytest.mark.parametrize(
    ("name", "message"),
    [("a-b", "Illegal character in field name 'a-b'"), ("1a", "Illegal character")],
)
def test_avro_refuses_names_it_does_not_have(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        written("avro", sink_batch([{name: 1}], Schema.struct({name: Schema.INT32})))


def test_two_structs_of_one_name_need_one_schema() -> None:
    one = Schema.struct({"x": Schema.INT32}, name="N")
    two = Schema.struct({"y": Schema.INT32}, name="N", optional=True)
    fine = Schema.struct({"a": one, "b": one.as_optional()})
    row = {"a": {"x": 1}, "b": None}
    assert avro(written("avro", sink_batch([row], fine))) == [row]
    with pytest.raises(DataError, match="two different structs are named N"):
        written("avro", sink_batch([row], Schema.struct({"a": one, "b": two})))
