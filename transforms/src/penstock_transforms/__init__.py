"""Single message transforms and predicates; each is imported when it is first asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from penstock_transforms._extract_field import ExtractField
    from penstock_transforms._filter import Filter
    from penstock_transforms._hoist_field import HoistField
    from penstock_transforms._insert_field import InsertField
    from penstock_transforms._predicates import (
        HasHeaderKey,
        RecordIsTombstone,
        TopicNameMatches,
    )
    from penstock_transforms._regex_router import RegexRouter
    from penstock_transforms._replace_field import ReplaceField

__all__ = [
    "ExtractField",
    "Filter",
    "HasHeaderKey",
    "HoistField",
    "InsertField",
    "RecordIsTombstone",
    "RegexRouter",
    "ReplaceField",
    "TopicNameMatches",
]

_HOMES: Final = {
    "ExtractField": "_extract_field",
    "Filter": "_filter",
    "HasHeaderKey": "_predicates",
    "HoistField": "_hoist_field",
    "InsertField": "_insert_field",
    "RecordIsTombstone": "_predicates",
    "RegexRouter": "_regex_router",
    "ReplaceField": "_replace_field",
    "TopicNameMatches": "_predicates",
}


def __getattr__(name: str) -> Any:
    """Import a plugin when it is first asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the plugins, loaded or not."""
    return sorted({*globals(), *__all__})
