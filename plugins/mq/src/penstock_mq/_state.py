"""The state messages of exactly-once, in the original's format, and what a start finds. Pure.

(source: SequenceStateClient, MQSourceTaskStartUpAction)
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from penstock.data import TopicPartition
from penstock.errors import ConnectError

__all__ = [
    "OFFSET_KEY",
    "Action",
    "SequenceState",
    "Start",
    "decide",
    "read_offsets",
    "write_offsets",
]

OFFSET_KEY: Final = "sequence-id"
IN_FLIGHT: Final = "IN_FLIGHT"
DELIVERED: Final = "DELIVERED"


@attrs.frozen
class SequenceState:
    """Which messages go, or went, to Kafka under a number."""

    sequence: int
    ids: tuple[str, ...]
    state: str

    def text(self) -> str:
        """Return it as the original writes it."""
        return json.dumps(
            {
                "sequenceId": self.sequence,
                "messageIds": list(self.ids),
                "lastKnownState": self.state,
            },
            separators=(",", ":"),
        )

    @classmethod
    def of(cls, text: str | None, queue: str) -> SequenceState:
        """Read one; raises ConnectError when it is none."""
        try:
            found = json.loads(text or "")
            sequence, ids, state = (
                found["sequenceId"],
                found["messageIds"],
                found["lastKnownState"],
            )
        except (ValueError, KeyError, TypeError) as problem:
            raise _unreadable(queue, text) from problem
        is_right = (
            type(sequence) is int
            and isinstance(ids, list)
            and all(isinstance(one, str) for one in ids)
            and state in {IN_FLIGHT, DELIVERED}
        )
        if not is_right:
            raise _unreadable(queue, text)
        return cls(sequence, tuple(ids), state)


def _unreadable(queue: str, text: str | None) -> ConnectError:
    return ConnectError(
        f"state queue '{queue}': the message is no state of an exactly-once connector: {text!r}; "
        "find out whose it is, and remove it only if the messages it names may come twice"
    )


class Action(enum.Enum):
    """What to do first."""

    NORMAL = "normal"
    RESEND = "resend"
    """Read the same messages again and send them under the same number."""
    DROP = "drop"
    """They are in Kafka: take them off the queue and send nothing."""


@attrs.frozen
class Start:
    """What to do first, and the number of the last batch: of that very batch for RESEND."""

    action: Action
    sequence: int
    ids: tuple[str, ...] = ()


def decide(states: Sequence[str | None], offset: Mapping[str, Any] | None, queue: str) -> Start:
    """Return how to start.

    Args:
        states: the texts of all messages on the state queue; None is a message of another kind.
        offset: what Kafka has stored, or None.
        queue: the state queue's name, for errors.

    Raises:
        ConnectError: more than one state, or one that cannot be read.
    """
    stored = None if offset is None else offset.get(OFFSET_KEY)
    if stored is not None and type(stored) is not int:
        raise ConnectError(
            f"the stored offset {dict(offset or {})!r} is none of this connector: '{OFFSET_KEY}' "
            "must be an integer; reset the connector's offsets"
        )
    if len(states) > 1:
        raise ConnectError(
            f"state queue '{queue}' has {len(states)} messages, and must have one at most; does "
            "another connector use it? Each needs a state queue of its own"
        )
    if not states:
        return Start(Action.NORMAL, stored or 0)
    state = SequenceState.of(states[0], queue)
    if state.state == DELIVERED or state.sequence == stored:
        return Start(Action.DROP, state.sequence, state.ids)
    return Start(Action.RESEND, state.sequence, state.ids)


def read_offsets(text: str | None, queue: str) -> dict[str, int]:
    """Return a sink's state: the last offset written of each ``topic-partition``.

    Raises:
        ConnectError: it is none.
    """
    if text is None:
        return {}
    try:
        found = json.loads(text)
        return {str(name): int(offset) for name, offset in found.items()}
    except (ValueError, TypeError, AttributeError) as problem:
        raise _unreadable(queue, text) from problem


def write_offsets(offsets: Mapping[str, int]) -> str:
    """Return a sink's state as the original writes it."""
    return json.dumps(dict(offsets), separators=(",", ":"))


def name_of(place: TopicPartition) -> str:
    """Return the key of a partition in a sink's state."""
    return f"{place.topic}-{place.partition}"
