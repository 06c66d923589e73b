"""RegexRouter: rename topics by a regular expression (source: RegexRouter)."""

from __future__ import annotations

from typing import Final, TypeVar

from penstock.api import Batch, Record, Transform
from penstock.config import compile_java, config, key, regex_problem
from penstock.errors import DataError
from penstock_transforms._javaregex import replacement

__all__ = ["RegexRouter"]

R = TypeVar("R", bound=Record)
TOPICS_MAX: Final = 1000
"""Renamed topics remembered."""


@config
class RegexRouterConfig:
    """Keys of RegexRouter."""

    regex: str = key(
        importance="high",
        validator=regex_problem,
        doc="Regular expression (Java's) that a topic has to match as a whole to be renamed.",
    )
    replacement: str = key(
        importance="high", doc="The new name; $1 stands for the first group of the match."
    )


class RegexRouter(Transform[RegexRouterConfig]):
    """Renames the topic of records."""

    def open(self) -> None:
        """Compile the pattern."""
        self._pattern = compile_java(self.config.regex)
        self._renamed: dict[str, str] = {}

    def _topic(self, topic: str) -> str:
        known = self._renamed.get(topic)
        if known is None:
            if len(self._renamed) >= TOPICS_MAX:
                self._renamed.clear()
            known = self._renamed[topic] = self._rename(topic)
        return known

    def _rename(self, topic: str) -> str:
        if self._pattern.fullmatch(topic) is None:
            return topic
        # The whole name matches, but what is replaced is the first match found from the left.
        first = self._pattern.search(topic)
        if first is None:  # pragma: no cover - a full match is also found by a search
            return topic
        new = replacement(self.config.replacement, first)
        renamed = topic[: first.start()] + new + topic[first.end() :]
        if not renamed:
            raise DataError(f"the replacement makes an empty name of the topic '{topic}'")
        return renamed

    def apply(self, record: R) -> R:
        """Rename one record's topic."""
        return record.with_topic(self._topic(record.topic))

    def apply_batch(self, batch: Batch) -> Batch:
        """Rename the one topic of the batch."""
        return batch.with_topic(self._topic(batch.topic))
