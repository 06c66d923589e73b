"""The file connectors beside Kafka's own: the same configuration, lines, offsets and output."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import jpype
import pytest

from penstock.config import ConfigSpec
from penstock.data import Schema
from penstock.errors import ConfigError, ConnectError
from penstock_file import FileStreamSinkConnector, FileStreamSourceConnector
from penstock_file._render import render
from tests.conformance.jvm.bridge import Bridge
from tests.unit.file.file_doubles import Context, connector, end, poll_all, sink, sink_batch, source

FILE = "org.apache.kafka.connect.file."
POLLS_MAX = 50


@pytest.fixture(scope="module")
def bridge(jvm: ModuleType) -> Bridge:
    return Bridge(jvm)


class JavaSource:
    """Kafka's source task on a file, from a stored offset; polled for a known number of lines."""

    def __init__(self, jvm: ModuleType, path: Path, stored: int | None = None) -> None:
        offset = None
        if stored is not None:
            position = jvm.java_class("java.lang.Long").valueOf(stored)
            offset = jvm.java_map({"position": position})
        reader = jpype.JProxy(
            "org.apache.kafka.connect.storage.OffsetStorageReader",
            dict={"offset": lambda _: offset},
        )
        context = jpype.JProxy(
            "org.apache.kafka.connect.source.SourceTaskContext",
            dict={"offsetStorageReader": lambda: reader},
        )
        self._task = jvm.java_class(FILE + "FileStreamSourceTask")()
        self._task.initialize(context)
        self._task.start(jvm.java_map({"file": str(path), "topic": "t", "batch.size": "2000"}))

    def lines(self, count: int) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for _ in range(POLLS_MAX):
            if len(found) >= count:
                break
            for record in self._task.poll() or ():
                assert str(record.valueSchema().type()) == "STRING"
                assert record.key() is None
                assert record.kafkaPartition() is None
                position = int(record.sourceOffset()["position"].longValue())
                found.append((str(record.value()), position))
        self._task.stop()
        return found


