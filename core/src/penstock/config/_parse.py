"""Turn the text of one key into its value, and say what is wrong with it (source: ConfigDef).

Java's rules, and its words up to the colon: texts are trimmed, a list is split at commas, a
boolean is true or false in any case, an integer is plain ASCII digits with an optional sign.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from penstock.config._keys import KeySpec, KeyType
from penstock.config._secret import HIDDEN, Password

__all__ = ["InvalidValueError", "parse_value", "to_text"]

_INTEGER: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)
_DOUBLE: Final = re.compile(
    r"[+-]?(NaN|Infinity|([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[dDfF]?)", re.ASCII
)
_BITS: Final[Mapping[KeyType, int]] = {KeyType.SHORT: 16, KeyType.INT: 32, KeyType.LONG: 64}


class InvalidValueError(ValueError):
    """One key's value is wrong; the text is the whole sentence."""


def _invalid(spec: KeySpec, value: Any, why: str) -> InvalidValueError:
    shown = HIDDEN if spec.type is KeyType.PASSWORD else value
    return InvalidValueError(f"Invalid value {shown} for configuration {spec.name}: {why}")


def parse_value(spec: KeySpec, text: str | None) -> Any:
    """Return the value of ``text`` for this key, checked by the key's own constraints.

    Raises:
        InvalidValueError: naming the key, the value and the reason.
    """
    if text is None:
        if spec.default is None:
            return None
        raise _invalid(spec, "null", "a value is needed; leave the key out to use its default")
    value = _convert(spec, text)
    _check(spec, value)
    return value


def _convert(spec: KeySpec, text: str) -> Any:
    trimmed = text.strip()
    match spec.type:
        case KeyType.STRING | KeyType.CLASS:
            return trimmed if spec.annotation is None else _structured(spec, trimmed)
        case KeyType.PASSWORD:
            return Password(trimmed)
        case KeyType.BOOLEAN:
            if trimmed.lower() not in ("true", "false"):
                raise _invalid(spec, text, "Expected value to be either true or false")
            return trimmed.lower() == "true"
        case KeyType.LIST:
            return _split(spec, trimmed)
        case KeyType.DOUBLE:
            if not _DOUBLE.fullmatch(trimmed):
                raise _invalid(spec, text, "Not a number of type DOUBLE")
            return float(trimmed.rstrip("dDfF") if trimmed[-1:] in "dDfF" else trimmed)
        case _:
            return _integer(spec, text, trimmed)


def _split(spec: KeySpec, trimmed: str) -> list[str]:
    if not trimmed:
        return []
    parts = [part.strip() for part in trimmed.split(",")]
    if "" in parts:
        raise _invalid(spec, trimmed, "an element of the list is empty; remove the extra comma")
    return parts if spec.repeats else list(dict.fromkeys(parts))


def _integer(spec: KeySpec, text: str, trimmed: str) -> int:
    bits = _BITS[spec.type]
    # The length bound comes first: int() of a huge text is slow, and refused by Python.
    if len(trimmed) > 40 or not _INTEGER.fullmatch(trimmed):  # noqa: PLR2004 - any bound past 64 bits
        raise _invalid(spec, text[:40], f"Not a number of type {spec.type.value}")
    value = int(trimmed)
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise _invalid(spec, text, f"Not a number of type {spec.type.value}")
    return value


def _structured(spec: KeySpec, trimmed: str) -> Any:
    """Structure any other annotation (enum, Path, date, ...) with cattrs, imported when needed."""
    from cattrs import Converter  # noqa: PLC0415 - keeps the author's import light

    try:
        return Converter().structure(trimmed, spec.annotation)
    except Exception as problem:
        raise _invalid(spec, trimmed, f"not a {spec.annotation!r}: {problem}") from problem


def _check(spec: KeySpec, value: Any) -> None:
    if spec.minimum is not None and value < spec.minimum:
        raise _invalid(spec, value, f"Value must be at least {spec.minimum}")
    if spec.maximum is not None and value > spec.maximum:
        raise _invalid(spec, value, f"Value must be no more than {spec.maximum}")
    if spec.choices:
        _check_choices(spec, value)
    if spec.non_empty and not value:
        kind = "List" if spec.type is KeyType.LIST else "String"
        raise _invalid(spec, value, f"{kind} must be non-empty")
    if spec.validator is not None:
        why = spec.validator(spec.name, value)
        if why is not None:
            raise _invalid(spec, value, why)


def _check_choices(spec: KeySpec, value: Any) -> None:
    given = value if isinstance(value, list) else [value]
    allowed = {c.lower() for c in spec.choices} if spec.any_case else set(spec.choices)
    for element in given:
        if (element.lower() if spec.any_case else element) not in allowed:
            how = " (case insensitive)" if spec.any_case else ""
            listed = ", ".join(spec.choices)
            raise _invalid(spec, element, f"String must be one of{how}: {listed}")


def to_text(kind: KeyType, value: Any) -> str | None:
    """Return a value as the REST API shows it (source: ConfigDef.convertToString)."""
    if value is None:
        return None
    if isinstance(value, Password) or kind is KeyType.PASSWORD:
        return HIDDEN
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(str(element) for element in value)
    if isinstance(value, float):
        return repr(value).replace("inf", "Infinity").replace("nan", "NaN")
    return str(value)
