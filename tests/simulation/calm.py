"""What must be true of a cluster when the storm is over."""

from __future__ import annotations

from collections.abc import Iterator

from penstock.runtime.herder.state import HostKey
from penstock.runtime.model import State, TargetState, TaskId
from penstock.runtime.storage.config_records import ConnectorConfig, parse
from penstock.runtime.storage.status_records import StatusBoard
from tests.simulation.storms import CALM_TICKS_MAX, Storm

__all__ = ["check_calm", "check_moves", "troubles"]


def check_calm(storm: Storm) -> int:
    """Let ticks pass until all is right; return how many it took."""
    for ticks in range(CALM_TICKS_MAX):
        if next(troubles(storm), None) is None:
            _check_acknowledged(storm)
            return ticks
        storm.tick()
    raise AssertionError(
        f"seed {storm.seed}: not right after {CALM_TICKS_MAX} ticks: {list(troubles(storm))[:8]}"
    )


def troubles(storm: Storm) -> Iterator[str]:
    """Return what is not right yet."""
    if storm.back or storm.posts:
        yield "something is under way"
    for name, worker in storm.workers.items():
        if not worker.member.is_calm:
            yield f"{name} is not in the group's generation"
        elif worker.writes or worker.stopping or worker.herder.state.leaving:
            yield f"{name} is busy"
        elif worker.config_read < len(storm.topics.config):
            yield f"{name} has not read all"
        elif worker.herder.state.publishing:
            yield f"{name} has tasks to publish"
        elif worker.herder.state.rejoin_at_ms is not None:
            yield f"{name} waits to join again"
    yield from _wrong_places(storm)
    yield from _wrong_statuses(storm)


def _wrong_places(storm: Storm) -> Iterator[str]:
    workers = list(storm.workers.values())
    snapshot = workers[0].fold.snapshot()
    wanted: set[HostKey] = set(snapshot.connectors)
    for name, one in snapshot.connectors.items():
        wanted.update(TaskId(name, number) for number in range(len(one.tasks)))
        tasks_max = int(one.config["tasks.max"])
        if one.target is TargetState.STARTED and len(one.tasks) != tasks_max:
            yield f"{name} has {len(one.tasks)} tasks of {tasks_max}"
        if one.inconsistent and one.target is TargetState.STARTED:
            yield f"the tasks of {name} are inconsistent"
        if one.target is TargetState.STARTED and one.applied != one.config:
            yield f"the tasks of {name} are of an old configuration"
    owned: list[HostKey] = []
    for worker in workers:
        share = worker.herder.state.owned
        owned += [*share.connectors, *share.tasks]
        should = {
            key
            for key in (*share.connectors, *share.tasks)
            if key in wanted and snapshot.connectors[_name(key)].target is not TargetState.STOPPED
        }
        if should != set(worker.hosts):
            yield f"{worker.name} runs {sorted(map(str, worker.hosts))}"
        for key, (number, started) in worker.hosts.items():
            found = snapshot.connectors.get(_name(key))
            if number in worker.barred_numbers:
                yield f"{key} on {worker.name} may send no more"
            if found is None or started.spec.config != (
                found.tasks[key.task] if isinstance(key, TaskId) else found.config
            ):
                yield f"{key} runs with another configuration"
    if len(owned) != len(set(owned)) or set(owned) != wanted:
        yield f"owned is {len(owned)}, wanted {len(wanted)}"
    for kind in ("connectors", "tasks"):
        counts = [len(getattr(worker.herder.state.owned, kind)) for worker in workers]
        if max(counts) - min(counts) > 1:
            yield f"the shares of {kind} are {sorted(counts)}"


def _name(key: HostKey) -> str:
    return key.connector if isinstance(key, TaskId) else key


def _wrong_statuses(storm: Storm) -> Iterator[str]:
    board = StatusBoard()
    for record in storm.topics.status:
        board.fold(*record)
    snapshot = next(iter(storm.workers.values())).fold.snapshot()
    shown = {TargetState.STARTED: State.RUNNING, TargetState.PAUSED: State.PAUSED}
    for worker in storm.workers.values():
        for key in worker.hosts:
            status = board.get(key)
            found = snapshot.connectors.get(_name(key))
            wanted = None if found is None else shown.get(found.target)
            if status is None or (status.state, status.worker_id) != (
                wanted,
                f"{worker.name}:8083",
            ):
                yield f"the status of {key} is {status}, {wanted} on {worker.name} was expected"
    for name, one in snapshot.connectors.items():
        status = board.connector(name)
        if one.target is TargetState.STOPPED and (
            status is None or status.state is not State.STOPPED
        ):
            yield f"the status of {name} is {status}, STOPPED was expected"
        for number in board.tasks(name):
            if number >= len(one.tasks):
                yield f"{name}-{number} is gone, but has a status"
    for name in board.names() - set(snapshot.connectors):
        yield f"{name} is gone, but has a status"


def _check_acknowledged(storm: Storm) -> None:
    """What was acknowledged is the last word, or what came after it is."""
    records = [parse(*record) for record in storm.topics.config]
    for name, (version, upto) in storm.acknowledged.items():
        told = [
            None if one.config is None else one.config["version"]
            for one in records[:upto]
            if isinstance(one, ConnectorConfig) and one.name == name
        ]
        assert version in told, f"seed {storm.seed}: {name} {version} was acknowledged, is lost"
    for worker in storm.workers.values():
        assert worker.fold.snapshot() == next(iter(storm.workers.values())).fold.snapshot()


def check_moves(storm: Storm) -> None:
    """A worker comes: only what it gets moves. One goes for good: what stayed stays."""
    before = _owners(storm)
    storm.boot("late")
    check_calm(storm)
    after = _owners(storm)
    moved = {key for key, owner in after.items() if before.get(key) != owner}
    storm.figures.moves += len(moved)
    assert all(after[key] == "late" for key in moved), f"seed {storm.seed}: moved too much"
    gone = storm.rng.choice(sorted(storm.workers))
    storm.workers.pop(gone).alive = False
    for _ in range(8):
        storm.tick()
    check_calm(storm)
    for key, owner in _owners(storm).items():
        assert after[key] in (owner, gone), f"seed {storm.seed}: {key} left {after[key]}"


def _owners(storm: Storm) -> dict[HostKey, str]:
    return {
        key: name
        for name, worker in storm.workers.items()
        for share in [worker.herder.state.owned]
        for key in (*share.connectors, *share.tasks)
    }
