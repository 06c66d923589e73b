"""File name templates with ``{{variables}}`` (source: Aiven's Template)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from penstock.errors import DataError

__all__ = ["OFFSET_MARK", "Template", "Variable"]

_VARIABLE: Final = re.compile(r"\{\{\s*(\w+)\s*(?::\s*(\w+)\s*=\s*(\w+)\s*)?\}\}", re.ASCII)
_UNITS: Final = ("yyyy", "MM", "dd", "HH")
_PARAMETERS: Final[Mapping[str, tuple[str, tuple[str, ...]] | None]] = {
    "topic": None,
    "partition": ("padding", ("true", "false")),
    "start_offset": ("padding", ("true", "false")),
    "timestamp": ("unit", _UNITS),
    "key": None,
    "path": None,
}
OFFSET_MARK: Final = "\0"
"""Stands around the width of the start offset in the path of a template, which comes later."""


@attrs.frozen
class Variable:
    """A variable and its parameter, empty without one."""

    name: str
    parameter: str = ""


@attrs.frozen
class Template:
    """A template in its parts: texts and variables, in order."""

    parts: Sequence[str | Variable]

    @classmethod
    def of(cls, text: str) -> Template:
        """Read a template.

        Raises:
            DataError: a variable or a parameter is unknown, or braces do not pair.
        """
        parts: list[str | Variable] = []
        end = 0
        for match in _VARIABLE.finditer(text):
            parts.append(text[end : match.start()])
            parts.append(_variable(match))
            end = match.end()
        parts.append(text[end:])
        if any(isinstance(part, str) and ("{{" in part or "}}" in part) for part in parts):
            raise DataError(f"file name template {text!r}: braces that are no {{{{variable}}}}")
        return cls(tuple(part for part in parts if part))

    @property
    def variables(self) -> frozenset[str]:
        """The names of the variables in it."""
        return frozenset(part.name for part in self.parts if isinstance(part, Variable))


def _variable(match: re.Match[str]) -> Variable:
    name, parameter, value = match[1], match[2], match[3]
    if name not in _PARAMETERS:
        known = ", ".join(_PARAMETERS)
        raise DataError(f"file name template: no variable '{name}'; known: {known}")
    allowed = _PARAMETERS[name]
    if parameter is None:
        if name == "timestamp":
            raise DataError("file name template: write {{timestamp:unit=yyyy}}, or MM, dd, HH")
        return Variable(name)
    if allowed is None or parameter != allowed[0] or value not in allowed[1]:
        takes = "none" if allowed is None else f"{allowed[0]}={'|'.join(allowed[1])}"
        raise DataError(
            f"file name template: '{name}' does not take {parameter}={value}; it takes {takes}"
        )
    return Variable(name, value)
