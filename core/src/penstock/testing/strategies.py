"""All hypothesis strategies of the test kit under one name: ``strategies as pst``."""

from penstock.testing._batches import batches, columns, headers, records
from penstock.testing._evolution import Evolution, schema_evolutions
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
    "batches",
    "columns",
    "extreme_numbers",
    "headers",
    "nasty_text",
    "records",
    "schema_and_value",
    "schema_evolutions",
    "schemaless_values",
    "schemas",
    "topics",
    "values",
]
