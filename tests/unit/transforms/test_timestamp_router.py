from __future__ import annotations

import pytest

from penstock.data import Batch, SourceRecord
from penstock.errors import ConfigError, DataError
from penstock_transforms import TimestampRouter
from penstock_transforms._timestamp_router import TOPICS_MAX

DAY_MS = 86_400_000


def router(**config: str) -> TimestampRouter:
    keys = {name.replace("_", "."): value for name, value in config.items()}
    made = TimestampRouter(TimestampRouter.config_spec().parse(keys))
    made.open()
    return made


def test_rows_of_one_day_stay_one_batch() -> None:
    batch = Batch.source(topic="t", values=["a", "b"], timestamps=[0, DAY_MS - 1])
    (changed,) = router().apply_batch(batch)
    assert (changed.topic, list(changed.values), batch.topic) == ("t-19700101", ["a", "b"], "t")


def test_rows_of_several_days_part() -> None:
    batch = Batch.source(topic="t", values=["a", "b", "c"], timestamps=[0, DAY_MS, 1])
    first, second = router(topic_format="${timestamp}.${topic}").apply_batch(batch)
    assert (first.topic, list(first.values), list(first.rows)) == ("19700101.t", ["a", "c"], [0, 2])
    assert (second.topic, list(second.values)) == ("19700102.t", ["b"])


def test_names_remembered_stay_bounded() -> None:
    route = router(timestamp_format="DDD-SSSSSSSSS")
    for ms in range(TOPICS_MAX + 50):
        route.apply(SourceRecord(topic="t", timestamp=ms * DAY_MS))
    assert len(route._topics) <= TOPICS_MAX


def test_refusals_say_why() -> None:
    with pytest.raises(DataError, match="Timestamp missing on record: topic 't'"):
        router().apply(SourceRecord(topic="t"))
    with pytest.raises(DataError, match="Timestamp missing on record: topic 't'"):
        router().apply_batch(Batch.source(topic="t", values=["a", "b"], timestamps=[1, None]))
    with pytest.raises(DataError, match="makes an empty name of the topic 't'"):
        router(topic_format="").apply(SourceRecord(topic="t", timestamp=1))
    with pytest.raises(ConfigError, match=r"timestamp\.format: must be a pattern of"):
        router(timestamp_format="yyyy'")
