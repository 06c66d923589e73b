"""What class files tell of plugins, and packages by Maven coordinate."""

from __future__ import annotations

import contextlib
import logging
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import ConfigError
from penstock_jvm import _maven, _packages
from penstock_jvm._classes import ClassFile, parse, plugins_among
from penstock_jvm._packages import JavaPlugin, found_on

SOURCE = "org/apache/kafka/connect/source/SourceConnector"
PREDICATE = "org/apache/kafka/connect/transforms/predicates/Predicate"
PUBLIC, ABSTRACT = 0x1, 0x400


def class_file(
    name: str, parent: str, *interfaces: str, flags: int = PUBLIC, constructor: str = "()V"
) -> bytes:
    """Return a class file with a long constant, a field with an attribute, and a constructor."""
    texts = [name, parent, *interfaces, "<init>", constructor, "x", "J"]
    classes = 2 + len(interfaces)
    pool = b"".join(struct.pack(">BH", 1, len(text)) + text.encode() for text in texts)
    pool += struct.pack(">Bq", 5, 1 << 40)  # takes two places
    pool += b"".join(struct.pack(">BH", 7, number + 1) for number in range(classes))
    first = len(texts) + 3
    count = first + classes
    init = classes + 1
    above = struct.pack(f">{classes - 2}H", *range(first + 2, first + classes))
    return b"".join(
        [
            struct.pack(">IHHH", 0xCAFEBABE, 0, 61, count),
            pool,
            struct.pack(">HHHH", flags, first, first + 1, len(interfaces)),
            above,
            struct.pack(">HHHHHHI", 1, 0, init + 2, init + 3, 1, init + 2, 3),
            b"abc",
            struct.pack(">HHHHHH", 1, PUBLIC, init, init + 1, 0, 0),
        ]
    )


def test_a_class_file_tells_its_name_what_it_extends_and_whether_it_can_be_made() -> None:
    told = parse(class_file("a/One", SOURCE, "b/Able", "c/Able"))
    assert told == ClassFile("a/One", (SOURCE, "b/Able", "c/Able"), makeable=True)
    assert not parse(class_file("a/One", SOURCE, flags=PUBLIC | ABSTRACT)).makeable
    assert not parse(class_file("a/One", SOURCE, flags=0)).makeable
    assert not parse(class_file("a/One", SOURCE, constructor="(I)V")).makeable


@given(st.data())
def test_what_is_no_class_file_is_refused_and_breaks_nothing(data: st.DataObject) -> None:
    whole = class_file("a/One", SOURCE, "b/Able")
    cut = whole[: data.draw(st.integers(0, len(whole) - 3))]  # what follows is not read
    with pytest.raises(ValueError, match="not a class file"):
        parse(cut)
    noise = bytearray(whole)
    for at in data.draw(st.lists(st.integers(4, len(whole) - 1), max_size=4)):
        noise[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ValueError):
        assert isinstance(parse(bytes(noise)), ClassFile)


def test_plugins_are_told_through_classes_between_them_and_connect() -> None:
    classes = [
        ClassFile("a/Base", (SOURCE,), makeable=False),
        ClassFile("a/Middle", ("a/Base",), makeable=True),
        ClassFile("a/Last", ("a/Middle", PREDICATE), makeable=True),
        ClassFile("a/Other", ("java/lang/Object",), makeable=True),
        ClassFile("a/Loop", ("a/Loop",), makeable=True),
    ]
    assert plugins_among(classes) == [
        ("source", "a.Middle"),
        ("predicate", "a.Last"),
        ("source", "a.Last"),
    ]


def test_a_jar_without_service_files_is_read_once_and_again_when_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_JVM_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "path"
    path.mkdir()
    jar = path / "one-1.5.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr("a/One.class", class_file("a/One", SOURCE))
        archive.writestr("a/Odd.class", b"no class")
    first = [JavaPlugin("source", "a.One", "1.5", (str(jar),))]
    assert found_on([path]) == first
    kept = list((tmp_path / "cache" / "classes").iterdir())
    assert len(kept) == 1
    with monkeypatch.context() as unread:
        unread.setattr("penstock_jvm._classes._read", None)
        assert found_on([path]) == first
    with zipfile.ZipFile(jar, "a") as archive:
        archive.writestr("a/Two.class", class_file("a/Two", SOURCE))
    assert [one.name for one in found_on([path])] == ["a.One", "a.Two"]


def test_a_file_of_coordinates_is_a_package_without_the_jars_of_connect_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENSTOCK_JVM_CACHE", str(tmp_path / "cache"))
    jars = tmp_path / "jars"
    jars.mkdir()
    for name in ("mine-2.0.jar", "kafka-clients-4.3.1.jar", "connect-api-3.0.0.jar"):
        with zipfile.ZipFile(jars / name, "w") as archive:
            archive.writestr("a/One.class", class_file("a/One", SOURCE))
    asked: list[Sequence[str]] = []

    def fetch(coordinates: Sequence[str]) -> list[Path]:
        asked.append(coordinates)
        return sorted(jars.iterdir())

    monkeypatch.setattr(_maven, "fetch", fetch)
    path = tmp_path / "path"
    path.mkdir()
    (path / "mine.coordinates").write_text("# ours\na.b:mine:2.0  # newest\n\n")
    try:
        found = found_on([path])
        assert found == [JavaPlugin("source", "a.One", "2.0", (str(jars / "mine-2.0.jar"),))]
        assert found_on([path]) == found
        kafka = f"org.apache.kafka:kafka-clients:{_maven.KAFKA_VERSION}"
        assert asked == [[kafka, "a.b:mine:2.0"]]  # once
        assert "mine-2.0.jar" in (path / "mine.lock").read_text()
    finally:
        _packages._resolved.cache_clear()


def test_coordinates_that_cannot_be_had_are_left_out_and_not_asked_for_again_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PENSTOCK_JVM_CACHE", str(tmp_path / "cache"))
    asked: list[Any] = []

    def fetch(coordinates: Sequence[str]) -> list[Path]:
        asked.append(coordinates)
        raise _maven.MavenError("a.b:gone:1: not found in central")

    monkeypatch.setattr(_maven, "fetch", fetch)
    path = tmp_path / "path"
    path.mkdir()
    (path / "gone.coordinates").write_text("a.b:gone:1\n")
    (path / "odd.coordinates").write_text("a jar\n")
    with caplog.at_level(logging.WARNING):
        assert found_on([path]) == []
        assert found_on([path]) == []
    assert len(asked) == 1
    assert caplog.text.count("a.b:gone:1: not found in central") == 2
    assert "'a jar' is no Maven coordinate; write group:artifact:version" in caplog.text
    with pytest.raises(ConfigError):
        _packages._by_coordinates(path / "odd.coordinates")
