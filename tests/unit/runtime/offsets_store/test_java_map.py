from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import StorageError
from penstock.runtime.offsets.java_map import decode_map, encode_map

# Written by Java 25: a HashMap<byte[], byte[]> of {"k": "v", "n": null}.
FROM_JAVA = bytes.fromhex(
    "aced0005737200116a6176612e7574696c2e486173684d61700507dac1c31660d103000246000a6c6f616446616374"
    "6f724900097468726573686f6c6478703f4000000000000c77080000001000000002757200025b42acf317f8060854"
    "e00200007870000000016b7571007e000200000001767571007e0002000000016e7078"
)


def test_what_java_wrote_is_read_and_written_alike() -> None:
    assert decode_map(FROM_JAVA) == {b"k": b"v"}
    without_null = FROM_JAVA.replace(bytes.fromhex("7571007e0002000000016e70"), b"")
    assert encode_map({b"k": b"v"}) == without_null.replace(
        b"\0\0\0\x10\0\0\0\2", b"\0\0\0\x10\0\0\0\1"
    )


@given(st.dictionaries(st.binary(max_size=40), st.binary(max_size=40), max_size=30))
def test_what_is_written_is_read(entries: dict[bytes, bytes]) -> None:
    assert decode_map(encode_map(entries)) == entries


@given(st.binary(max_size=200))
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(StorageError, match="not a Java map"):
        decode_map(data)


@given(st.data())
def test_a_damaged_stream_is_refused_or_read_but_never_breaks(data: st.DataObject) -> None:
    stream = bytearray(encode_map({b"key": b"value", b"other": b""}))
    for _ in range(data.draw(st.integers(1, 3))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode_map(bytes(stream))
    except StorageError as problem:
        assert "at byte" in str(problem)  # noqa: PT017 - reading it may also go well


@pytest.mark.parametrize("end", range(0, 150, 7))
def test_a_cut_stream_is_refused(end: int) -> None:
    stream = encode_map({b"key": b"value"})
    with pytest.raises(StorageError):
        decode_map(stream[: min(end, len(stream) - 1)])


def test_what_follows_the_map_is_refused() -> None:
    with pytest.raises(StorageError, match="behind"):
        decode_map(encode_map({}) + b"\x70")


def test_a_null_value_is_left_out_and_references_are_followed() -> None:
    stream = encode_map({b"k": b"v"})
    array = b"uq\x00~\x00\x02\x00\x00\x00\x01v"
    assert array in stream
    assert decode_map(stream.replace(array, b"p")) == {}
    # Handle 3 is the first array: the key.
    assert decode_map(stream.replace(array, b"q\x00~\x00\x03")) == {b"k": b"k"}
    for handle in (b"q\x00~\x00\x01", b"q\x00~\x00\x09", b"s"):
        with pytest.raises(StorageError):
            decode_map(stream.replace(array, handle))


def test_another_class_is_refused() -> None:
    stream = encode_map({b"k": b"v"})
    for there, instead in ((b"HashMap", b"TreeMap"), (b"\x00\x02[B", b"\x00\x02[I")):
        with pytest.raises(StorageError):
            decode_map(stream.replace(there, instead))
