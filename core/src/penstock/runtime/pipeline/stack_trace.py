"""The trace of an error as text, for many bad records of the same cause.

The standard library parses the source again for each frame to mark what failed in it, which takes
half a millisecond an error; here a line of source is looked up once.
"""

from __future__ import annotations

import linecache
from types import CodeType
from typing import Final

__all__ = ["stack_trace"]

LINES_CACHED_MAX: Final = 4_096
CHAIN_MAX: Final = 10
"""Errors behind an error that are told, the nearest ones."""

_CAUSE: Final = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"
_lines: dict[tuple[CodeType, int], str] = {}
"""Any thread may fill it: the same key always has the same text."""


def stack_trace(error: BaseException) -> str:
    """Return what Python would print of an error and those behind it, without marks under lines."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(seen) < CHAIN_MAX:
        seen.add(id(current))
        parts.append(_one(current))
        behind, words = current.__cause__, _CAUSE
        if behind is None and not current.__suppress_context__:
            behind, words = current.__context__, _CONTEXT
        if behind is not None:
            parts.append(words)
        current = behind
    if parts[-1] in (_CAUSE, _CONTEXT):
        del parts[-1]
    return "".join(reversed(parts))


def _one(error: BaseException) -> str:
    lines = ["Traceback (most recent call last):\n"]
    trace = error.__traceback__
    if trace is None:
        lines.clear()
    while trace is not None:
        lines.append(_line(trace.tb_frame.f_code, trace.tb_lineno))
        trace = trace.tb_next
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "__main__"):
        name = f"{kind.__module__}.{name}"
    text = str(error)
    lines.append(f"{name}: {text}\n" if text else f"{name}\n")
    lines.extend(f"{note}\n" for note in getattr(error, "__notes__", ()))
    return "".join(lines)


def _line(code: CodeType, number: int) -> str:
    known = _lines.get((code, number))
    if known is None:
        if len(_lines) >= LINES_CACHED_MAX:
            _lines.clear()
        source = linecache.getline(code.co_filename, number).strip()
        known = f'  File "{code.co_filename}", line {number}, in {code.co_name}\n'
        if source:
            known += f"    {source}\n"
        _lines[code, number] = known
    return known
