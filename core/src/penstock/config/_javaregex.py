"""Java's regular expressions in terms of Python's. Pure.

Python's ``re`` knows most of Java's syntax. What it spells otherwise is translated; what it does
not know is refused by name, never matched differently in silence.
"""

from __future__ import annotations

import re
from typing import Any, Final

__all__ = ["compile_java", "regex_problem"]

_CLASSES: Final = {
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Upper": "A-Z",
    "Lower": "a-z",
    "Punct": "!-/:-@\\[-`{-~",
    "Space": " \\t\\n\\x0b\\f\\r",
    "XDigit": "0-9a-fA-F",
    "ASCII": "\\x00-\\x7f",
}
_SIMPLE: Final = {
    "h": "[ \\t\\xa0]",
    "R": "(?:\\r\\n|[\\n\\x0b\\f\\r\\x85\\u2028\\u2029])",
    "z": "\\Z",
}
_REPEAT: Final = re.compile(r"\{\d+(?:,\d*)?\}")


def compile_java(pattern: str) -> re.Pattern[str]:
    """Return the compiled pattern; raises ValueError naming what cannot be translated."""
    try:
        return re.compile(_translated(pattern))
    except re.error as problem:
        raise ValueError(f"not a regular expression: {problem}") from problem


def regex_problem(name: str, pattern: Any) -> str | None:
    """Return what is wrong with a pattern, or None; a validator of configuration keys."""
    try:
        compile_java(pattern)
    except ValueError as problem:
        return str(problem)
    return None


def _translated(pattern: str) -> str:
    out: list[str] = []
    i = 0
    in_class = False
    while i < len(pattern):
        if pattern.startswith("\\Q", i):
            end = pattern.find("\\E", i + 2)
            literal = pattern[i + 2 :] if end < 0 else pattern[i + 2 : end]
            out.append(re.escape(literal))
            i = len(pattern) if end < 0 else end + 2
        elif pattern[i] == "\\" and i + 1 < len(pattern):
            text, i = _escape(pattern, i, in_class=in_class)
            out.append(text)
        elif pattern.startswith("(?<", i) and pattern[i + 3 : i + 4] not in ("=", "!"):
            out.append("(?P<")
            i += 3
        elif in_class and pattern.startswith("&&", i):
            raise ValueError("intersections of character classes (&&) are not supported")
        elif not in_class and pattern[i] == "{" and not _REPEAT.match(pattern, i):
            # Python takes it for the character.
            raise ValueError("a '{' that begins no repetition such as {2,3}; write \\{")
        else:
            in_class = pattern[i] == "[" or (in_class and pattern[i] != "]")
            out.append(pattern[i])
            i += 1
    return "".join(out)


def _escape(pattern: str, i: int, *, in_class: bool) -> tuple[str, int]:
    letter = pattern[i + 1]
    if letter in "pP":
        name, end = _property(pattern, i + 2)
        body = _CLASSES.get(name)
        if body is None:
            raise ValueError(f"the character property \\{letter}{{{name}}} is not supported")
        if in_class:
            if letter == "P":
                raise ValueError("negated properties inside a character class are not supported")
            return body, end
        return f"[{'^' if letter == 'P' else ''}{body}]", end
    if letter == "k":
        end = pattern.index(">", i)
        return f"(?P={pattern[i + 3 : end]})", end + 1
    if letter in "dDwWsS" and not in_class:
        # Java's are ASCII unless told otherwise.
        return f"(?a:\\{letter})", i + 2
    if letter in _SIMPLE:
        return _SIMPLE[letter], i + 2
    if letter in "GXHVv":
        raise ValueError(f"the escape \\{letter} is not supported")
    return pattern[i : i + 2], i + 2


def _property(pattern: str, i: int) -> tuple[str, int]:
    if pattern[i : i + 1] == "{" and "}" in pattern[i:]:
        end = pattern.index("}", i)
        return pattern[i + 1 : end], end + 1
    return pattern[i : i + 1], i + 1
