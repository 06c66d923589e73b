"""Parse JSON as leniently, and as strictly, as Jackson does for Connect.

The fast way is msgspec; this is for what it refuses. Jackson finds the encoding by the first
bytes (UTF-8, UTF-16 or UTF-32, with or without a mark), ignores what follows the first value,
keeps the last of members of one name, and lets numbers begin with zeros.
(source: JsonDeserializer, Jackson's ByteSourceJsonBootstrapper and UTF8StreamJsonParser)
"""

from __future__ import annotations

import codecs
import decimal
import math
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # the C scanner of strings
from typing import Any, Final

from penstock.errors import DataError
from penstock_converters._json_write import DEPTH_MAX

__all__ = ["EMPTY", "parse_bare", "parse_exact"]

EMPTY: Final[Any] = object()
"""What bytes without any JSON value are parsed to."""

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_NUMBER: Final = re.compile(r"(-?)0*([0-9]+)((?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)", re.ASCII)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_WORDS: Final = {"null": None, "true": True, "false": False}
_WORD: Final = re.compile(r"(null|true|false)(?![A-Za-z0-9_\x01\x7f-\U0010ffff])")
_NUMBER_DIGITS_MAX: Final = 1000
_NAME_MAX: Final = 50_000
_INT64_END: Final = 1 << 63
_SCALE_END: Final = 1 << 31
_AROUND: Final = 20
_END: Final = "\0"
# Stands for bytes that cannot be decoded; nowhere in JSON may it stand itself.
_UNREADABLE: Final = "\1"


def parse_exact(data: bytes | memoryview, part: str = "") -> Any:
    """Return the first JSON value: integers as int, other numbers as ``decimal.Decimal``.

    Args:
        data: the JSON.
        part: what part of a record that is, for the message; empty for all of it.

    Raises:
        DataError: it is no JSON; the message says where.
    """
    return _Parser(_decoded(bytes(data)), part, bare=False).parse()


def parse_bare(data: bytes | memoryview, part: str = "") -> Any:
    """Return the first JSON value as Connect reads it without a schema: INT64s and FLOAT64s.

    Args:
        data: the JSON.
        part: what part of a record that is, for the message; empty for all of it.

    Raises:
        DataError: it is no JSON, or a number does not fit.
    """
    return _Parser(_decoded(bytes(data)), part, bare=True).parse()


def _decoded(data: bytes) -> str:
    name = _encoding_of(data[:4])
    try:
        return data.decode(name)
    except UnicodeDecodeError as problem:
        # It matters only where the value did not end before.
        return data[: problem.start].decode(name) + _UNREADABLE


def _encoding_of(head: bytes) -> str:
    for mark, name in _MARKS:
        # Jackson looks for marks in four bytes, not in fewer.
        if head.startswith(mark) and len(head) == 4:  # noqa: PLR2004
            return name
    zeros = bytes(1 if byte == 0 else 0 for byte in head)
    if len(head) == 4:  # noqa: PLR2004 - what one character takes in UTF-32
        if zeros.startswith(b"\1\1\1"):
            return "utf-32-be"
        if zeros.endswith(b"\1\1\1"):
            return "utf-32-le"
    if zeros.startswith(b"\1\0"):
        return "utf-16-be"
    return "utf-16-le" if zeros.startswith(b"\0\1") else "utf-8"


_MARKS: Final = (
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)


