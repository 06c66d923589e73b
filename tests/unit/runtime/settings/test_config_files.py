from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import ConfigError
from penstock.runtime.files import (
    FILE_BYTES_MAX,
    ConnectorFile,
    read_connector,
    read_pipeline,
    read_properties,
)
from penstock.runtime.model import TargetState


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(read: Any, path: Path) -> str:
    with pytest.raises(ConfigError) as told:
        read(path)
    assert path.name in str(told.value)
    return str(told.value)


def test_properties_are_read_as_java_reads_them(folder: Path) -> None:
    text = (
        "# comment\n! comment\na=1\n b : two \nc\\ d=x\\\n   y\ne=\\u00e9\\t.\n"
        "topic.regex=a\\\\d+\nempty=\na=2\n"
    )
    assert read_properties(written(folder, "w.properties", text)) == {
        "a": "2",
        "b": "two ",
        "c d": "xy",
        "e": "é\t.",
        "topic.regex": "a\\d+",
        "empty": "",
    }


def test_properties_may_be_latin_1_or_utf_8(folder: Path) -> None:
    assert read_properties(written(folder, "a.properties", "x=é".encode("latin-1"))) == {"x": "é"}
    assert read_properties(written(folder, "b.properties", "\ufeffx=é€")) == {"x": "é€"}


def test_bad_escape_is_told_with_its_line(folder: Path) -> None:
    path = written(folder, "w.properties", "a=1\nb=C:\\\\users\nfile=C:\\users\n")
    assert f"{path}, line 3:" in refusal(read_properties, path)


def test_missing_file_directory_and_unreadable_file_are_told(folder: Path) -> None:
    assert "does not exist" in refusal(read_properties, folder / "none.properties")
    assert "is a directory" in refusal(read_properties, folder)
    loop = folder / "loop.properties"
    loop.symlink_to(loop)
    assert "cannot be read" in refusal(read_properties, loop)


def test_endless_file_is_refused() -> None:
    assert f"more than {FILE_BYTES_MAX} bytes" in refusal(read_properties, Path("/dev/zero"))


def test_pipe_is_read(folder: Path) -> None:
    """As of a shell's process substitution."""
    path = folder / "pipe.properties"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"a=1\n",))
    writer.start()
    assert read_properties(path) == {"a": "1"}
    writer.join()


def test_utf_16_is_refused(folder: Path) -> None:
    path = written(folder, "w.properties", "a=1".encode("utf-16"))
    assert "save it as UTF-8" in refusal(read_properties, path)


def test_json_that_is_not_utf_8_is_refused(folder: Path) -> None:
    path = written(folder, "c.json", '{\n"a": "é"}'.encode("latin-1"))
    assert f"{path}, line 2: not UTF-8" in refusal(read_connector, path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.json", '{"name": "a", "n": 1.10, "i": 12345678901234567890, "b": true, "l": ["x", 2]}'),
        ("c.yaml", "name: a\nn: 1.10\ni: 12345678901234567890\nb: yes\nl: [x, 2]\n"),
        ("c.conf", '\n {"name":"a","n":1.10,"i":12345678901234567890,"b":true,"l":["x",2]}'),
    ],
)
def test_values_become_texts_and_numbers_keep_theirs(folder: Path, name: str, text: str) -> None:
    assert read_connector(written(folder, name, text)).config == {
        "name": "a",
        "n": "1.10",
        "i": "12345678901234567890",
        "b": "true",
        "l": "x,2",
    }


@pytest.mark.parametrize("scalar", ["0755", "1_000", "12:30:00", "2024-01-01", "1e400", "0x1F"])
def test_yaml_changes_no_number_in_silence(folder: Path, scalar: str) -> None:
    path = written(folder, "c.yaml", f"name: a\nx: {scalar}\n")
    assert read_connector(path).config["x"] == scalar


BOTH = [
    '{"name": "a", "config": {"connector.class": "X", "tasks.max": 2}, "initial_state": "paused"}',
    '{"config": {"name": "a", "connector.class": "X", "tasks.max": "2"}, "initial_state":"PAUSED"}',
]


@pytest.mark.parametrize("text", BOTH)
def test_connector_as_rest_takes_it(folder: Path, text: str) -> None:
    path = written(folder, "c.json", text)
    config = {"name": "a", "connector.class": "X", "tasks.max": "2"}
    assert read_connector(path) == ConnectorFile(str(path), "a", config, TargetState.PAUSED)


