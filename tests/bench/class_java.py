"""A separate Java process that runs Kafka's own classes in a loop; see ``java/ClassBench.java``.

The Java source is compiled at run time by the Eclipse compiler, a jar: a runtime has no compiler.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from tests.bench.class_cases import Case
from tests.parts import jvm_connect
from tests.parts.java import java_command, java_executable, write_logging
from tests.parts.maven import class_path

__all__ = ["JavaLoop", "java_loop"]

COMPILER: Final = "org.eclipse.jdt:ecj:3.42.0"
SOURCE: Final = Path(__file__).parent / "java" / "ClassBench.java"


@attrs.define
class JavaLoop:
    """The running Java process, asked line by line."""

    process: subprocess.Popen[str]

    def _ask(self, *parts: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\t".join(parts) + "\n")
        self.process.stdin.flush()
        kind, _, answer = self.process.stdout.readline().strip().partition(" ")
        if kind not in {"digest", "rate"}:
            raise RuntimeError(f"java: {parts[:4]}: {answer or 'ended'}")
        return answer

    def prepare(self, case: Case, rows: int) -> str:
        """Make the object and its records; return the digest of what it makes of them."""
        pairs = [f"{key}={value}" for key, value in case.config.items()]
        return self._ask("case", case.name, case.kind, case.plugin, case.dataset, str(rows), *pairs)

    def run(self, name: str, seconds: float) -> float:
        """Return records a second over so many seconds."""
        return float(self._ask("run", name, str(seconds)))


def _compiled(folder: Path, jars: Sequence[Path]) -> Path:
    classes = folder / "classes"
    compiler = [str(java_executable()), "-cp", str(class_path([COMPILER])[0])]
    command = [
        *(*compiler, "org.eclipse.jdt.internal.compiler.batch.Main"),
        *("-source", "17", "-target", "17", "-nowarn", "-proc:none", "-encoding", "UTF-8"),
        *("-cp", os.pathsep.join(map(str, jars)), "-d", str(classes), str(SOURCE)),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{SOURCE.name}: {done.stdout}{done.stderr}")
    return classes


@contextlib.contextmanager
def java_loop(folder: Path) -> Iterator[JavaLoop]:
    """Compile and run the loop until the block ends; ``folder`` takes the classes."""
    jars = jvm_connect.class_path()
    command = java_command(
        "ClassBench",
        class_path=[_compiled(folder, jars), *jars],
        heap="1g",
        flags=("-Duser.timezone=UTC",),
        log_settings=write_logging(folder / "log4j2.properties", "ERROR"),
    )
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    try:
        yield JavaLoop(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
