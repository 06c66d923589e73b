from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import StorageError
from penstock.runtime.offsets.store import (
    ConnectorOffsets,
    MemoryOffsetStore,
    decode_key,
    encode_json,
    encode_key,
)


def test_keys_and_values_are_as_kafka_connect_writes_them() -> None:
    assert encode_key("file", {"filename": "/data/ü"}) == '["file",{"filename":"/data/ü"}]'.encode()
    assert encode_json({"position": 30, "a": None, "b": [True, 1.5]}) == (
        b'{"position":30,"a":null,"b":[true,1.5]}'
    )
    assert encode_json({"k": "\x1b\x1f\n\\u001b"}) == rb'{"k":"\u001B\u001F\n\\u001b"}'


@pytest.mark.parametrize("value", [{"a": b"bytes"}, {"a": float("nan")}, {"a": "\ud800"}])
def test_what_is_not_json_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(StorageError, match="must be JSON data"):
        encode_json(value)


@pytest.mark.parametrize("key", [b"", b"{}", b'["a"]', b'["a",1]', b"[1,{}]", b"\xff"])
def test_keys_of_other_programs_are_none(key: bytes) -> None:
    assert decode_key(key) is None


def test_offsets_come_back_by_connector_and_partition() -> None:
    offsets = ConnectorOffsets(MemoryOffsetStore())
    offsets.save("a", [({"p": 1}, {"n": 1}), ({"p": 2}, {"n": 2}), ({"p": 1}, {"n": 3})])
    offsets.save("b", [({"p": 1}, {"n": 9})])
    assert offsets.load("a", [{"p": 2}, {"p": 1}, {"p": 3}]) == [{"n": 2}, {"n": 3}, None]
    assert offsets.all("a") == [({"p": 1}, {"n": 3}), ({"p": 2}, {"n": 2})]


def test_a_none_forgets_a_partition() -> None:
    offsets = ConnectorOffsets(MemoryOffsetStore())
    offsets.save("a", [({"p": 1}, {"n": 1})])
    offsets.save("a", [({"p": 1}, None)])
    assert offsets.load("a", [{"p": 1}]) == [None]
    assert offsets.all("a") == []


def test_a_partition_keeps_the_bytes_that_java_gave_it() -> None:
    store = MemoryOffsetStore()
    java = b'["a",{"y":2,"x":1}]'
    store.put({java: b'{"n":1}'})
    offsets = ConnectorOffsets(store)
    assert offsets.load("a", [{"x": 1, "y": 2}]) == [{"n": 1}]
    offsets.save("a", [({"x": 1, "y": 2}, {"n": 2})])
    assert store.stored_keys() == [java]
    assert store.get([java]) == [b'{"n":2}']


@pytest.mark.parametrize("other", [1.0, True, "1"])
def test_partitions_that_only_python_takes_for_equal_stay_apart(other: object) -> None:
    offsets = ConnectorOffsets(MemoryOffsetStore())
    offsets.save("a", [({"p": 1}, {"n": 1}), ({"p": other}, {"n": 2})])
    assert offsets.load("a", [{"p": 1}, {"p": other}]) == [{"n": 1}, {"n": 2}]


def test_a_value_that_is_no_object_is_told() -> None:
    store = MemoryOffsetStore()
    store.put({encode_key("a", {}): b"[1]"})
    with pytest.raises(StorageError, match="connector 'a'"):
        ConnectorOffsets(store).load("a", [{}])
