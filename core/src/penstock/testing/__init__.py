"""The test kit for authors of plugins: hypothesis strategies, and laws that plugins must keep.

Install it with ``pip install 'penstock[testing]'``. Nothing here is imported before it is used.

- Laws: ``assert_converter_round_trip``, ``assert_header_converter_round_trip``,
  ``assert_transform_laws``, ``assert_predicate_laws``, ``assert_config_spec``. Each takes a class
  with its config texts, a class made by a short form, an instance, or a function that returns one.
- Strategies, also in ``penstock.testing.strategies``: ``schemas``, ``values``, ``records``, ...
- Fixtures, in ``penstock.testing.pytest_plugin``: there as soon as Penstock is installed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from penstock.testing._batches import batches, columns, headers, records
    from penstock.testing._evolution import Evolution, schema_evolutions
    from penstock.testing._laws_config import assert_config_spec
    from penstock.testing._laws_converter import (
        assert_converter_round_trip,
        assert_header_converter_round_trip,
    )
    from penstock.testing._laws_predicate import assert_predicate_laws
    from penstock.testing._laws_transform import assert_transform_laws
    from penstock.testing._made import made
    from penstock.testing._schemas import schema_and_value, schemas
    from penstock.testing._values import (
        extreme_numbers,
        nasty_text,
        schemaless_values,
        topics,
        values,
    )

__all__ = [
    "Evolution",
    "assert_config_spec",
    "assert_converter_round_trip",
    "assert_header_converter_round_trip",
    "assert_predicate_laws",
    "assert_transform_laws",
    "batches",
    "columns",
    "extreme_numbers",
    "headers",
    "made",
    "nasty_text",
    "records",
    "schema_and_value",
    "schema_evolutions",
    "schemaless_values",
    "schemas",
    "topics",
    "values",
]

_HOMES: Final = {
    "Evolution": "_evolution",
    "assert_config_spec": "_laws_config",
    "assert_converter_round_trip": "_laws_converter",
    "assert_header_converter_round_trip": "_laws_converter",
    "assert_predicate_laws": "_laws_predicate",
    "assert_transform_laws": "_laws_transform",
    "batches": "_batches",
    "columns": "_batches",
    "extreme_numbers": "_values",
    "headers": "_batches",
    "made": "_made",
    "nasty_text": "_values",
    "records": "_batches",
    "schema_and_value": "_schemas",
    "schema_evolutions": "_evolution",
    "schemaless_values": "_values",
    "schemas": "_schemas",
    "topics": "_values",
    "values": "_values",
}


def __getattr__(name: str) -> Any:
    """Import a part when it is first asked for."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the parts, loaded or not."""
    return sorted({*globals(), *__all__})
