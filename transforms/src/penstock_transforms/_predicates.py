"""The predicates of Apache Kafka (source: package transforms.predicates)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import Final

from penstock.api import Batch, Predicate, Record
from penstock.config import NoConfig, compile_java, config, key, regex_problem
from penstock.data import Repeat, Text

__all__ = ["HasHeaderKey", "RecordIsTombstone", "TopicNameMatches"]

_KEY: Final = attrgetter("key")


@config
class HasHeaderKeyConfig:
    """Keys of HasHeaderKey."""

    name: str = key(non_empty=True, doc="The header's key.")


class HasHeaderKey(Predicate[HasHeaderKeyConfig]):
    """True of records with at least one header of the configured key."""

    def test(self, record: Record) -> bool:
        """Look for the header."""
        name = self.config.name
        return any(header.key == name for header in record.headers)

    def test_batch(self, batch: Batch) -> bool | Sequence[bool]:
        """Look for the header in every row."""
        name = self.config.name
        if isinstance(batch.headers, Repeat):
            return any(header.key == name for header in batch.headers.value)
        if name not in map(_KEY, chain.from_iterable(batch.headers)):
            return False
        return [name in map(_KEY, headers) for headers in batch.headers]


class RecordIsTombstone(Predicate[NoConfig]):
    """True of records whose value is null."""

    def test(self, record: Record) -> bool:
        """Look at the value."""
        return record.value is None

    def test_batch(self, batch: Batch) -> bool | Sequence[bool]:
        """Look at the values."""
        values = batch.values
        if isinstance(values, Repeat):
            return values.value is None
        if isinstance(values, Text):
            values = values.utf8  # no text has to be decoded for this
        if None not in values:
            return False
        return [value is None for value in values]


@config
class TopicNameMatchesConfig:
    """Keys of TopicNameMatches."""

    pattern: str = key(
        non_empty=True,
        validator=regex_problem,
        doc="Regular expression (Java's) that the whole topic name has to match.",
    )


class TopicNameMatches(Predicate[TopicNameMatchesConfig]):
    """True of records whose topic matches the pattern."""

    def open(self) -> None:
        """Compile the pattern."""
        self._pattern = compile_java(self.config.pattern)

    def test(self, record: Record) -> bool:
        """Match the topic."""
        return self._pattern.fullmatch(record.topic) is not None

    def test_batch(self, batch: Batch) -> bool:
        """Match the one topic of the batch."""
        return self._pattern.fullmatch(batch.topic) is not None