ASCII = ["\n", "\r\n", "\r", "a", "bc ", "longer text", "\t", "\0", "\x0b", "\x1c", "x" * 2000]
BYTES = [b"a", b"\xc3\xa9", b"\xf0\x9d\x84\x9e", b"\xff", b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\xaf"]


@pytest.mark.parametrize("seed", range(12))
def test_lines_and_positions_of_ascii_are_the_same(
    seed: int, jvm: ModuleType, tmp_path: Path
) -> None:
    chosen = random.Random(seed)  # noqa: S311 - test data
    path = tmp_path / "in.txt"
    path.write_bytes("".join(chosen.choices(ASCII, k=chosen.randint(1, 300))).encode())
    task = source(file=str(path))
    ours = poll_all(task, idle=1)
    end(task)
    assert JavaSource(jvm, path).lines(len(ours)) == ours
    if len(ours) > 1:
        _, stored = chosen.choice(ours[:-1])
        task = source(Context({str(path): stored}), file=str(path))
        rest = poll_all(task, idle=1)
        end(task)
        assert rest == [one for one in ours if one[1] > stored]
        assert JavaSource(jvm, path, stored).lines(len(rest)) == rest


@pytest.mark.parametrize("seed", range(6))
def test_broken_utf8_becomes_the_same_text(seed: int, jvm: ModuleType, tmp_path: Path) -> None:
    chosen = random.Random(seed)  # noqa: S311 - test data
    path = tmp_path / "in.txt"
    lines = [b"".join(chosen.choices(BYTES, k=chosen.randint(0, 6))) for _ in range(200)]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    task = source(file=str(path))
    ours = [line for line, _ in poll_all(task, idle=1)]
    end(task)
    java = [line for line, _ in JavaSource(jvm, path).lines(len(ours))]
    assert java == ours


@pytest.mark.parametrize("read", [1, 7, 99])
def test_offset_that_java_stored_for_any_text_is_taken_over(
    read: int, jvm: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "in.txt"
    lines = [f"{n} größer 漢 𝄞 {'é' * (n % 9)}" for n in range(100)]
    path.write_text("".join(f"{line}\n" for line in lines))
    stored = JavaSource(jvm, path).lines(100)[read - 1][1]
    task = source(Context({str(path): stored}), file=str(path))
    assert [line for line, _ in poll_all(task, idle=1)] == lines[read:]
    end(task)


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("FileStreamSourceConnector", FileStreamSourceConnector.config_spec()),
        ("FileStreamSinkConnector", FileStreamSinkConnector.config_spec()),
    ],
)
def test_keys_types_and_defaults_are_the_same(
    name: str, spec: ConfigSpec[Any], jvm: ModuleType
) -> None:
    java = jvm.java_class(FILE + name)().config().configKeys()
    ours = {report.name: report for report in spec.describe()}
    for key in java.values():
        report = ours.pop(str(key.name))
        default = None if key.defaultValue is None else str(key.defaultValue)
        required = not key.hasDefault()
        assert report.type == str(key.type())
        assert report.importance == str(key.importance)
        assert report.required is required
        assert report.default_value == (None if required else default)
    assert all(not report.required for report in ours.values())


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"topic": ""},
        {"topic": "t"},
        {"topic": "t", "batch.size": "many"},
        {"topic": "t", "batch.size": "99999999999"},
        {"topic": "t", "batch.size": " 5 ", "file": ""},
    ],
)
def test_what_is_wrong_with_a_configuration_is_told_alike(
    config: dict[str, str], jvm: ModuleType
) -> None:
    java = jvm.java_class(FILE + "FileStreamSourceConnector")().config()
    found = {
        str(value.name()): [str(text) for text in value.errorMessages()]
        for value in java.validate(jvm.java_map(config))
    }
    ours = {value.name: value.errors for value in FileStreamSourceConnector.validate(config)}
    for name, errors in found.items():
        assert ours[name] == errors


OFFSETS: list[tuple[Any, Any]] = [
    ({"filename": "f"}, {"position": 0}),
    ({"filename": "f"}, {"position": -1}),
    ({"filename": "f"}, {"position": "0"}),
    ({"filename": "f"}, {}),
    ({"filename": "f"}, None),
    ({"other": "f"}, {"position": 1}),
    ({"other": "f"}, None),
]


@pytest.mark.parametrize("pair", OFFSETS)
@pytest.mark.parametrize("config", [{"file": "f"}, {}])
def test_the_same_offsets_may_be_stored(
    config: dict[str, str], pair: tuple[Any, Any], jvm: ModuleType
) -> None:
    partition, offset = pair
    long = jvm.java_class("java.lang.Long")
    if offset is not None:
        boxed = {k: long.valueOf(v) if isinstance(v, int) else v for k, v in offset.items()}
        offset_java = jvm.java_map(boxed)
    else:
        offset_java = None
    pairs = jvm.java_map({})
    pairs.put(jvm.java_map(partition), offset_java)
    made = jvm.java_class(FILE + "FileStreamSourceConnector")()
    try:
        java = bool(made.alterOffsets(jvm.java_map({"topic": "t", **config}), pairs))
    except jpype.JException as refused:
        with pytest.raises(ConnectError) as ours:
            connector(**config).alter_offsets([pair])
        text = str(refused.getMessage())
        assert str(ours.value).startswith(text)
    else:
        assert connector(**config).alter_offsets([pair]) is java


@pytest.mark.parametrize("config", [{"file": "f"}, {}, {"file": ""}])
def test_exactly_once_and_tasks_are_the_same(config: dict[str, str], jvm: ModuleType) -> None:
    made = jvm.java_class(FILE + "FileStreamSourceConnector")()
    java_config = jvm.java_map({"topic": "t", **config})
    made.start(java_config)
    support = str(made.exactlyOnceSupport(java_config))
    assert connector(**config).exactly_once_support() is (support == "SUPPORTED")
    ours = connector(**config).task_configs(4)
    java = made.taskConfigs(4)
    assert [{str(k): str(one[k]) for k in one} for one in java] == ours


