"""Find jars by Maven coordinate, once, and remember the class path.

A class path is kept in the cache as a small JSON file, so only the first call talks to a registry.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

KAFKA_VERSIONS = ("4.3.1", "4.3.0")
"""Kafka versions to try, the wanted one first."""

LOG4J_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
"""Kafka brings slf4j 1.7, which the binding without the 2 in its name serves."""


class PartsUnavailableError(RuntimeError):
    """A registry could not be reached, or does not have what was asked for."""


class ArtifactMissingError(PartsUnavailableError):
    """The registry answered, and does not have the version asked for."""


def cache_dir() -> Path:
    """Return the folder that keeps downloads: `PENSTOCK_TEST_CACHE`, or one in the XDG cache."""
    named = os.environ.get("PENSTOCK_TEST_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "penstock-tests"


@contextlib.contextmanager
def cache_lock(name: str) -> Iterator[None]:
    """Hold one cache entry against other test runs on this machine."""
    folder = cache_dir() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # closing the file gives it back
        yield


def digest(*words: str) -> str:
    """Return a short name for a list of words, for use in a file name."""
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:20]


def class_path(coordinates: Sequence[str]) -> list[Path]:
    """Return the jars of `group:artifact:version` coordinates and of all that they need.

    The first call downloads; a later one takes about a millisecond. Versions are mediated as Maven
    does: the nearest wins, then the first named.
    """
    root = cache_dir()
    key = digest(*coordinates)
    remembered = root / "class-paths" / f"{key}.json"
    jars = _recall(root, remembered)
    if jars is not None:
        return jars
    with cache_lock(f"class-path-{key}"), cache_lock("downloads"):
        jars = _recall(root, remembered)
        if jars is None:
            # Slow to import, and a remembered class path does without.
            from tests.parts.registry import download  # noqa: PLC0415

            jars = download(root / "maven", coordinates)
            _remember(root, remembered, coordinates, jars)
    return jars


def program_jar(coordinate: str) -> Path:
    """Return a jar that is a program with all that it needs; the first call downloads it."""
    root = cache_dir()
    with cache_lock("downloads"):
        from tests.parts.registry import download_one  # noqa: PLC0415 - slow to import

        return download_one(root / "maven", coordinate)


def kafka_class_path(*artifacts: str) -> list[Path]:
    """Return the class path of Kafka's own artifacts (`kafka_2.13`) and a log binding.

    `PENSTOCK_TEST_KAFKA_VERSION` names another version than the first of `KAFKA_VERSIONS`.
    """
    named = os.environ.get("PENSTOCK_TEST_KAFKA_VERSION")
    versions = (named,) if named else KAFKA_VERSIONS
    missing: ArtifactMissingError | None = None
    for version in versions:
        # The clients come first: other artifacts' own wishes must not win over them.
        names = ["kafka-clients", *(name for name in artifacts if name != "kafka-clients")]
        coordinates = [f"org.apache.kafka:{name}:{version}" for name in names]
        try:
            return class_path([*coordinates, LOG4J_BINDING])
        except ArtifactMissingError as error:
            missing = error
    raise ArtifactMissingError(f"none of Kafka {', '.join(versions)} was found") from missing


def _recall(root: Path, remembered: Path) -> list[Path] | None:
    """Return the class path of an earlier run, or None where a jar has gone since."""
    try:
        kept = json.loads(remembered.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    jars = [root / name for name in kept["jars"]]
    return jars if all(jar.is_file() for jar in jars) else None


def _remember(root: Path, remembered: Path, coordinates: Sequence[str], jars: list[Path]) -> None:
    """Write the class path where `_recall` finds it, whole or not at all."""
    remembered.parent.mkdir(parents=True, exist_ok=True)
    kept = {
        "coordinates": list(coordinates),
        "jars": [str(jar.relative_to(root)) for jar in jars],
    }
    draft = remembered.with_suffix(".draft")
    draft.write_text(json.dumps(kept, indent=1))
    draft.replace(remembered)
