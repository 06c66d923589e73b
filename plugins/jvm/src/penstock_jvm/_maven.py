"""Jars by Maven coordinate, by jgo; imports nothing of Penstock: the wheel's build uses it."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

__all__ = ["KAFKA_VERSION", "MavenError", "api_jars", "cache_folder", "fetch"]

KAFKA_VERSION: Final = "4.3.1"
"""The Kafka whose Connect classes the bridge gives to connectors."""
_API: Final = ("kafka-clients", "connect-api", "connect-json", "connect-transforms")
_LOGGING: Final = "org.slf4j:slf4j-jdk14:1.7.36"
_TIMEOUT_S: Final = 60
_AT_ONCE: Final = 8


class MavenError(RuntimeError):
    """A coordinate could not be had."""


def cache_folder() -> Path:
    """Return the folder of downloads: ``PENSTOCK_JVM_CACHE``, or one in the XDG cache."""
    named = os.environ.get("PENSTOCK_JVM_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "penstock-jvm"


def api_jars() -> list[Path]:
    """Return the jars that our classes and every connector share: Connect's API and logging."""
    return fetch([*(f"org.apache.kafka:{name}:{KAFKA_VERSION}" for name in _API), _LOGGING])


def fetch(coordinates: Sequence[str]) -> list[Path]:
    """Return the jars of ``group:artifact:version`` and of all they need, the nearest version.

    Only the first call for these coordinates asks a registry; jars of released versions do not
    change.

    Raises:
        MavenError: a registry cannot be reached, or does not have it.
    """
    root = cache_folder()
    key = hashlib.sha256("\n".join(coordinates).encode()).hexdigest()[:20]
    kept = root / "class-paths" / f"{key}.json"
    try:
        jars = [root / name for name in json.loads(kept.read_text())["jars"]]
    except (FileNotFoundError, ValueError, KeyError):
        jars = []
    if jars and all(jar.is_file() for jar in jars):
        return jars
    jars = _download(root / "maven", coordinates)
    kept.parent.mkdir(parents=True, exist_ok=True)
    told = {"coordinates": list(coordinates), "jars": [str(jar.relative_to(root)) for jar in jars]}
    draft = kept.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(told, indent=1))
    draft.replace(kept)
    return jars


def _download(repository: Path, coordinates: Sequence[str]) -> list[Path]:
    # Slow to import, and a remembered class path does without.
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415
    from jgo.parse import Coordinate  # noqa: PLC0415

    failures: list[Exception] = []
    lock = threading.Lock()

    class Strict(PythonResolver):
        """jgo drops, without a word, what an artifact needs whose description it cannot get."""

        def download(self, artifact: Any) -> Any:
            try:
                return super().download(artifact)
            except Exception as problem:
                with lock:
                    failures.append(problem)
                raise

    repository.mkdir(parents=True, exist_ok=True)
    context = MavenContext(Strict(), repository, local_repos=[], timeout=_TIMEOUT_S)
    try:
        # raw: jgo otherwise takes each coordinate as a bill of materials as well, and the
        # wishes of some parent then win over what the artifact asks for.
        wanted = [
            context.create_dependency(replace(Coordinate.parse(text), scope="compile", raw=True))
            for text in coordinates
        ]
        named, needed = context.resolver.resolve(wanted)
        for failure in failures:
            raise failure
        kept = [*named, *(each for each in needed if each.scope in {"compile", "runtime"})]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(_fetched, [each.artifact for each in kept]))
    except (OSError, RuntimeError, ValueError) as problem:
        raise MavenError(f"{', '.join(coordinates)}: {problem}") from problem


def _fetched(artifact: Any) -> Path:
    """Return one jar, fetched again where an earlier fetch was cut short."""
    kept = artifact.cached_path
    if kept is not None and kept.exists() and not zipfile.is_zipfile(kept):
        kept.unlink()
    jar = Path(artifact.resolve())
    if not zipfile.is_zipfile(jar):
        jar.unlink()
        raise OSError(f"{jar.name} arrived cut short")
    return jar