class _Parser:
    """Walks one text. Containers that are open stand on a list, so depth costs no stack."""

    def __init__(self, text: str, part: str, *, bare: bool) -> None:
        self._start = f"{part}: " if part else ""
        # The end mark spares a check of the length at every character.
        self._text = text + _END
        self._at = 0
        self._bare = bare
        self._open: list[tuple[Any, str]] = []

    def parse(self) -> Any:
        """Return the first value, or EMPTY."""
        if self._next() == _END and self._at == len(self._text) - 1:
            return EMPTY
        while True:
            value, complete = self._value()
            while complete:
                if not self._open:
                    return value
                value, complete = self._attached(value)

    def _next(self) -> str:
        """Skip blanks and return the character that follows."""
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match is not None else self._at
        return self._text[self._at]

    def _malformed(self, why: str) -> DataError:
        near = self._text[max(0, self._at - _AROUND) : self._at + _AROUND].rstrip(_END)
        if near.endswith(_UNREADABLE):
            near, why = near.rstrip(_UNREADABLE), f"{why}, or bytes that are no text"
        return DataError(
            f"{self._start}JSON is malformed: {why} at character {self._at}, near {near!r}"
        )

    def _value(self) -> tuple[Any, bool]:
        """Read a value; of a container only its begin, unless it is empty."""
        first = self._next()
        if first == '"':
            return self._string(), True
        if first in "{[":
            return self._opened(first)
        if first == "-" or "0" <= first <= "9":
            return self._number(), True
        match = _WORD.match(self._text, self._at)
        if match is None:
            raise self._malformed("a value is missing")
        self._at = match.end()
        return _WORDS[match[1]], True

    def _string(self) -> str:
        try:
            text, self._at = scanstring(self._text, self._at + 1, True)
        except ValueError as problem:
            raise self._malformed("the text is not closed, or has a wrong escape") from problem
        return str(text)

    def _number(self) -> Any:
        match = _NUMBER.match(self._text, self._at)
        if match is None:
            raise self._malformed("the number has no digits")
        sign, whole, rest = match[1], match[2], match[3]
        if sum(map(str.isdigit, whole + rest)) > _NUMBER_DIGITS_MAX:
            raise self._malformed(f"the number has more than {_NUMBER_DIGITS_MAX} digits")
        end = match.end()
        if not self._open and self._text[end] not in " \t\r\n" and end < len(self._text) - 1:
            raise self._malformed("the number does not end")
        number = self._made(sign + whole, rest)
        self._at = end
        return number

    def _made(self, whole: str, rest: str) -> Any:
        if not rest:
            integer = int(whole)
            if self._bare and not -_INT64_END <= integer < _INT64_END:
                raise self._malformed("the integer is beyond 64 bits")
            return integer
        try:
            exact = decimal.Decimal(whole + rest)
        except decimal.InvalidOperation:
            raise self._malformed("the exponent is too large") from None
        exponent = exact.as_tuple().exponent
        if not isinstance(exponent, int) or not -_SCALE_END < exponent <= _SCALE_END:
            raise self._malformed("the exponent is too large")
        if not self._bare:
            return exact
        number = float(whole + rest)
        if math.isinf(number):
            raise self._malformed("the number is beyond a double")
        return number

    def _opened(self, bracket: str) -> tuple[Any, bool]:
        if len(self._open) >= DEPTH_MAX:
            raise self._malformed(f"nested deeper than {DEPTH_MAX} levels")
        self._at += 1
        container: Any = {} if bracket == "{" else []
        closing = "}" if bracket == "{" else "]"
        if self._next() == closing:
            self._at += 1
            return container, True
        self._open.append((container, self._name() if bracket == "{" else ""))
        return None, False

    def _name(self) -> str:
        """Read a member's name and the colon behind it."""
        if self._next() != '"':
            raise self._malformed("the name of a member is missing")
        name = self._string()
        if len(name) > _NAME_MAX:
            raise self._malformed(f"the name of a member has more than {_NAME_MAX} characters")
        if _SURROGATE.search(name):
            raise self._malformed("half of a surrogate pair stands in the name of a member")
        if self._next() != ":":
            raise self._malformed("a colon is missing")
        self._at += 1
        return name

    def _attached(self, value: Any) -> tuple[Any, bool]:
        """Put a complete value where it belongs; return the container when that ends it."""
        container, name = self._open[-1]
        is_object = isinstance(container, dict)
        if is_object:
            container[name] = value
        else:
            container.append(value)
        following = self._next()
        if following == ",":
            self._at += 1
            if is_object:
                self._open[-1] = (container, self._name())
            return None, False
        if following != ("}" if is_object else "]"):
            raise self._malformed("a comma or the closing bracket is missing")
        self._at += 1
        self._open.pop()
        return container, True
