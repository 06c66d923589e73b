"""Talk to the Maven registry by jgo. Slow to import, so `maven` does so only when it must."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from jgo.maven import Artifact, MavenContext, PythonResolver
from jgo.parse import Coordinate

from tests.parts.maven import ArtifactMissingError, PartsUnavailableError

_DOWNLOADS_AT_ONCE = 8
_DOWNLOAD_TIMEOUT_S = 30


class _StrictResolver(PythonResolver):
    """A resolver that remembers what it could not get.

    jgo drops the dependencies of an artifact whose description it cannot fetch, without a word.
    """

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[Exception] = []
        self._lock = threading.Lock()

    def download(self, artifact: Artifact) -> Path | None:
        """Fetch one file; a failure is remembered even where the caller passes over it."""
        try:
            return super().download(artifact)
        except Exception as error:
            with self._lock:
                self.failures.append(error)
            raise


def download(repository: Path, coordinates: Sequence[str]) -> list[Path]:
    """Resolve the coordinates, fetch every jar into `repository` and return them all."""
    repository.mkdir(parents=True, exist_ok=True)
    resolver = _StrictResolver()
    context = MavenContext(resolver, repository, local_repos=[], timeout=_DOWNLOAD_TIMEOUT_S)
    # raw: jgo otherwise imports each coordinate as a bill of materials, and the wishes of
    # log4j's parent (old Jackson, old Kafka clients) then win over what Kafka asks for.
    wanted = [
        context.create_dependency(replace(Coordinate.parse(text), scope="compile", raw=True))
        for text in coordinates
    ]
    try:
        named, needed = context.resolver.resolve(wanted)
        for failure in resolver.failures:
            raise failure
        kept = [*named, *(each for each in needed if each.scope in {"compile", "runtime"})]
        with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
            return list(pool.map(_fetch, [each.artifact for each in kept]))
    except OSError as error:  # what requests raises is an OSError too
        raise PartsUnavailableError(f"{coordinates[0]!r} and others: {error}") from error
    except RuntimeError as error:
        if "not found in remote" not in str(error):
            raise
        raise ArtifactMissingError(str(error)) from error


def download_one(repository: Path, coordinate: str) -> Path:
    """Fetch a jar that holds all that it needs, such as a program, and return it."""
    repository.mkdir(parents=True, exist_ok=True)
    context = MavenContext(
        _StrictResolver(), repository, local_repos=[], timeout=_DOWNLOAD_TIMEOUT_S
    )
    wanted = replace(Coordinate.parse(coordinate), scope="compile", raw=True)
    try:
        return _fetch(context.create_dependency(wanted).artifact)
    except OSError as error:
        raise PartsUnavailableError(f"{coordinate!r}: {error}") from error


def _fetch(artifact: Artifact) -> Path:
    """Return one artifact's jar, fetching it again where an earlier fetch was cut short."""
    kept = artifact.cached_path
    if kept is not None and kept.exists() and not zipfile.is_zipfile(kept):
        kept.unlink()
    jar = artifact.resolve()
    if not zipfile.is_zipfile(jar):
        jar.unlink()
        raise OSError(f"{jar.name} arrived cut short")
    return jar
