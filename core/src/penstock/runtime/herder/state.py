"""What should run, what does run, and the smallest actions from one to the other. Pure.

A :class:`Slot` is the place of one host: a connector's instance or one task. The herder only ever
says what a slot should be (``wanted``, ``pause_wanted``); :func:`reconcile` compares it with what
is there and returns what to do now. Whatever happens in between, a crash, a second change, a
deletion and re-creation under the same name, the next event reconciles again.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from penstock.runtime.host.messages import Command as HostCommand
from penstock.runtime.host.messages import Pause, Progress, Resume
from penstock.runtime.model import ConnectorType, State, TargetState, TaskId
from penstock.runtime.stages import VALIDATING

__all__ = [
    "Action",
    "ConnectorEntry",
    "HerderState",
    "HostKey",
    "OffsetsWork",
    "Phase",
    "Reply",
    "Say",
    "SendToHost",
    "Slot",
    "Spec",
    "StartHost",
    "Startups",
    "StopHost",
    "Validate",
    "Waits",
    "reconcile",
]

HostKey = str | TaskId
"""A connector's name stands for its instance."""


class Phase(enum.Enum):
    """What is in a slot."""

    IDLE = "idle"
    LIVE = "live"
    STOPPING = "stopping"


@attrs.frozen
class Spec:
    """What a host is started with. ``connector_config`` is empty for a connector's own host.

    An ``exactly_once`` task belongs to a ``generation`` of its connector's tasks: with the next one
    it starts anew, since its producer is fenced with all others.
    """

    config: Mapping[str, str]
    connector_config: Mapping[str, str] = attrs.field(factory=dict)
    exactly_once: bool = False
    generation: int = 0


@attrs.define
class Slot:
    """The place of one host, and its status as users see it.

    ``failed`` keeps a slot idle until somebody restarts it or changes its spec; ``fenced`` says
    that another producer had its transactional id, which a restart may cure. ``held``: nothing
    may start here yet. ``ttl_ms`` is how long values that its host got from config providers live,
    and ``reload_at_ms`` (monotonic) when it is to start anew for others.
    """

    key: HostKey
    wanted: Spec | None = None
    pause_wanted: bool = False
    running: Spec | None = None
    phase: Phase = Phase.IDLE
    incarnation: int | None = None
    paused: bool = False
    failed: bool = False
    fenced: bool = False
    held: bool = False
    state: State = State.UNASSIGNED
    trace: str = ""
    version: str | None = None
    restarts: int = 0
    figures: Progress | None = None
    starting: bool = False
    ttl_ms: int | None = None
    reload_at_ms: int | None = None

    def want(self, spec: Spec | None, *, paused: bool) -> None:
        """Say what should run here; a changed spec gives a failed slot another chance."""
        if spec != self.wanted:
            self.failed = self.fenced = False
        self.wanted = spec
        self.pause_wanted = paused

    def restart(self) -> None:
        """Have a new host started, whatever is there now."""
        self.failed = self.fenced = False
        self.running = None
        self.trace = ""
        self.restarts += 1
        self.state = State.RESTARTING


@attrs.define
class Startups:
    """How many hosts of one kind were started on this worker (source: WorkerMetricsGroup)."""

    attempts: int = 0
    succeeded: int = 0
    failed: int = 0


@attrs.define
class ConnectorEntry:
    """A connector as its user configured it; ``topics`` that its tasks used, on a lone worker."""

    name: str
    config: dict[str, str]
    type: ConnectorType = ConnectorType.UNKNOWN
    target: TargetState = TargetState.STARTED
    task_configs: list[dict[str, str]] = attrs.field(factory=list)
    topics: dict[str, None] = attrs.field(factory=dict)


@attrs.define
class HerderState:
    """All connectors and slots. ``validating`` are requests that wait for their validation."""

    connectors: dict[str, ConnectorEntry] = attrs.field(factory=dict)
    slots: dict[HostKey, Slot] = attrs.field(factory=dict)
    validating: dict[int, Any] = attrs.field(factory=dict)
    connector_startups: Startups = attrs.field(factory=Startups)
    task_startups: Startups = attrs.field(factory=Startups)

    def startups(self, key: HostKey) -> Startups:
        """Return where the starts of such a host are counted."""
        return self.task_startups if isinstance(key, TaskId) else self.connector_startups

    def slot(self, key: HostKey) -> Slot:
        """Return the slot of a host; makes it when it is new."""
        found = self.slots.get(key)
        if found is None:
            found = self.slots[key] = Slot(key)
        return found

    def tasks_of(self, name: str) -> list[Slot]:
        """Return the slots of a connector's tasks, by number."""
        found = [
            slot
            for key, slot in self.slots.items()
            if isinstance(key, TaskId) and key.connector == name
        ]
        return sorted(found, key=lambda slot: slot.key.task if isinstance(slot.key, TaskId) else -1)


class Action:
    """Something for the driver to carry out."""

    @property
    def stage(self) -> str:
        """What a request waits for until this is done; empty when for nothing."""
        return ""


@attrs.frozen
class Waits(Action):
    """A request waits for something that was begun already, which ``stage`` names."""

    request: int
    text: str

    @property
    def stage(self) -> str:
        """See :class:`Action`."""
        return self.text


@attrs.frozen
class StartHost(Action):
    """Start a host in this slot; the driver answers with a HostStarted event."""

    key: HostKey
    spec: Spec
    paused: bool


@attrs.frozen
class StopHost(Action):
    """End the host in this slot in good order, or by force when its time is over."""

    key: HostKey


@attrs.frozen
class SendToHost(Action):
    """Send a command to the host in this slot."""

    key: HostKey
    command: HostCommand


@attrs.frozen
class Validate(Action):
    """Validate a configuration in a host of its own; answered by a Validated event."""

    request: int
    config: Mapping[str, str | None]

    @property
    def stage(self) -> str:
        """See :class:`Action`."""
        return VALIDATING


@attrs.frozen
class Reply(Action):
    """Answer a request, with plain JSON data or an error."""

    request: int
    result: Any = None
    error: Exception | None = None


@attrs.frozen
class Say(Action):
    """Write a warning to the log."""

    text: str


@attrs.frozen
class OffsetsWork(Action):
    """Read (``change`` False) or alter a connector's offsets, and answer the request with it.

    ``offsets`` as in :class:`penstock.runtime.herder.commands.AlterOffsets`.
    """

    request: int
    name: str
    config: Mapping[str, str]
    type: ConnectorType
    change: bool = False
    offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]] | None = None

    @property
    def stage(self) -> str:
        """See :class:`Action`."""
        return f"{'modifying' if self.change else 'reading'} offsets for connector {self.name}"


def reconcile(slot: Slot) -> list[Action]:
    """Return what brings the slot nearer to what is wanted, and note that it was begun."""
    if slot.phase is Phase.STOPPING:
        return []
    if slot.phase is Phase.LIVE:
        if slot.wanted is None or slot.wanted != slot.running:
            slot.phase = Phase.STOPPING
            return [StopHost(slot.key)]
        if slot.pause_wanted != slot.paused and not slot.failed:
            slot.paused = slot.pause_wanted
            return [SendToHost(slot.key, Pause() if slot.paused else Resume())]
        return []
    if slot.wanted is None or slot.failed or slot.held:
        return []
    slot.phase = Phase.LIVE
    slot.running = slot.wanted
    slot.paused = slot.pause_wanted
    slot.trace = ""
    return [StartHost(slot.key, slot.wanted, paused=slot.paused)]
