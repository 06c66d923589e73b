"""Java packages on the plugin path and the plugins in them, told without Java.

As in the original, an entry of the path holds packages: folders of jars, or single jars. A file
``NAME.coordinates`` there is a package, too: Maven coordinates, a line each.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import re
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from penstock.errors import ConfigError
from penstock_jvm import _maven
from penstock_jvm._classes import ClassFile, classes_in, plugins_among
from penstock_jvm.machine import resolve

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
_COORDINATES: Final = ".coordinates"
_COORDINATE: Final = re.compile(r"[\w.-]+(:[\w.-]+){2,4}")
_OURS: Final = re.compile(r"(kafka-clients|connect-api|connect-json|connect-transforms)-\d")
_AGAIN_S: Final = 60.0
_BESIDE: Final = "org.apache.kafka.connect."
"""Apache's own classes have service files; a package that bundles some does not offer them."""
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
            found.extend(_in_package([jar.absolute() for jar in _jars_of(entry)]))
    return found


def _jars_of(entry: Path) -> list[Path]:
    if entry.is_dir():
        return sorted(entry.rglob("*.jar"))
    if entry.suffix == _COORDINATES:
        try:
            return _by_coordinates(entry)
        except (ConfigError, OSError) as problem:
            log.warning("plugin.path: %s is left out: %s", entry, problem)
            return []
    return [entry] if entry.suffix == ".jar" else []


def _by_coordinates(file: Path) -> list[Path]:
    """Return the jars of a file of coordinates, without those of Connect, which the bridge has.

    A lock file is kept beside it, where the folder can be written to.
    """
    lines = [line.partition("#")[0].strip() for line in file.read_text().splitlines()]
    wanted = [line for line in lines if line]
    for one in wanted:
        if not _COORDINATE.fullmatch(one):
            raise ConfigError(f"'{one}' is no Maven coordinate; write group:artifact:version")
    if not wanted:
        return []
    lock = file.with_suffix(".lock")
    locked = lock.exists() or os.access(file.parent, os.W_OK)
    jars = _resolved(tuple(wanted), lock if locked else None)
    return [jar for jar in jars if not _OURS.match(jar.name)]


@functools.cache
def _resolved(wanted: tuple[str, ...], lock: Path | None) -> list[Path]:
    """Resolve coordinates; what failed is not asked for again, by any process, for a minute."""
    key = hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:20]
    failed = _maven.cache_folder() / "failed" / f"{key}.txt"
    with contextlib.suppress(FileNotFoundError):
        if time.time() - failed.stat().st_mtime < _AGAIN_S:
            raise ConfigError(failed.read_text())
    # First, so that its version goes before the one that the connector was built with.
    all_wanted = [f"org.apache.kafka:kafka-clients:{_maven.KAFKA_VERSION}", *wanted]
    try:
        return resolve(all_wanted, lock=lock)
    except ConfigError as problem:
        failed.parent.mkdir(parents=True, exist_ok=True)
        failed.write_text(str(problem))
        raise


def _in_package(jars: Sequence[Path]) -> list[JavaPlugin]:
    """Return what the service files name; where they name no connector, what the classes tell."""
    names = tuple(map(str, jars))
    found: list[JavaPlugin] = []
    versions: dict[Path, str] = {}
    for jar in jars:
        try:
            with zipfile.ZipFile(jar) as archive:
                offered = list(_offered(archive))
                version = versions[jar] = _version(archive, jar.name)
        except (OSError, zipfile.BadZipFile) as problem:
            log.warning("plugin.path: the jar %s cannot be read: %s", jar, problem)
            continue
        found.extend(JavaPlugin(kind, name, version, names) for kind, name in offered)
    if not any(plugin.kind in ("source", "sink") for plugin in found):
        known = {(plugin.kind, plugin.name) for plugin in found}
        more = _by_classes(versions, names)
        found.extend(plugin for plugin in more if (plugin.kind, plugin.name) not in known)
    return found


def _by_classes(versions: Mapping[Path, str], names: tuple[str, ...]) -> Iterator[JavaPlugin]:
    classes: list[ClassFile] = []
    homes: dict[str, str] = {}
    for jar, version in versions.items():
        try:
            held = classes_in(jar)
        except (OSError, zipfile.BadZipFile, zlib.error) as problem:
            log.warning("plugin.path: the jar %s cannot be read: %s", jar, problem)
            continue
        classes.extend(held)
        homes.update((one.name.replace("/", "."), version) for one in held)
    for kind, name in plugins_among(classes):
        if not name.startswith(_BESIDE):
            yield JavaPlugin(kind, name, homes[name], names)


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
