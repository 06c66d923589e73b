"""Distributions as pip leaves them: a package beside a ``dist-info`` with its metadata."""

from __future__ import annotations

import textwrap
from pathlib import Path

TRANSFORM = """
    from penstock.api import transform
    from penstock.config import key

    @transform("redact")
    def Redact(record, *, field: str = key(doc="Field to hide.")):
        return record
"""


def install(
    site: Path, name: str, entry_points: str, *, version: str = "1.0", code: str | None = TRANSFORM
) -> None:
    """Put a distribution and its module ``name`` into a folder that is, or will be, on the path."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n"
    )
    (info / "entry_points.txt").write_text(textwrap.dedent(entry_points))
    (info / "RECORD").write_text("")
    if code is not None:
        (site / f"{name}.py").write_text(textwrap.dedent(code))
