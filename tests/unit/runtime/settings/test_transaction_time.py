"""The length of transactions beside what the broker allows."""

from __future__ import annotations

import pytest

from penstock.runtime.transaction_time import interval_ms, interval_problems, timeout_ms

INTERVAL = {"transaction.boundary": " INTERVAL "}
OVERRIDE = "producer.override.transaction.timeout.ms"
OF_WORKER = "producer.transaction.timeout.ms"


def test_other_boundaries_leave_the_timeout_to_the_producer() -> None:
    for boundary in ({}, {"transaction.boundary": "poll"}, {"transaction.boundary": None}):
        given = {**boundary, "transaction.boundary.interval.ms": "90000", OVERRIDE: "1000"}
        assert interval_ms(given, {}) is None
        assert timeout_ms(given, {}) is None
        assert interval_problems(given, {}) == []


@pytest.mark.parametrize(
    ("connector", "worker", "length"),
    [
        ({}, {}, 60_000),
        ({}, {"offset.flush.interval.ms": " 500 "}, 500),
        ({"transaction.boundary.interval.ms": "700"}, {"offset.flush.interval.ms": "500"}, 700),
    ],
)
def test_the_broker_allows_a_minute_more_than_the_interval(
    connector: dict[str, str], worker: dict[str, str], length: int
) -> None:
    connector = {**INTERVAL, **connector}
    assert interval_ms(connector, worker) == length
    assert timeout_ms(connector, worker) == length + 60_000
    assert interval_problems(connector, worker) == []


@pytest.mark.parametrize(
    ("connector", "worker", "named"),
    [
        ({OVERRIDE: "60000"}, {}, OVERRIDE),
        ({OVERRIDE: "1000"}, {OF_WORKER: "90000"}, OVERRIDE),
        ({}, {OF_WORKER: "30000"}, OF_WORKER),
        ({OVERRIDE: "60001"}, {OF_WORKER: "30000"}, None),
        ({}, {OF_WORKER: "90000"}, None),
        ({OVERRIDE: "soon"}, {}, None),
        ({OVERRIDE: "1", "transaction.boundary.interval.ms": "soon"}, {}, None),
    ],
)
def test_an_interval_that_outlasts_the_timeout_is_a_problem(
    connector: dict[str, str], worker: dict[str, str], named: str | None
) -> None:
    problems = interval_problems({**INTERVAL, **connector}, worker)
    assert [one.key for one in problems] == ["transaction.boundary.interval.ms"] * bool(named)
    assert named is None or f"longer than {named} = " in problems[0].message
