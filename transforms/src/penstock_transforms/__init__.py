"""Single message transforms and predicates; each is imported when it is first asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from penstock_transforms._cast import Cast
    from penstock_transforms._drop_headers import DropHeaders
    from penstock_transforms._extract_field import ExtractField
    from penstock_transforms._filter import Filter
    from penstock_transforms._flatten import Flatten
    from penstock_transforms._header_from import HeaderFrom
    from penstock_transforms._hoist_field import HoistField
    from penstock_transforms._insert_field import InsertField
    from penstock_transforms._insert_header import InsertHeader
    from penstock_transforms._mask_field import MaskField
    from penstock_transforms._predicates import HasHeaderKey, RecordIsTombstone, TopicNameMatches
    from penstock_transforms._regex_router import RegexRouter
    from penstock_transforms._replace_field import ReplaceField
    from penstock_transforms._set_schema_metadata import SetSchemaMetadata
    from penstock_transforms._timestamp_converter import TimestampConverter
    from penstock_transforms._timestamp_router import TimestampRouter
    from penstock_transforms._value_to_key import ValueToKey

__all__ = [
    "Cast",
    "DropHeaders",
    "ExtractField",
    "Filter",
    "Flatten",
    "HasHeaderKey",
    "HeaderFrom",
    "HoistField",
    "InsertField",
    "InsertHeader",
    "MaskField",
    "RecordIsTombstone",
    "RegexRouter",
    "ReplaceField",
    "SetSchemaMetadata",
    "TimestampConverter",
    "TimestampRouter",
    "TopicNameMatches",
    "ValueToKey",
]

_HOMES: Final = {
    "Cast": "_cast",
    "DropHeaders": "_drop_headers",
    "ExtractField": "_extract_field",
    "Filter": "_filter",
    "Flatten": "_flatten",
    "HasHeaderKey": "_predicates",
    "HeaderFrom": "_header_from",
    "HoistField": "_hoist_field",
    "InsertField": "_insert_field",
    "InsertHeader": "_insert_header",
    "MaskField": "_mask_field",
    "RecordIsTombstone": "_predicates",
    "RegexRouter": "_regex_router",
    "ReplaceField": "_replace_field",
    "SetSchemaMetadata": "_set_schema_metadata",
    "TimestampConverter": "_timestamp_converter",
    "TimestampRouter": "_timestamp_router",
    "TopicNameMatches": "_predicates",
    "ValueToKey": "_value_to_key",
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
