"""Every law of the test kit catches a plugin that breaks it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.api import Converter, Decoded, Predicate, Transform, transform
from penstock.config import NoConfig, config, key
from penstock.data import Batch, Record, Schema, validate_value
from penstock.errors import DataError
from penstock.testing import (
    Evolution,
    assert_config_spec,
    assert_converter_round_trip,
    assert_predicate_laws,
    assert_transform_laws,
    batches,
    schema_evolutions,
    schemas,
    values,
)


class Fine(Transform[NoConfig]):
    """Keeps every law."""

    def apply(self, record: Any) -> Any:
        return record.with_topic("all")


class Mutating(Transform[NoConfig]):
    """Writes into the value that it is given."""

    def apply(self, record: Any) -> Any:
        if isinstance(record.value, dict):
            record.value["seen"] = True
        return record


class Forgetful(Fine):
    """Leaves the last row of a batch out."""

    def apply_batch(self, batch: Batch) -> Batch:
        return batch.with_topic("all").select(range(len(batch) - 1))


class Tolerant(Transform[NoConfig]):
    """Refuses a row, but not the batch that holds it."""

    def apply(self, record: Any) -> Any:
        if record.value is None:
            raise DataError("no value")
        return record

    def apply_batch(self, batch: Batch) -> Batch:
        return batch


class Crashing(Transform[NoConfig]):
    """Raises what is no DataError."""

    def apply(self, record: Any) -> Any:
        return record.with_topic(record.value["name"])


class Lying(Transform[NoConfig]):
    """Says that everything is a number."""

    def apply(self, record: Any) -> Any:
        return record.with_value(record.value, Schema.INT32)


class OneSided(Transform[NoConfig]):
    """Works on the value, whatever side it is for."""

    sided = True

    def apply(self, record: Any) -> Any:
        return record.with_value(None, None)


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        (Mutating, "input not mutated"),
        (Forgetful, "a batch gives what its rows give"),
        (Tolerant, "a batch gives what its rows give"),
        (Crashing, "errors are DataErrors"),
        (Lying, "schema and value agree"),
        (OneSided, "keys as values"),
    ],
)
def test_broken_transforms_are_caught(broken: type[Transform[Any]], law: str) -> None:
    with pytest.raises(AssertionError, match=law):
        assert_transform_laws(broken)


def test_a_fine_transform_and_a_short_form_pass() -> None:
    @transform("Route")
    def route(record: Record, *, to: str) -> Record:
        return record.with_topic(to)

    assert_transform_laws(Fine, max_examples=20)
    assert_transform_laws(route, {"to": "all"}, max_examples=20)


class Utf8(Converter[NoConfig]):
    """Keeps every law, for texts."""

    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        return None if value is None else value.encode()

    def to_connect_data(self, topic: str, data: bytes | None) -> tuple[Schema | None, Any]:
        try:
            return Schema.OPTIONAL_STRING, None if data is None else data.decode()
        except UnicodeDecodeError as error:
            raise DataError(f"no UTF-8: {error}") from None


class Careless(Utf8):
    """Takes for granted that all bytes are its own."""

    def to_connect_data(self, topic: str, data: bytes | None) -> tuple[Schema | None, Any]:
        return Schema.OPTIONAL_STRING, None if data is None else data.decode()


class Latin(Utf8):
    """Loses what Latin-1 does not have."""

    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        return None if value is None else value.encode("latin-1", "replace")


class Trimming(Utf8):
    """Reads a batch otherwise than its rows."""

    def to_connect_batch(self, topic: str, data: Sequence[bytes | None]) -> Decoded:
        texts = [None if one is None else one.decode().strip() for one in data]
        return Decoded(texts, Schema.OPTIONAL_STRING)


class Refusing(Utf8):
    """Does not take what it says it does."""

    def from_connect_data(self, topic: str, schema: Schema | None, value: Any) -> bytes | None:
        if value is None:
            raise DataError("no value")
        return super().from_connect_data(topic, schema, value)


TEXTS = st.just(Schema.OPTIONAL_STRING)


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        (Latin, "what is written is read|errors are DataErrors"),
        (Trimming, "a batch gives what its rows give"),
        (Refusing, "what fits is taken"),
        (Careless, "errors are DataErrors"),
    ],
)
def test_broken_converters_are_caught(broken: type[Converter[Any]], law: str) -> None:
    with pytest.raises(AssertionError, match=law):
        assert_converter_round_trip(broken, schemas=TEXTS)


def test_a_fine_converter_passes() -> None:
    assert_converter_round_trip(Utf8, schemas=TEXTS, max_examples=30)


class Undecided(Predicate[NoConfig]):
    """Answers a batch otherwise than its rows."""

    def test(self, record: Record) -> bool:
        return record.key is None

    def test_batch(self, batch: Batch) -> bool:
        return True


def test_a_broken_predicate_is_caught() -> None:
    with pytest.raises(AssertionError, match="a batch answers as its rows"):
        assert_predicate_laws(Undecided)


@config
class Silent:
    size: int = key(default=1)


@config
class Wrong:
    size: int = key(default=0, min=1, doc="How many.")


@config
class Fickle:
    pattern: str = key(default="a", doc="What to look for.")


class QuietSize(Transform[Silent]):
    """Says nothing of its key."""


class WrongSize(Transform[Wrong]):
    """Has a default that it refuses."""


class OpensBadly(Transform[Fickle]):
    """Finds out as it opens, and raises what is no ConfigError."""

    def open(self) -> None:
        re.compile(self.config.pattern)


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        (QuietSize, "keys are described"),
        (WrongSize, "a default is a value that the key takes"),
        (OpensBadly, "wrong settings are a ConfigError"),
    ],
)
def test_broken_config_specs_are_caught(broken: type[Transform[Any]], law: str) -> None:
    with pytest.raises(AssertionError, match=law):
        assert_config_spec(broken)


def test_unknown_keys_of_the_test_itself_are_told() -> None:
    with pytest.raises(AssertionError, match="has no keys \\['sise'\\]"):
        assert_config_spec(QuietSize, {"sise": "2"}, docs=False)


@given(data=st.data())
def test_values_fit_their_schemas(data: st.DataObject) -> None:
    schema = data.draw(schemas())
    validate_value(schema, data.draw(values(schema)))


@given(batch=batches())
def test_batches_are_whole(batch: Batch) -> None:
    assert len(list(batch.records())) == len(batch) >= 1
    assert len(batch.keys) == len(batch.values) == len(batch.headers) == len(batch)


@given(batch=batches(value_schema=st.just(Schema.STRING)))
def test_batches_of_texts_come_in_every_form(batch: Batch) -> None:
    assert all(isinstance(record.value, str) for record in batch.records())


@given(evolution=schema_evolutions())
def test_evolutions_hold_a_value_of_the_old_schema(evolution: Evolution) -> None:
    validate_value(evolution.old, evolution.value)
    assert evolution.old.version == 1
    assert evolution.new.version == 2


def test_fixtures_come_with_the_installation(
    penstock_plugin: Any, penstock_register: Any, penstock_chain: Any
) -> None:
    from penstock.data import SourceRecord  # noqa: PLC0415 - as a reader would

    penstock_register(Fine)
    (after,) = penstock_chain(
        [SourceRecord(topic="t", value="x", value_schema=Schema.STRING)],
        ("HoistField", {"field": "line"}),
        "Fine",
    )
    assert (after.topic, after.value) == ("all", {"line": "x"})
    assert penstock_plugin("Cast", {"spec": "int32"}).config is not None
