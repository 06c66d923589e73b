"""Java's replacements for what a regular expression found. Pure."""

from __future__ import annotations

import re

from penstock.errors import DataError

__all__ = ["replacement"]


def replacement(template: str, found: re.Match[str]) -> str:
    """Return a Java replacement for a match: ``$1``, ``${name}``, and backslash for literals.

    Raises:
        DataError: it names a group that the pattern does not have, or ends in the middle.
    """
    out: list[str] = []
    i = 0
    while i < len(template):
        char = template[i]
        if char == "\\":
            if i + 1 >= len(template):
                raise DataError("the replacement ends with a backslash; double it to mean one")
            out.append(template[i + 1])
            i += 2
        elif char == "$":
            text, i = _group(template, i + 1, found)
            out.append(text)
        else:
            out.append(char)
            i += 1
    return "".join(out)


def _group(template: str, i: int, found: re.Match[str]) -> tuple[str, int]:
    if template[i : i + 1] == "{":
        end = template.find("}", i)
        name = template[i + 1 : end]
        if end < 0 or name not in found.re.groupindex:
            raise DataError(f"the replacement names the group '{name}', which the regex has not")
        return found.group(name) or "", end + 1
    if not template[i : i + 1].isascii() or not template[i : i + 1].isdigit():
        raise DataError(
            "in a replacement, $ is followed by a group's number; write \\$ for a dollar"
        )
    number, end = int(template[i]), i + 1
    if number > found.re.groups:
        raise DataError(f"the replacement names group {number}, the regex has {found.re.groups}")
    # As Java does: more digits belong to the number while such a group exists.
    while end < len(template) and template[end].isascii() and template[end].isdigit():
        longer = number * 10 + int(template[end])
        if longer > found.re.groups:
            break
        number, end = longer, end + 1
    return found.group(number) or "", end
