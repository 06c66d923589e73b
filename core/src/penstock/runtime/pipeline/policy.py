"""What to do about an error: try again, skip the record, or fail the task. Pure.

(source: RetryWithToleranceOperator)
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final

import attrs

from penstock.errors import ConnectError, RetriableError

__all__ = ["Decision", "ErrorPolicy", "Fail", "Retry", "Skip", "Stage", "StageError"]

RETRY_DELAY_FIRST_MS: Final = 300


class Stage(enum.Enum):
    """Where on its way a record failed, by the names of the original's logs and headers."""

    TASK_POLL = "TASK_POLL"
    TRANSFORMATION = "TRANSFORMATION"
    KEY_CONVERTER = "KEY_CONVERTER"
    VALUE_CONVERTER = "VALUE_CONVERTER"
    HEADER_CONVERTER = "HEADER_CONVERTER"
    KAFKA_PRODUCE = "KAFKA_PRODUCE"
    KAFKA_CONSUME = "KAFKA_CONSUME"
    TASK_PUT = "TASK_PUT"


_ANY_ERROR_TOLERABLE: Final = frozenset(
    {Stage.TRANSFORMATION, Stage.KEY_CONVERTER, Stage.VALUE_CONVERTER, Stage.HEADER_CONVERTER}
)


class StageError(ConnectError):
    """A record failed in a stage and the policy is to fail the task.

    The message names the stage, the component and where the record stands; the cause is chained.
    """

    def __init__(self, stage: Stage, component: str, where: str, error: BaseException) -> None:
        """``component`` is the alias or class, ``where`` the record's place."""
        self.stage = stage
        super().__init__(f"{stage.value} with {component} failed at {where}: {error}")


@attrs.frozen
class Retry:
    """Try the same again after ``delay_ms``."""

    delay_ms: int


@attrs.frozen
class Skip:
    """Report the record and go on without it."""


@attrs.frozen
class Fail:
    """Fail the task."""


Decision = Retry | Skip | Fail


@attrs.frozen
class ErrorPolicy:
    """The ``errors.*`` keys of a connector. ``retry_timeout_ms`` -1 is without end."""

    tolerate_all: bool = False
    retry_timeout_ms: int = 0
    retry_delay_max_ms: int = 60_000

    def decide(
        self,
        stage: Stage,
        error: BaseException,
        *,
        attempt: int,
        elapsed_ms: int,
        jitter: Callable[[], float],
    ) -> Decision:
        """Return what to do after ``attempt`` failed attempts (1 at first).

        Args:
            stage: where it failed.
            error: what was raised.
            attempt: how many attempts failed so far.
            elapsed_ms: time since the first attempt began.
            jitter: a random number in [0, 1), asked for when the delay reaches its maximum.
        """
        if isinstance(error, RetriableError):
            endless = self.retry_timeout_ms < 0
            left_ms = self.retry_timeout_ms - elapsed_ms
            if endless or left_ms > 0:
                # The exponent is bounded: past it the delay is at its maximum anyway.
                delay_ms = RETRY_DELAY_FIRST_MS << min(attempt - 1, 32)
                if delay_ms > self.retry_delay_max_ms:
                    delay_ms = int(self.retry_delay_max_ms * jitter())
                return Retry(delay_ms if endless else min(delay_ms, left_ms))
        tolerable = stage in _ANY_ERROR_TOLERABLE or isinstance(error, RetriableError)
        return Skip() if self.tolerate_all and tolerable else Fail()
