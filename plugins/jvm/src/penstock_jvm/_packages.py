"""Java packages on the plugin path and the plugins in them, told without Java.

As in the original, an entry of the path holds packages: folders of jars, or single jars.
"""

from __future__ import annotations

import logging
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

__all__ = ["PATH_VARIABLE", "JavaPlugin", "found_on", "plugin_path"]

log = logging.getLogger(__name__)

PATH_VARIABLE: Final = "PENSTOCK_PLUGIN_PATH"
"""The variable by which a worker tells its processes its ``plugin.path``."""
_KINDS: Final = {
    "source.SourceConnector": "source",
    "sink.SinkConnector": "sink",
    "transforms.Transformation": "transform",
    "transforms.predicates.Predicate": "predicate",
    "storage.Converter": "converter",
    "storage.HeaderConverter": "header_converter",
}
_SERVICES: Final = "META-INF/services/org.apache.kafka.connect."
_VERSION: Final = re.compile(r"-(\d[\w.+-]*)\.jar$")


@attrs.frozen
class JavaPlugin:
    """A class that a jar offers: its kind, Java name, version, and its package's jars."""

    kind: str
    name: str
    version: str
    jars: tuple[str, ...]


def plugin_path() -> list[Path]:
    """Return the folders to look in, as the worker or the environment names them."""
    given = re.split(rf"[,{os.pathsep}]", os.environ.get(PATH_VARIABLE, ""))
    return [Path(part.strip()).expanduser() for part in given if part.strip()]


def found_on(path: Sequence[Path]) -> list[JavaPlugin]:
    """Return every plugin of every package; one that cannot be read is logged and left out."""
    found: list[JavaPlugin] = []
    for folder in path:
        if not folder.is_dir():
            log.warning("plugin.path: %s is no folder", folder)
            continue
        for entry in sorted(folder.iterdir()):
            jars = sorted(entry.rglob("*.jar")) if entry.is_dir() else [entry]
            found.extend(_in_package([jar.absolute() for jar in jars if jar.suffix == ".jar"]))
    return found


def _in_package(jars: Sequence[Path]) -> Iterator[JavaPlugin]:
    names = tuple(map(str, jars))
    for jar in jars:
        try:
            with zipfile.ZipFile(jar) as archive:
                offered = list(_offered(archive))
                version = _version(archive, jar.name)
        except (OSError, zipfile.BadZipFile) as problem:
            log.warning("plugin.path: the jar %s cannot be read: %s", jar, problem)
            continue
        for kind, name in offered:
            yield JavaPlugin(kind, name, version, names)


def _offered(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    held = set(archive.namelist())
    for service, kind in _KINDS.items():
        if f"{_SERVICES}{service}" not in held:
            continue
        text = archive.read(f"{_SERVICES}{service}").decode("utf-8", "replace")
        for line in text.splitlines():
            name = line.partition("#")[0].strip()
            if name:
                yield kind, name


def _version(archive: zipfile.ZipFile, name: str) -> str:
    """Return the version of the jar's name, or else of its manifest."""
    named = _VERSION.search(name)
    if named:
        return named[1]
    try:
        manifest = archive.read("META-INF/MANIFEST.MF").decode("utf-8", "replace")
    except KeyError:
        return "undefined"
    told = re.search(r"^Implementation-Version: *(\S+)", manifest, re.MULTILINE)
    return told[1] if told else "undefined"
