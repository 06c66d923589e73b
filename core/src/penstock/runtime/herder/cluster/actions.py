"""What the herder of a cluster has done for it, beside what every herder has. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from penstock.errors import ConnectError
from penstock.runtime.herder.cluster.events import Allocation
from penstock.runtime.herder.state import Action
from penstock.runtime.storage.config_records import ConfigRecord, writing
from penstock.runtime.storage.status_records import Status, StatusKey, TopicUse, TopicUseKey

__all__ = [
    "AskFence",
    "CatchUp",
    "ClaimWrites",
    "ElsewhereError",
    "EndLeases",
    "FenceProducers",
    "GrantLease",
    "LeaveGroup",
    "MakeSessionKey",
    "PublishTasks",
    "Rejoin",
    "Release",
    "SetLevel",
    "Wake",
    "WriteConfig",
    "WriteStatus",
    "WriteTopicUse",
]


@attrs.frozen
class WriteConfig(Action):
    """Write records to the config topic, each group acknowledged and read back before the next.

    Answered by :class:`..events.Written`, once the events of what was read are in the mailbox.
    """

    write: int
    groups: Sequence[Sequence[ConfigRecord]]

    @property
    def stage(self) -> str:
        """See :class:`Action`."""
        return writing(self.groups[0][0])


@attrs.frozen
class WriteStatus(Action):
    """Write a status; None takes it away. Nobody waits for it."""

    key: StatusKey
    status: Status | None


@attrs.frozen
class WriteTopicUse(Action):
    """Note in the status topic that a connector uses a topic; None forgets it."""

    key: TopicUseKey
    use: TopicUse | None


@attrs.frozen
class GrantLease(Action):
    """Let the hosts of this worker send, put and store until ``until_s`` (monotonic)."""

    until_s: float


@attrs.frozen
class EndLeases(Action):
    """Let no host of this worker that lives now do so any more: the place is lost."""


@attrs.frozen
class CatchUp(Action):
    """Read the config topic to its end now; a ConfigRead comes even when there is nothing new."""


@attrs.frozen
class ClaimWrites(Action):
    """Let no former leader write to the config topic any more, where the leader's writer can."""


@attrs.frozen
class Rejoin(Action):
    """Join the group again, so that its leader shares anew."""


@attrs.frozen
class Release(Action):
    """Tell the membership that these were given up: hosts of them run here no more."""

    given_up: Allocation


@attrs.frozen
class LeaveGroup(Action):
    """Leave, because this worker cannot keep up; join again after ``backoff_ms``."""

    backoff_ms: int


@attrs.frozen
class PublishTasks(Action):
    """Send the task configurations of a connector to the leader (``POST .../tasks``, signed)."""

    name: str
    url: str
    configs: Sequence[Mapping[str, str]]


@attrs.frozen
class AskFence(Action):
    """Ask the leader to fence older tasks (``PUT .../fence``, signed); a FenceTold answers."""

    name: str
    generation: int
    url: str


@attrs.frozen
class FenceProducers(Action):
    """Fence the producers of a connector's tasks 0 to ``tasks - 1``; answered ProducersFenced."""

    name: str
    tasks: int
    config: Mapping[str, str]


@attrs.frozen
class MakeSessionKey(Action):
    """Draw a new session key and write it to the config topic."""


@attrs.frozen
class SetLevel(Action):
    """Set the level of a logger on this worker."""

    logger: str
    level: str


@attrs.frozen
class Wake(Action):
    """Send a Tick at ``at_ms`` (monotonic), at the latest."""

    at_ms: int


class ElsewhereError(ConnectError):
    """Another worker must answer this request: the one at ``url``.

    The REST layer forwards the request there, or answers 409 when it was forwarded already.
    (source: RequestTargetException)
    """

    def __init__(self, message: str, url: str, *, to_leader: bool) -> None:
        """``to_leader``: the target leads, so that it may forward once more to the owner."""
        super().__init__(message)
        self.url = url
        self.to_leader = to_leader