def test_flat_config_may_have_a_key_named_config(folder: Path) -> None:
    path = written(folder, "c.json", '{"name": "a", "config": "x"}')
    assert read_connector(path).config == {"name": "a", "config": "x"}


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("c.json", '{"name": "a",\n "x": }', "line 2, column 7: not JSON"),
        ("c.json", '{"name": "a", "x": 1, "x": 2}', "the key 'x' stands twice"),
        ("c.json", '{"name": "a", "x": NaN}', "NaN is no JSON number"),
        ("c.json", '{"name": "a", "x": null}', "'x' must be a text, number, boolean or list"),
        ("c.json", '{"name": "a", "x": {"y": 1}}', "got a mapping; write the dotted keys flat"),
        ("c.json", '{"name": "a", "x": [["y"]]}', "'x' is a list in a list"),
        ("c.json", '{"name": "a", "x": ["y,z"]}', "an element of 'x' has a comma"),
        ("c.json", "[1]", "the file must be a mapping of keys to values, got a list"),
        ("c.json", '{"x": "1"}', "names no connector"),
        ("c.json", '{"name": true, "config": {}}', "'name' must be the name, as a text"),
        ("c.json", '{"name": "a", "config": {"name": "b"}}', "keep one name"),
        ("c.json", '{"name": "a", "config": {}, "state": 1}', "unknown field 'state'"),
        ("c.json", '{"name": "a", "config": {}, "initial_state": "ON"}', "must be RUNNING"),
        ("c.json", "[" * 100_000, "nested too deeply"),
        ("c.yaml", "name: a\nx: 1\nx: 2\n", "line 3: the key 'x' stands twice"),
        ("c.yaml", "name: a\n  x: [\n", "line 2"),
        ("c.yaml", "name: a\non: x\n", "line 2: the key True is no text; put it in quotes"),
        ("c.yaml", "name: a\n8083: x\n", "line 2: the key '8083' is no text"),
        ("c.yaml", "name: a\nx:\n", "'x' must be a text"),
        ("c.yaml", "name: a\nx: &x [*x]\n", "not YAML"),
        ("c.yaml", "name: a\nx: !!python/object/apply:os.getcwd []\n", "not YAML"),
        ("c.yaml", "", "must be a mapping of keys to values, got nothing"),
        ("c.properties", "x=1", "names no connector"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    folder: Path, name: str, text: str, part: str
) -> None:
    assert part in refusal(read_connector, written(folder, name, text))


def test_yaml_bomb_is_refused_at_once(folder: Path) -> None:
    lines = ["name: a", "l0: &l0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30)]
    assert "a list in a list" in refusal(
        read_connector, written(folder, "c.yaml", "\n".join(lines))
    )


def test_yaml_merge_lets_own_keys_win(folder: Path) -> None:
    text = "<<: &base {name: a, tasks.max: 1}\ntasks.max: 3\n"
    assert read_connector(written(folder, "c.yaml", text)).config["tasks.max"] == "3"


PIPELINES = [
    "worker: {a: 1}\nconnectors:\n  x: {connector.class: X}\n  y: {connector.class: Y}\n",
    "worker: {a: 1}\nconnectors: [{name: x, connector.class: X}, {name: y, connector.class: Y}]\n",
    "worker: {a: 1}\nconnectors:\n  - x: {connector.class: X}\n  - y: {connector.class: Y}\n",
    "worker: {a: 1}\nconnectors:\n  x: {config: {connector.class: X}}\n  y: {connector.class: Y}\n",
    """
    worker: {a: 1}
    connectors:
      - {name: x, config: {connector.class: X}}
      - config: {name: y, connector.class: Y}
    """,
]


@pytest.mark.parametrize("text", PIPELINES)
def test_pipeline_in_each_shape(folder: Path, text: str) -> None:
    worker, connectors = read_pipeline(written(folder, "p.yaml", text))
    assert worker == {"a": "1"}
    assert [(one.name, one.config) for one in connectors] == [
        ("x", {"name": "x", "connector.class": "X"}),
        ("y", {"name": "y", "connector.class": "Y"}),
    ]


def test_pipeline_may_give_an_initial_state(folder: Path) -> None:
    text = "worker: {}\nconnectors:\n  x: {config: {a: b}, initial_state: STOPPED}\n"
    (connector,) = read_pipeline(written(folder, "p.yaml", text))[1]
    assert connector.target is TargetState.STOPPED


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("worker: {}\n", "has no part 'connectors'"),
        ("connectors: {}\n", "has no part 'worker'"),
        ("worker: {}\nconnectors: {}\nconectors: {}\n", "'conectors' (did you mean 'connectors'?)"),
        ("worker: {}\nconnectors: 5\n", "'connectors' must be a mapping or a list, got a number"),
        ("worker: {}\nconnectors:\n  x: 5\n", "connectors.x must be a mapping"),
        ("worker: {}\nconnectors:\n  x: {a: {b: c}}\n", "'connectors.x.a' must be a text"),
        ("worker: {}\nconnectors:\n  - {a: b}\n", "connectors[0] names no connector"),
        ("worker: {}\nconnectors:\n  x: {name: y}\n", "keep one name"),
        ("worker: {}\nconnectors: [{name: x}, {name: x}]\n", "'x' stands twice"),
        ("worker: {a: {b: c}}\nconnectors: {}\n", "'worker.a' must be a text"),
        ("worker: {}\nconnectors:\n  x: {a: 1}\n  x: {a: 2}\n", "line 4: the key 'x' stands twice"),
        ("[]", "must have the parts"),
    ],
)
def test_pipeline_that_is_wrong_is_told_with_its_place(folder: Path, text: str, part: str) -> None:
    assert part in refusal(read_pipeline, written(folder, "p.yaml", text))
