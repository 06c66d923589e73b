"""What a failure of the queue manager or JMS provider means: to try again or to tell. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from penstock.errors import ConnectError, RetriableError

__all__ = ["Cause", "Failure", "explain"]

BACKED_OUT: Final = 2003
GET_INHIBITED: Final = 2016
PUT_INHIBITED: Final = 2051
QUEUE_FULL: Final = 2053
_REASONS: Final = {
    BACKED_OUT: "the unit of work was backed out",
    2009: "the connection broke",
    2035: "not authorised",
    2059: "the queue manager is not available",
    2161: "the queue manager is quiescing",
    2162: "the queue manager is stopping",
    2195: "an unexpected error",
    2537: "the channel is not available",
    2538: "the host is not available",
    2548: "the client gave up connecting again",
    GET_INHIBITED: "gets are inhibited on the queue",
    PUT_INHIBITED: "puts are inhibited on the queue",
    QUEUE_FULL: "the queue is full",
}
"""All that may pass. 2548 is not in the original's list, where it ends a task.

(source: MQSourceTask.handleException, MQSinkTask)
"""
_OPEN: Final = frozenset({BACKED_OUT, GET_INHIBITED, PUT_INHIBITED, QUEUE_FULL})
_PASSING_TYPES: Final = (
    "IllegalState",  # the provider closed the connection, as Artemis tells it
    "TransactionRolledBack",
    "ResourceAllocation",
    "ConnectException",
    "SocketException",
    "SocketTimeout",
    "EOFException",
    "ActiveMQNotConnected",
    "ActiveMQConnectionTimedOut",
    "ActiveMQObjectClosed",
    "ActiveMQUnBlocked",
    "ActiveMQRemoteDisconnect",
    "ActiveMQTransactionRolledBack",
    "ConnectionFailedException",
)


@attrs.frozen
class Cause:
    """One link of a Java exception's chain; ``reason`` is MQ's own number, 0 for none."""

    type: str
    message: str
    reason: int = 0


@attrs.frozen
class Failure:
    """What to do: try again or not, on the same connection or not; and the sentence to tell."""

    retriable: bool
    connected: bool
    message: str

    def error(self) -> ConnectError:
        """Return it as what poll or put raises."""
        return RetriableError(self.message) if self.retriable else ConnectError(self.message)


def explain(chain: Iterable[Cause], doing: str, where: str) -> Failure:
    """Return what a failure means.

    Unlike the original, the top of the chain is looked at too, and not only its causes.
    """
    causes = list(chain)
    said = "; ".join(dict.fromkeys(f"{one.type}: {one.message}" for one in causes))
    text = f"{where}: {doing} failed: {said}"
    reason = next((one.reason for one in causes if one.reason), 0)
    if reason:
        known = _REASONS.get(reason)
        text += f" (MQ reason {reason}{'' if known is None else f', {known}'})"
        return Failure(known is not None, reason in _OPEN, text)
    passing = any(part in one.type for one in causes for part in _PASSING_TYPES)
    return Failure(passing, False, text)
