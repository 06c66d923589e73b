from __future__ import annotations

import pytest

from penstock.data import Batch, Schema, SourceRecord
from penstock.errors import ConfigError, DataError
from penstock_transforms import SetSchemaMetadata

SCHEMA = Schema.struct({"n": Schema.INT32, "s": Schema.STRING.evolve(default="d")}, version=1)


def opened(**config: str) -> SetSchemaMetadata:
    keys = {name.replace("_", "."): value for name, value in config.items()}
    made = SetSchemaMetadata(SetSchemaMetadata.config_spec().parse(keys))
    made.open()
    return made


def test_only_the_schema_changes() -> None:
    rows = [{"n": 1, "s": "x"}]
    plain = Schema.struct({"n": Schema.INT32, "s": Schema.STRING}, version=1)
    batch = Batch.source(topic="t", values=rows, value_schema=plain)
    changed = opened(schema_name="N").apply_batch(batch)
    assert isinstance(changed, Batch)
    assert changed.value_schema == plain.evolve(name="N")
    assert changed.values is rows
    assert batch.value_schema == plain


def test_defaults_stand_for_nulls() -> None:
    record = SourceRecord(topic="t", value={"n": 1}, value_schema=SCHEMA)
    changed = opened(schema_version="7").apply(record)
    assert changed is not None
    assert changed.value == {"n": 1, "s": "d"}
    assert changed.value_schema == SCHEMA.evolve(version=7)
    assert record.value == {"n": 1}


def test_refusals_say_why() -> None:
    with pytest.raises(ConfigError, match="Neither schema name nor version configured"):
        opened()
    name = opened(schema_name="N")
    with pytest.raises(DataError, match=r"Schema required for \[updating schema metadata\]"):
        name.apply(SourceRecord(topic="t", value=1))
    with pytest.raises(DataError, match="Cannot list fields on non-struct type"):
        name.apply(SourceRecord(topic="t", value=1, value_schema=Schema.INT32))
    strict = opened(schema_name="N", replace_null_with_default="false")
    with pytest.raises(DataError, match="null used for required field 's'"):
        strict.apply(SourceRecord(topic="t", value={"n": 1}, value_schema=SCHEMA))
