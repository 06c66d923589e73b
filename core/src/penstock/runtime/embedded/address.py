"""``embedded:PATH?option=value`` as a value. Pure: no file is touched."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from penstock.errors import ConfigError, Problem, did_you_mean

__all__ = ["SCHEME", "Address", "Durability", "parse_address"]

SCHEME: Final = "embedded:"
_KEY: Final = "bootstrap.servers"
_OPTIONS: Final = ("durability", "retention.bytes")


class Durability(enum.Enum):
    """What an acknowledged batch survives.

    POWER: a loss of power too; each commit waits for the disk (``synchronous=FULL``). It is the
    default: a source's offsets file is synced, so a log that forgot its last batches would have
    a hole that nobody fills. It costs one disk sync a commit, 0.3 ms on an SSD, shared by all
    rows sent since the last poll.
    PROCESS: the end of every process (``kill -9``), not of the machine (``synchronous=NORMAL``).
    """

    POWER = "power"
    PROCESS = "process"


@attrs.frozen
class Address:
    """Where the log is and how it is kept.

    Attributes:
        path: the file, as written; ``~`` and relative paths are resolved when it is opened.
        durability: what an acknowledged batch survives.
        retention_bytes: what each partition keeps at least, older segments are deleted; None
            keeps everything.
    """

    path: Path
    durability: Durability = Durability.POWER
    retention_bytes: int | None = None


def parse_address(text: str) -> Address:
    """Return the address in ``embedded:PATH?option=value&option=value``; the scheme may lack.

    The path ends at the first ``?``; nothing in it is decoded.

    Raises:
        ConfigError: with every problem of the text.
    """
    path, _, query = text.strip().removeprefix(SCHEME).partition("?")
    found: dict[str, str] = {}
    problems: list[str] = []
    if not path or "\0" in path:
        problems.append(f"names no file, got '{text}'; write {SCHEME}PATH")
    for option in filter(None, query.split("&")):
        name, _, value = option.partition("=")
        if name not in _OPTIONS:
            near = did_you_mean(name, _OPTIONS)
            problems.append(f"has an unknown option '{name}'{near}; known: {', '.join(_OPTIONS)}")
        elif name in found:
            problems.append(f"has the option '{name}' twice; keep one")
        else:
            found[name] = value
    problems.extend(_wrong_values(found))
    if problems:
        raise ConfigError([Problem(_KEY, f"'{_KEY}' {problem}") for problem in problems])
    retention = int(found.get("retention.bytes", "-1"))
    return Address(
        path=Path(path),
        durability=Durability(found.get("durability", Durability.POWER.value)),
        retention_bytes=None if retention < 0 else retention,
    )


def _wrong_values(found: dict[str, str]) -> Iterator[str]:
    known = [one.value for one in Durability]
    durability = found.get("durability", known[0])
    if durability not in known:
        near = did_you_mean(durability, known)
        yield f"has durability '{durability}'{near}; known: {', '.join(known)}"
    retention = found.get("retention.bytes", "-1")
    if retention != "-1" and not (retention.isascii() and retention.isdecimal()):
        yield f"has retention.bytes '{retention}'; write a number of bytes, or -1 to keep all"
