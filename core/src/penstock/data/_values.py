"""Values as plain text and back, as headers carry them (source: Values of the data package).

Text is cut into tokens at ``: , { } [ ] "`` unless a backslash stands before them. A token, or an
array or map of them, is read as the smallest type that keeps all of it; whatever is none of these
is a string. Moments are read and written in UTC, where the original takes the zone of its JVM.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import math
import re
from collections.abc import Callable
from typing import Any, Final

from penstock.data._javadate import CalendarFields, days_of, moment_ms
from penstock.data._javatext import decimal_text, double_text, float_text, to_float32
from penstock.data._logical import Date, Decimal, EpochMillis, Time, Timestamp
from penstock.data._schema import Schema, Type
from penstock.errors import DataError

__all__ = ["parse_text", "plain_text"]

Parsed = tuple[Schema | None, Any]

_DEPTH_MAX: Final = 100
_DAY_MS: Final = 86_400_000
_SCALE_END: Final = 1 << 31
_LONG_DIGITS: Final = 19
_NUMBER_DIGITS_MAX: Final = 1000
_TOKEN: Final = re.compile(r'[:,{}\[\]"]|(?:[^:,{}\[\]"\\]|\\.|\\$)+', re.DOTALL)
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,10})?", re.ASCII)
_ESCAPED: Final = re.compile(r'\\(["\\])')
_TO_ESCAPE: Final = re.compile(r'["\\]')
_DATE: Final = re.compile(r"[ \t]*(\d+)-[ \t]*(\d+)-[ \t]*(\d+)", re.ASCII)
_CLOCK: Final = re.compile(r"[ \t]*(\d+):[ \t]*(\d+):[ \t]*(\d+)\.[ \t]*(\d+)Z", re.ASCII)
_DATE_LENGTH: Final = len("yyyy-MM-dd")
_TIME_LENGTH: Final = len("HH:mm:ss.SSSZ")
_TIMESTAMP_LENGTH: Final = len("yyyy-MM-ddTHH:mm:ss.SSSZ")
_TIME_TOKENS: Final = 5
_BLANKS: Final = "".join(map(chr, range(33)))
"""What ``String.trim`` of Java takes away; Python's blanks of Unicode are not among it."""
_LITERALS: Final[dict[str, Parsed]] = {
    "null": (None, None),
    "true": (Schema.BOOLEAN, True),
    "false": (Schema.BOOLEAN, False),
}
_INTEGERS: Final = (
    (7, Schema.INT8),
    (15, Schema.INT16),
    (31, Schema.INT32),
    (63, Schema.INT64),
)


class _NoValueError(Exception):
    """The text is no array or map; it is a string then."""


def parse_text(text: str) -> Parsed:
    """Return the schema and the value that a text stands for; never fails.

    Arrays and maps whose parts have no type in common have no schema.
    """
    if not text:
        return Schema.STRING, text
    try:
        tokens = _Tokens(text)
        found = _literal_or_container(tokens, depth=0) or _token_value(tokens)
    except _NoValueError:
        found = None
    # The original forgets what follows a number or an array; it belongs to the text.
    if found is None or tokens.left().strip(_BLANKS):
        return Schema.STRING, text
    return found


