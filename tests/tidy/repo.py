"""What the tidy tests read of the repository."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDERS: Final = (
    "core",
    "converters",
    "transforms",
    "plugins/file",
    "plugins/s3",
    "plugins/kinesis",
    "plugins/jvm",
    "plugins/mq",
)
_SKIPPED: Final = frozenset({"__pycache__", "build", "dist", "node_modules"})


@cache
def project_files() -> tuple[Path, ...]:
    """Return the files that belong to the project: those git knows or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
        found = [ROOT / name for name in listed.decode().split("\0") if name]
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive
        found = [path for path in ROOT.rglob("*") if _belongs(path.relative_to(ROOT))]
    return tuple(sorted(path for path in found if path.is_file()))


def _belongs(path: Path) -> bool:
    hidden = any(part.startswith(".") and part != ".ci" for part in path.parts[:-1])
    return not hidden and not _SKIPPED.intersection(path.parts)


def texts() -> dict[str, str]:
    """Return the text files of the project by their path."""
    found = {}
    for path in project_files():
        data = path.read_bytes()
        if b"\0" not in data[:8192]:
            found[str(path.relative_to(ROOT))] = data.decode("utf-8", errors="replace")
    return found


def sources() -> dict[str, str]:
    """Return the modules of the packages by their path."""
    return {
        str(path.relative_to(ROOT)): path.read_text("utf-8")
        for folder in FOLDERS
        for path in sorted((ROOT / folder / "src").rglob("*.py"))
    }


def find(path: str) -> Path | None:
    """Return what a path names, in the repository or, in short, in one of the packages."""
    bases = [
        ROOT,
        ROOT / "core/src/penstock",
        ROOT / "core/src/penstock/runtime",
        *(ROOT / folder / "src" for folder in FOLDERS),
    ]
    return next((base / path for base in bases if (base / path).exists()), None)


def module_name(place: str) -> str:
    """Return the dotted name of a module's path."""
    inside = place.partition("/src/")[2].removesuffix(".py").removesuffix("/__init__")
    return inside.replace("/", ".")
