"""Paths to nested fields, ``field.syntax.version`` V2 (source: SingleFieldPath). Pure."""

from __future__ import annotations

from typing import Final

from penstock.errors import ConfigError, Problem

__all__ = ["parse_path"]

_DOT: Final = "."
_BACKTICK: Final = "`"


def parse_path(text: str, *, nested: bool) -> tuple[str, ...]:
    """Return the steps of a path; without ``nested`` (V1) the text is one step.

    A step in backticks may hold dots; in it, a backslash before a backtick that stands before a
    dot or the end makes it an ordinary character.

    Raises:
        ConfigError: a backtick is not closed.
    """
    if not nested or not text:
        return (text,)
    steps: list[str] = []
    i = 0
    while True:
        if text[i : i + 1] == _BACKTICK:
            step, i = _quoted(text, i)
        else:
            end = text.find(_DOT, i)
            end = len(text) if end < 0 else end
            step, i = text[i:end], end
        steps.append(step)
        if i >= len(text):
            return tuple(steps)
        i += 1  # the dot


def _quoted(text: str, start: int) -> tuple[str, int]:
    out: list[str] = []
    i = start + 1
    while i < len(text):
        closes = text[i] == _BACKTICK and text[i + 1 : i + 2] in ("", _DOT)
        if closes and out and out[-1] == "\\":
            out[-1] = _BACKTICK
        elif closes:
            return "".join(out), i + 1
        else:
            out.append(text[i])
        i += 1
    message = (
        f"Incomplete backtick pair in path: [{text}], consider adding a backslash before backtick "
        f"at position {start} to escape it"
    )
    raise ConfigError(Problem("field", message))
