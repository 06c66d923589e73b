"""Unpacked packages of Java connectors, fetched by Maven once and kept in the cache."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

from tests.parts.maven import PartsUnavailableError, cache_dir, cache_lock

__all__ = ["DEBEZIUM_POSTGRES", "plugin_archive"]

DEBEZIUM_POSTGRES = "io.debezium:debezium-connector-postgres:3.6.1.Final"
_FETCH_S = 300


def plugin_archive(coordinate: str) -> Path:
    """Return the folder of an unpacked ``plugin`` archive (tar.gz) of ``group:artifact:version``.

    Raises:
        PartsUnavailableError: there is no Maven here, or it cannot fetch the archive.
    """
    group, artifact, version = coordinate.split(":")
    folder = cache_dir() / "packages" / f"{artifact}-{version}"
    with cache_lock(f"package-{artifact}-{version}"):
        if not folder.is_dir():
            draft = folder.with_name(f"{folder.name}.draft")
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            try:
                fetched = _fetched(group, artifact, version, draft / "repository")
                with tarfile.open(fetched) as archive:
                    archive.extractall(draft / "package", filter="data")
                (draft / "package").replace(folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    return folder


def _fetched(group: str, artifact: str, version: str, repository: Path) -> Path:
    command = [
        "mvn",
        "-q",
        "-B",
        "dependency:get",
        "-Dtransitive=false",
        f"-Dartifact={group}:{artifact}:{version}:tar.gz:plugin",
        f"-Dmaven.repo.local={repository}",
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_FETCH_S)
    except FileNotFoundError as problem:
        raise PartsUnavailableError("there is no mvn here") from problem
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as problem:
        raise PartsUnavailableError(f"{artifact} {version}: {problem.stdout!r}") from problem
    name = f"{artifact}-{version}-plugin.tar.gz"
    return repository / group.replace(".", "/") / artifact / version / name
