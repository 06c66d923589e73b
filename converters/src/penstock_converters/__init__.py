"""Converters for Penstock: String, JSON, ByteArray, numbers, Boolean, and those of headers.

Each class is loaded when it is first asked for, so that a worker that never sees JSON pays
nothing for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from penstock_converters._boolean import BooleanConverter, BooleanHeaderConverter
    from penstock_converters._byte_array import ByteArrayConverter, ByteArrayHeaderConverter
    from penstock_converters._json import JsonConverter, JsonHeaderConverter
    from penstock_converters._number import (
        DoubleConverter,
        DoubleHeaderConverter,
        FloatConverter,
        FloatHeaderConverter,
        IntegerConverter,
        IntegerHeaderConverter,
        LongConverter,
        LongHeaderConverter,
        ShortConverter,
        ShortHeaderConverter,
    )
    from penstock_converters._simple_header import SimpleHeaderConverter
    from penstock_converters._string import StringConverter, StringHeaderConverter

__all__ = [
    "BooleanConverter",
    "BooleanHeaderConverter",
    "ByteArrayConverter",
    "ByteArrayHeaderConverter",
    "DoubleConverter",
    "DoubleHeaderConverter",
    "FloatConverter",
    "FloatHeaderConverter",
    "IntegerConverter",
    "IntegerHeaderConverter",
    "JsonConverter",
    "JsonHeaderConverter",
    "LongConverter",
    "LongHeaderConverter",
    "ShortConverter",
    "ShortHeaderConverter",
    "SimpleHeaderConverter",
    "StringConverter",
    "StringHeaderConverter",
]

_HOMES: Final = {
    "BooleanConverter": "_boolean",
    "BooleanHeaderConverter": "_boolean",
    "ByteArrayConverter": "_byte_array",
    "ByteArrayHeaderConverter": "_byte_array",
    "DoubleConverter": "_number",
    "DoubleHeaderConverter": "_number",
    "FloatConverter": "_number",
    "FloatHeaderConverter": "_number",
    "IntegerConverter": "_number",
    "IntegerHeaderConverter": "_number",
    "JsonConverter": "_json",
    "JsonHeaderConverter": "_json",
    "LongConverter": "_number",
    "LongHeaderConverter": "_number",
    "ShortConverter": "_number",
    "ShortHeaderConverter": "_number",
    "SimpleHeaderConverter": "_simple_header",
    "StringConverter": "_string",
    "StringHeaderConverter": "_string",
}


def __getattr__(name: str) -> Any:
    """Import a converter when it is first asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the converters, loaded or not."""
    return sorted({*globals(), *__all__})