class _Tokens:
    """The tokens of a text, blank ones joined to what follows, and a place among them."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        self.at = 0

    def peek(self) -> str | None:
        """Return the next token without blanks around it, or None at the end."""
        while self.at < len(self._tokens) - 1 and not self._tokens[self.at].strip(_BLANKS):
            self.at += 1
        return self._tokens[self.at].strip(_BLANKS) if self.at < len(self._tokens) else None

    def take(self, expected: str) -> bool:
        """Go past the next token if it is this one."""
        if self.peek() != expected:
            return False
        self.at += 1
        return True

    def raw(self) -> str:
        """Go past the next token and return it as it stands."""
        if self.at >= len(self._tokens):
            raise _NoValueError
        self.at += 1
        return str(self._tokens[self.at - 1])

    def ahead(self, count: int) -> str | None:
        """Return as many tokens as one text, or None when there are fewer."""
        found = self._tokens[self.at : self.at + count]
        return "".join(found) if len(found) == count else None

    def left(self) -> str:
        """Return what was not looked at."""
        return "".join(self._tokens[self.at :])


def _literal_or_container(tokens: _Tokens, depth: int) -> Parsed | None:
    """Read null, a flag, an array or a map, or return None with nothing read."""
    token = tokens.peek()
    if token in _LITERALS:
        tokens.at += 1
        return _LITERALS[token]
    if token not in ("[", "{"):
        return None
    if depth > _DEPTH_MAX:
        raise _NoValueError
    tokens.at += 1
    return _array(tokens, depth) if token == "[" else _map(tokens, depth)  # noqa: S105 - a bracket


def _embedded(tokens: _Tokens, depth: int) -> Parsed:
    if tokens.take('"'):
        return _quoted(tokens)
    found = _literal_or_container(tokens, depth + 1) or _token_value(tokens)
    if found is None:
        raise _NoValueError
    return found


def _quoted(tokens: _Tokens) -> Parsed:
    content = ""
    while (token := tokens.raw()) != '"':
        content += token
    return _temporal(content) or (Schema.STRING, _ESCAPED.sub(r"\1", content))


def _array(tokens: _Tokens, depth: int) -> Parsed:
    elements: list[Parsed] = []
    while not tokens.take("]"):
        elements.append(_embedded(tokens, depth))
        if tokens.peek() != "]" and not tokens.take(","):
            raise _NoValueError
    schema, values = _aligned(elements)
    return (None if schema is None else Schema.array(schema)), values


def _map(tokens: _Tokens, depth: int) -> Parsed:
    keys: list[Parsed] = []
    elements: list[Parsed] = []
    while not tokens.take("}"):
        key = _embedded(tokens, depth)
        if key[1] is None or isinstance(key[1], list | dict) or not tokens.take(":"):
            raise _NoValueError
        keys.append(key)
        elements.append(_embedded(tokens, depth))
        tokens.take(",")
    key_schema, names = _aligned(keys)
    schema, values = _aligned(elements)
    found = dict(zip(names, values, strict=True))
    if key_schema is None or schema is None:
        return None, found
    return Schema.map(key_schema, schema), found


def _aligned(parts: list[Parsed]) -> tuple[Schema | None, list[Any]]:
    """Return the one schema that holds all parts, and the parts in its form."""
    values = [value for _, value in parts]
    schemas = [schema for schema, value in parts if value is not None]
    if not schemas or None in schemas:
        return None, values
    common = schemas[0]
    for schema in schemas[1:]:
        if common is not None and schema is not None and common != schema:
            common = _common_number(common, schema)
    if common is None:
        return None, values
    if common.type in (Type.FLOAT32, Type.FLOAT64):
        common, values = _as_floats(common, parts)
    if common is not None and None in values:
        common = common.as_optional()
    return common, values


def _common_number(one: Schema, other: Schema) -> Schema | None:
    if one not in _WIDTHS or other not in _WIDTHS:
        return None
    return max(one, other, key=_WIDTHS.index)


_WIDTHS: Final = [*(schema for _, schema in _INTEGERS), Schema.FLOAT32, Schema.FLOAT64]


def _as_floats(common: Schema, parts: list[Parsed]) -> tuple[Schema | None, list[Any]]:
    """Return numbers as floats of the width that keeps each of them; no schema if none does."""
    exact = [None if value is None else _exact(schema, value) for schema, value in parts]
    for schema in (common, Schema.FLOAT64):
        shown = [value if value is None else _as_float(schema, value) for value in exact]
        if all(a is None or _exact(schema, b) == a for a, b in zip(exact, shown, strict=True)):
            return schema, shown
    return None, [value for _, value in parts]


def _exact(schema: Schema | None, value: Any) -> decimal.Decimal:
    """Return the digits of a number as they would be written."""
    if schema is not None and schema.type is Type.FLOAT32:
        return decimal.Decimal(float_text(value))
    return decimal.Decimal(repr(value))


def _as_float(schema: Schema, value: decimal.Decimal) -> float:
    number = float(value)
    return to_float32(number) if schema.type is Type.FLOAT32 else number


def _token_value(tokens: _Tokens) -> Parsed | None:
    """Read a moment or a number, or return None."""
    token = tokens.peek()
    if not token or not (token[0].isdigit() or token[0] in "+-"):
        return None
    # An unescaped colon parts a time, and so a timestamp, into five tokens.
    together = tokens.ahead(_TIME_TOKENS) if token[0].isdigit() else None
    found = None if together is None else _temporal(together.lstrip(_BLANKS))
    if found is not None:
        tokens.at += _TIME_TOKENS
        return found
    found = (_temporal(token) if token[0].isdigit() else None) or _number(token)
    if found is not None:
        tokens.at += 1
    return found


def _number(token: str) -> Parsed | None:
    if len(token) > _NUMBER_DIGITS_MAX or not _NUMBER.fullmatch(token):
        return None
    exact = decimal.Decimal(token)
    exponent = exact.as_tuple().exponent
    if not isinstance(exponent, int) or not -_SCALE_END < exponent <= _SCALE_END:
        return None
    if exact.adjusted() < _LONG_DIGITS and (exponent >= 0 or exact == exact.to_integral_value()):
        integer = int(exact)
        for bits, schema in _INTEGERS:
            if -(1 << bits) <= integer < 1 << bits:
                return schema, integer
    if exponent != 0:
        for schema in (Schema.FLOAT32, Schema.FLOAT64):
            number = _as_float(schema, exact)
            if math.isfinite(number) and _exact(schema, number) == exact:
                return schema, number
    return Decimal.schema(-exponent), exact


def _temporal(text: str) -> Parsed | None:
    """Read a moment, known by its length; as in Java, month 13 is the next January."""
    text = text.replace("\\:", ":")
    if len(text) == _DATE_LENGTH:
        match = _DATE.match(text)
        return None if match is None else _checked(Date.SCHEMA, Date.from_days, _days(match))
    if len(text) == _TIME_LENGTH:
        match = _CLOCK.match(text)
        return None if match is None else _checked(Time.SCHEMA, Time.from_ms, _clock_ms(match))
    if len(text) != _TIMESTAMP_LENGTH:
        return None
    date = _DATE.match(text)
    clock = _CLOCK.match(text, date.end() + 1) if date is not None else None
    if date is None or clock is None or text[date.end()] != "T":
        return None
    return _checked(Timestamp.SCHEMA, Timestamp.from_ms, _days(date) * _DAY_MS + _clock_ms(clock))


def _checked(schema: Schema, make: Callable[[int], Any], number: int) -> Parsed | None:
    try:
        return schema, make(number)
    except DataError:
        return None


def _days(match: re.Match[str]) -> int:
    return days_of(int(match[1]), int(match[2]), int(match[3]))


def _clock_ms(match: re.Match[str]) -> int:
    hours, minutes, seconds, millis = (int(match[i]) for i in range(1, 5))
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + millis


def plain_text(schema: Schema | None, value: Any, *, embedded: bool = False, depth: int = 0) -> str:
    """Return the text of a value (source: Values.convertToString).

    Raises:
        DataError: it has a class that Connect does not know, or is nested too deep.
    """
    if depth > _DEPTH_MAX:
        raise DataError(f"nested deeper than {_DEPTH_MAX} levels")
    if value is None:
        return "null"
    if isinstance(value, str):
        return _in_quotes(_TO_ESCAPE.sub(r"\\\g<0>", value)) if embedded else value
    if isinstance(value, bytes | bytearray | memoryview):
        text = base64.b64encode(value).decode("ascii")
        return _in_quotes(text) if embedded else text
    if isinstance(value, list | tuple):
        element = None if schema is None else schema.value_schema
        parts = (plain_text(element, one, embedded=True, depth=depth + 1) for one in value)
        return f"[{','.join(parts)}]"
    if isinstance(value, dict):
        return _dict_text(schema, value, depth)
    return _scalar_text(schema, value)


def _in_quotes(text: str) -> str:
    return f'"{text}"'


def _dict_text(schema: Schema | None, value: dict[Any, Any], depth: int) -> str:
    pairs: list[tuple[Schema | None, Any, Schema | None, Any]]
    if schema is not None and schema.type is Type.STRUCT:
        pairs = []
        for field in schema.fields:
            one = value.get(field.name)
            one = field.schema.default if one is None else one
            pairs.append((None, field.name, field.schema, one))
    else:
        key = None if schema is None else schema.key_schema
        element = None if schema is None else schema.value_schema
        pairs = [(key, name, element, one) for name, one in value.items()]
    parts = (
        plain_text(key, name, embedded=True, depth=depth + 1)
        + ":"
        + plain_text(element, one, embedded=True, depth=depth + 1)
        for key, name, element, one in pairs
    )
    return f"{{{','.join(parts)}}}"


def _scalar_text(schema: Schema | None, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        single = schema is not None and schema.type is Type.FLOAT32
        return float_text(value) if single else double_text(value)
    if isinstance(value, decimal.Decimal):
        return decimal_text(value)
    if isinstance(value, dt.date | dt.time | EpochMillis):
        return _moment_text(moment_ms(value))
    raise DataError(f"{type(value).__name__} is no type of Connect")


def _moment_text(ms: int) -> str:
    """Return the time of the first day of 1970, a whole day as a date, else the timestamp."""
    at = CalendarFields.of(ms)
    clock = f"{at.hour:02}:{at.minute:02}:{at.second:02}.{at.millis:03}Z"
    date = f"{at.year:04}-{at.month:02}-{at.day:02}"
    if 0 <= ms < _DAY_MS:
        return clock
    return date if ms % _DAY_MS == 0 else f"{date}T{clock}"
