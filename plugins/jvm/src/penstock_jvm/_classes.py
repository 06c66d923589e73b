"""Plugins among a package's class files, told by what they extend; no Java is asked.

For packages without service files. Each jar is read once and what it told is kept in the cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from penstock_jvm import _maven

__all__ = ["ClassFile", "classes_in", "parse", "plugins_among"]

_CONNECT: Final = "org/apache/kafka/connect/"
_ROOTS: Final[Mapping[str, str]] = {
    f"{_CONNECT}source/SourceConnector": "source",
    f"{_CONNECT}sink/SinkConnector": "sink",
    f"{_CONNECT}transforms/Transformation": "transform",
    f"{_CONNECT}transforms/predicates/Predicate": "predicate",
}
_ABSTRACT: Final = 0x0200 | 0x0400  # an interface, or an abstract class
_PUBLIC: Final = 0x0001
_UTF8: Final = 1
_CLASS: Final = 7
_WIDE: Final = frozenset({5, 6})  # long and double take two places
_SIZES: Final[Mapping[int, int]] = {
    **dict.fromkeys((3, 4, 9, 10, 11, 12, 17, 18), 4),
    **dict.fromkeys((5, 6), 8),
    **dict.fromkeys((7, 8, 16, 19, 20), 2),
    15: 3,
}
_U2: Final = struct.Struct(">H")
_U4: Final = struct.Struct(">I")
_MAGIC: Final = 0xCAFEBABE


@attrs.frozen
class ClassFile:
    """A class's name, what it extends and implements, and whether it can be made without arguments.

    Names have slashes, as in the file.
    """

    name: str
    parents: tuple[str, ...]
    makeable: bool


def parse(raw: bytes) -> ClassFile:
    """Return what a class file says of its class; raises ValueError for what is no class file."""
    try:
        return _parse(raw)
    except (struct.error, IndexError, KeyError, UnicodeDecodeError) as problem:
        raise ValueError(f"not a class file: {problem!r}") from problem


def _parse(raw: bytes) -> ClassFile:
    if _U4.unpack_from(raw)[0] != _MAGIC:
        raise ValueError("not a class file: it does not begin with CAFEBABE")
    texts, classes, at = _constants(raw)

    def u2(where: int) -> int:
        return int(_U2.unpack_from(raw, where)[0])

    def text(index: int) -> str:
        return texts[index].decode("utf-8", "replace")

    flags, this, parent, count = u2(at), u2(at + 2), u2(at + 4), u2(at + 6)
    above = [parent] if parent else []
    above += [u2(at + 8 + 2 * number) for number in range(count)]
    constructed = _has_constructor(raw, at + 8 + 2 * count, texts)
    makeable = bool(flags & _PUBLIC) and not flags & _ABSTRACT and constructed
    return ClassFile(text(classes[this]), tuple(text(classes[one]) for one in above), makeable)


def _constants(raw: bytes) -> tuple[dict[int, bytes], dict[int, int], int]:
    """Return the texts, the classes as indices of their names, and where the constants end."""
    texts: dict[int, bytes] = {}
    classes: dict[int, int] = {}
    count, at, index = _U2.unpack_from(raw, 8)[0], 10, 1
    while index < count:
        tag = raw[at]
        if tag == _UTF8:
            size = _U2.unpack_from(raw, at + 1)[0]
            texts[index] = raw[at + 3 : at + 3 + size]
            at += 3 + size
        else:
            if tag == _CLASS:
                classes[index] = _U2.unpack_from(raw, at + 1)[0]
            at += 1 + _SIZES[tag]
        index += 2 if tag in _WIDE else 1
    return texts, classes, at


def _has_constructor(raw: bytes, at: int, texts: Mapping[int, bytes]) -> bool:
    """Return whether there is a public constructor without arguments; ``at``: the fields."""
    for methods in (False, True):
        count = _U2.unpack_from(raw, at)[0]
        at += 2
        for _ in range(count):
            flags, name, kind, attributes = struct.unpack_from(">4H", raw, at)
            at += 8
            for _ in range(attributes):
                at += 6 + _U4.unpack_from(raw, at + 2)[0]
            if methods and flags & _PUBLIC and texts[name] == b"<init>" and texts[kind] == b"()V":
                return True
    return False


def classes_in(jar: Path) -> list[ClassFile]:
    """Return the classes of a jar that uses Connect's; none of any other jar.

    Raises:
        OSError, zipfile.BadZipFile: the jar cannot be read.
    """
    stat = jar.stat()
    told = f"{jar} {stat.st_size} {stat.st_mtime_ns}"
    key = hashlib.sha256(told.encode()).hexdigest()[:20]
    kept = _maven.cache_folder() / "classes" / f"{key}.json"
    try:
        return [ClassFile(name, tuple(up), made) for name, up, made in json.loads(kept.read_text())]
    except (FileNotFoundError, ValueError, TypeError):
        pass
    found = _read(jar)
    kept.parent.mkdir(parents=True, exist_ok=True)
    draft = kept.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps([[one.name, one.parents, one.makeable] for one in found]))
    draft.replace(kept)
    return found


def _read(jar: Path) -> list[ClassFile]:
    uses = False
    files: list[bytes] = []
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            if name.endswith(".class") and not name.startswith("META-INF/"):
                files.append(archive.read(name))
                uses = uses or _CONNECT.encode() in files[-1]
    return list(_parsed(files)) if uses else []


def _parsed(files: Sequence[bytes]) -> Iterator[ClassFile]:
    for raw in files:
        try:
            yield parse(raw)
        except ValueError:  # of a later Java, or obfuscated: not a plugin that could be told
            continue


def plugins_among(classes: Sequence[ClassFile]) -> list[tuple[str, str]]:
    """Return (kind, name) of each class of a package that is a plugin and can be made."""
    parents = {one.name: one.parents for one in classes}
    found: list[tuple[str, str]] = []
    for one in classes:
        if one.makeable:
            kinds = {_ROOTS[above] for above in _above(one.name, parents) if above in _ROOTS}
            found.extend((kind, one.name.replace("/", ".")) for kind in sorted(kinds))
    return found


def _above(name: str, parents: Mapping[str, Sequence[str]]) -> set[str]:
    seen: set[str] = set()
    waiting = list(parents[name])
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            waiting.extend(parents.get(one, ()))
    return seen
