"""Older tasks of exactly-once sources are fenced before new ones start. Pure.

A worker that is to start such a task has the leader fence the producers of the connector's former
tasks first, wherever they run; the leader notes it in the config topic, so that it is done once for
each set of task configurations. (source: DistributedHerder.fenceZombieSourceTasks, KIP-618)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import attrs

from penstock.errors import (
    BadRequestError,
    ConflictError,
    ConnectError,
    NotFoundError,
    RetriableError,
)
from penstock.runtime.herder.cluster.actions import AskFence, FenceProducers, Wake
from penstock.runtime.herder.cluster.state import ClusterState, WriteDone
from penstock.runtime.herder.cluster.tasks import write
from penstock.runtime.herder.state import Action
from penstock.runtime.model import ConnectorType
from penstock.runtime.storage.config_fold import ConnectorState
from penstock.runtime.storage.config_records import TaskFencing

__all__ = [
    "Fence",
    "FenceAnswered",
    "FenceRound",
    "ask_fence",
    "asked_again",
    "begin_fencing",
    "fence_answered",
    "is_fenced",
    "producers_fenced",
]

RETRY_FIRST_MS: Final = 250
RETRY_MAX_MS: Final = 60_000

_NEWER: Final = "Fencing failed because new task configurations were generated for the connector"

FenceAnswered = Callable[[ClusterState, str, int, Exception | None], Sequence[Action]]
"""Goes on, for a connector and the generation of its tasks, once the leader has answered."""


@attrs.define
class Fence:
    """What this worker knows of the fencing that its tasks of a connector wait for.

    Attributes:
        generation: of the task configurations that it is for.
        done: the leader has said so.
        asked: the leader was asked and has not answered.
        retry_at_ms: when to ask again.
        problem: why the last try failed, for the status of the tasks.
    """

    generation: int
    done: bool = False
    asked: bool = False
    retry_at_ms: int | None = None
    delay_ms: int = RETRY_FIRST_MS
    problem: str = ""


@attrs.define
class FenceRound:
    """A round of the leader's: the tasks that it is for, and who waits for its end."""

    generation: int
    tasks: int
    waiting: list[WriteDone]


def is_fenced(state: ClusterState, name: str) -> bool:
    """Return whether the tasks of a connector may start: their forerunners can send no more."""
    found = state.snapshot.connectors[name]
    if not found.pending_fencing:
        return True
    fence = state.fences.get(name)
    return fence is not None and fence.done and fence.generation == found.generation


def ask_fence(state: ClusterState, name: str, then: FenceAnswered) -> Sequence[Action]:
    """Ask the leader to fence, unless it was asked; ``then`` is for a worker that leads."""
    generation = state.snapshot.connectors[name].generation
    fence = state.fences.get(name)
    if fence is None or fence.generation != generation:
        fence = state.fences[name] = Fence(generation)
    if fence.asked or fence.retry_at_ms is not None:
        return []
    if state.is_leader:
        fence.asked = True
        return begin_fencing(state, name, lambda error: then(state, name, generation, error))
    if state.group is None or not state.group.leader_url:
        return _try_later(state, fence)
    fence.asked = True
    return [AskFence(name, generation, state.group.leader_url)]


def fence_answered(
    state: ClusterState, name: str, generation: int, error: Exception | None
) -> Sequence[Action]:
    """Note the leader's answer; what comes of it is seen when the tasks are placed again."""
    fence = state.fences.get(name)
    if fence is None or fence.generation != generation:
        return []  # there are newer tasks, for which it is asked anew
    fence.asked = False
    if error is None:
        fence.done, fence.problem = True, ""
        return []
    # What another try cures by itself is no failure of the tasks.
    passes = isinstance(error, ConflictError | RetriableError)
    fence.problem = "" if passes else f"Failed to perform zombie fencing: {error}"
    return _try_later(state, fence)


def _try_later(state: ClusterState, fence: Fence) -> list[Action]:
    fence.retry_at_ms = state.now_ms + fence.delay_ms
    fence.delay_ms = min(fence.delay_ms * 2, RETRY_MAX_MS)
    return [Wake(fence.retry_at_ms)]


def asked_again(state: ClusterState) -> list[str]:
    """Return the connectors whose fencing is to be tried again now; forget what is gone."""
    due = []
    for name, fence in list(state.fences.items()):
        found = state.snapshot.connectors.get(name)
        if found is None or found.generation != fence.generation:
            del state.fences[name]
        elif fence.retry_at_ms is not None and fence.retry_at_ms <= state.now_ms:
            fence.retry_at_ms = None
            due.append(name)
    return due


def begin_fencing(state: ClusterState, name: str, done: WriteDone) -> Sequence[Action]:
    """Fence the former tasks of a connector, as the leader; ``done`` hears of the end.

    Raises:
        NotFoundError: there is no such connector.
        BadRequestError: it is no source, or this cluster does not deliver exactly once.
    """
    found = _source(state, name)
    if not found.pending_fencing:
        return done(None)
    ongoing = state.fencing.get(name)
    if ongoing is not None:
        ongoing.waiting.append(done)
        return []
    if _is_overtaken(state, name, found.generation):
        return done(ConflictError(_NEWER))
    older = found.fenced_tasks
    if older == 1 and len(found.tasks) == 1:
        return done(None)  # one id: the new task's own producer fences the old one's
    state.fencing[name] = FenceRound(found.generation, len(found.tasks), [done])
    if not older:
        return _note(state, name)
    return [FenceProducers(name, older, dict(found.applied or found.config))]


def _source(state: ClusterState, name: str) -> ConnectorState:
    found = state.snapshot.connectors.get(name)
    if found is None:
        raise NotFoundError(f"Connector {name} not found")
    entry = state.here.connectors.get(name)
    if entry is not None and entry.type is ConnectorType.SINK:
        raise BadRequestError(f"Connector {name} is not a source connector")
    if not state.limits.exactly_once:
        raise BadRequestError(
            f"Cannot fence tasks of {name}: exactly-once source support is not enabled on the "
            "leader; set exactly.once.source.support=enabled on every worker"
        )
    return found


def producers_fenced(state: ClusterState, name: str, error: Exception | None) -> Sequence[Action]:
    """Go on with a round once the brokers have fenced the producers, or have not."""
    ongoing = state.fencing.get(name)
    if ongoing is None:
        return []
    found = state.snapshot.connectors.get(name)
    is_old = found is None or found.generation != ongoing.generation
    if error is None and (is_old or _is_overtaken(state, name, ongoing.generation)):
        error = ConflictError(_NEWER)
    if error is None and not state.is_leader:
        error = ConflictError("Fencing failed because this worker does not lead any more")
    return _note(state, name) if error is None else _end(state, name, error)


def _is_overtaken(state: ClusterState, name: str, generation: int) -> bool:
    """Whether newer configurations are being written: a record would count as theirs."""
    return any(one == name and new > generation for one, new in state.commits.values())


def _note(state: ClusterState, name: str) -> Sequence[Action]:
    """Write that it is done; the tasks start once that is in the config topic."""
    record = TaskFencing(name, state.fencing[name].tasks)
    return write(state, [[record]], lambda error: _end(state, name, error))


def _end(state: ClusterState, name: str, error: Exception | None) -> list[Action]:
    ended = state.fencing.pop(name, None)
    if ended is None:
        return []
    wrapped = (
        error if error is None or isinstance(error, ConnectError) else ConnectError(str(error))
    )
    return [action for done in ended.waiting for action in done(wrapped)]
