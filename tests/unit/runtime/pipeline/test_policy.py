from __future__ import annotations

import pytest

from penstock.errors import DataError, RetriableError
from penstock.runtime.pipeline.policy import ErrorPolicy, Fail, Retry, Skip, Stage


def decide(policy: ErrorPolicy, stage: Stage, error: Exception, attempt: int = 1, elapsed: int = 0):
    return policy.decide(stage, error, attempt=attempt, elapsed_ms=elapsed, jitter=lambda: 0.5)


@pytest.mark.parametrize(
    ("stage", "error", "tolerate", "expected"),
    [
        (Stage.TRANSFORMATION, DataError("x"), False, Fail()),
        (Stage.TRANSFORMATION, DataError("x"), True, Skip()),
        (Stage.VALUE_CONVERTER, ValueError("x"), True, Skip()),
        (Stage.TASK_PUT, DataError("x"), True, Fail()),
        (Stage.TASK_POLL, RetriableError("x"), True, Skip()),
        (Stage.KAFKA_PRODUCE, RetriableError("x"), False, Fail()),
    ],
)
def test_decision_without_retries_follows_stage_and_tolerance(
    stage: Stage, error: Exception, tolerate: bool, expected: object
) -> None:
    assert decide(ErrorPolicy(tolerate_all=tolerate), stage, error) == expected


def test_retry_delay_doubles_then_jitters_below_its_maximum() -> None:
    policy = ErrorPolicy(retry_timeout_ms=-1, retry_delay_max_ms=1000)
    error = RetriableError("away")
    delays = [decide(policy, Stage.TRANSFORMATION, error, attempt=n) for n in (1, 2, 3, 60)]
    assert delays == [Retry(300), Retry(600), Retry(500), Retry(500)]


def test_retry_is_cut_to_the_deadline_and_ends_with_it() -> None:
    policy = ErrorPolicy(retry_timeout_ms=1000)
    error = RetriableError("away")
    assert decide(policy, Stage.TRANSFORMATION, error, attempt=2, elapsed=900) == Retry(100)
    assert decide(policy, Stage.TRANSFORMATION, error, attempt=3, elapsed=1000) == Fail()