INNER = Schema.struct({"x": Schema.OPTIONAL_FLOAT64})
STRUCT = Schema.struct(
    {
        "a": Schema.INT32,
        "b": Schema.OPTIONAL_STRING,
        "c": INNER,
        "d": Schema.array(Schema.INT8),
        "e": Schema.map(Schema.STRING, Schema.OPTIONAL_BOOLEAN),
    }
)
VALUES: list[tuple[Any, Schema | None]] = [
    ("text é 𝄞", Schema.STRING),
    (None, None),
    (True, Schema.BOOLEAN),
    (-7, Schema.INT8),
    (2**62, Schema.INT64),
    ({"a": 1, "b": None, "c": {"x": None}, "d": [1, 2], "e": {"k": None}}, STRUCT),
    ({"a": 1, "b": "s", "c": {"x": 1e300}, "d": [], "e": {}}, STRUCT),
    ([[1.0], []], Schema.array(Schema.array(Schema.FLOAT64))),
]


def test_values_become_the_same_lines(jvm: ModuleType, bridge: Bridge, tmp_path: Path) -> None:
    java_out, out = tmp_path / "java.txt", tmp_path / "out.txt"
    record = jvm.java_class("org.apache.kafka.connect.sink.SinkRecord")
    records = jvm.java_class("java.util.ArrayList")()
    task = sink(out)
    for offset, (value, schema) in enumerate(VALUES):
        java_schema = None if schema is None else bridge.schema(schema)
        java_value = bridge.value(schema, value)
        records.add(record("t", 0, None, None, java_schema, java_value, offset))
        task.put_batch(sink_batch([value], schema))
    end(task)
    java = jvm.java_class(FILE + "FileStreamSinkTask")()
    java.start(jvm.java_map({"file": str(java_out)}))
    java.put(records)
    java.stop()
    assert out.read_bytes() == java_out.read_bytes()


def test_numbers_are_printed_alike(jvm: ModuleType) -> None:
    chosen = random.Random(5)  # noqa: S311 - test data
    double, single = jvm.java_class("java.lang.Double"), jvm.java_class("java.lang.Float")
    numbers = [0.0, -0.0, 1.0, 0.001, 0.00099, 1e7, 9999999.5, 5e-324, 1.7976931348623157e308, 2e23]
    numbers += [chosen.uniform(-1, 1) * 10.0 ** chosen.randint(-40, 37) for _ in range(1500)]
    numbers += [float(f"{chosen.randint(1, 99)}e{chosen.randint(-30, 30)}") for _ in range(500)]
    assert [render(n, Schema.FLOAT64) for n in numbers] == [
        str(double.toString(n)) for n in numbers
    ]
    singles = [float(single.valueOf(str(n)).doubleValue()) for n in numbers if abs(n) < 3e38]
    wanted = [str(single.valueOf(str(n)).toString()) for n in numbers if abs(n) < 3e38]
    assert [render(n, Schema.FLOAT32) for n in singles] == wanted


def test_bytes_are_written_where_java_writes_a_hash(jvm: ModuleType, tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    task = sink(out)
    task.put_batch(sink_batch([b"raw\xff"], Schema.BYTES))
    end(task)
    assert out.read_bytes() == b"raw\xff\n"


def test_a_batch_size_that_java_takes_for_one_is_refused() -> None:
    spec: Mapping[str, str] = {"topic": "t", "batch.size": "0"}
    with pytest.raises(ConfigError, match=r"batch\.size.*at least 1"):
        FileStreamSourceConnector.config_spec().parse(spec)
