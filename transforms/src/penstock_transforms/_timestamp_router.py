"""TimestampRouter: the record's time becomes part of its topic (source: TimestampRouter)."""

from __future__ import annotations

import time
from typing import Final, TypeVar

from penstock.api import Batch, Record, Transform
from penstock.config import config, key
from penstock.data import Repeat
from penstock.errors import DataError
from penstock_transforms._simpledateformat import SimpleDateFormat, pattern_problem

__all__ = ["TimestampRouter"]

R = TypeVar("R", bound=Record)
TOPICS_MAX: Final = 1000
"""Names of topics remembered, by topic and the text of the time."""


@config
class TimestampRouterConfig:
    """Keys of TimestampRouter."""

    topic_format: str = key(
        default="${topic}-${timestamp}",
        importance="high",
        doc="The new topic; ${topic} stands for the old one and ${timestamp} for the time.",
    )
    timestamp_format: str = key(
        default="yyyyMMdd",
        importance="high",
        validator=pattern_problem,
        doc="Pattern of java.text.SimpleDateFormat for the time, in UTC.",
    )


class TimestampRouter(Transform[TimestampRouterConfig]):
    """Renames the topic of each record by its timestamp."""

    def open(self) -> None:
        """Compile the pattern."""
        now_ms = time.time_ns() // 1_000_000
        self._format = SimpleDateFormat(self.config.timestamp_format, now_ms)
        self._topics: dict[tuple[str, str], str] = {}

    def _topic(self, topic: str, stamp: str) -> str:
        known = self._topics.get((topic, stamp))
        if known is None:
            if len(self._topics) >= TOPICS_MAX:
                self._topics.clear()
            known = self.config.topic_format.replace("${topic}", topic)
            known = known.replace("${timestamp}", stamp)
            if not known:
                raise DataError(f"topic.format makes an empty name of the topic '{topic}'")
            self._topics[topic, stamp] = known
        return known

    def apply(self, record: R) -> R:
        """Rename one record's topic."""
        if record.timestamp is None:
            raise _missing(record.topic)
        return record.with_topic(self._topic(record.topic, self._format.format(record.timestamp)))

    def apply_batch(self, batch: Batch) -> list[Batch]:
        """Part the batch by the topics that its rows now have."""
        stamps = batch.timestamps
        if isinstance(stamps, Repeat):
            stamps = [stamps.value] * bool(len(stamps))
        if None in stamps:
            raise _missing(batch.topic)
        texts = self._format.format_all([stamp for stamp in stamps if stamp is not None])
        new = set(texts)
        if len(new) <= 1:
            return [batch.with_topic(self._topic(batch.topic, text)) for text in new]
        rows: dict[str, list[int]] = {}
        for row, text in enumerate(texts):
            rows.setdefault(self._topic(batch.topic, text), []).append(row)
        return [batch.select(places).with_topic(topic) for topic, places in rows.items()]


def _missing(topic: str) -> DataError:
    return DataError(
        f"Timestamp missing on record: topic '{topic}'; TimestampRouter needs records that have one"
    )
