"""The offset tracker against a model that remembers every row."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from penstock.data import Repeat, SourceOrigin
from penstock.runtime.offsets.tracker import OffsetTracker

PARTITIONS = [{"filename": name} for name in ("a", "b", "c")]


class TrackerMachine(RuleBasedStateMachine):
    """Polls, acknowledges in any order, and asks what may be stored."""

    def __init__(self) -> None:
        super().__init__()
        self.tracker = OffsetTracker()
        self.polls: dict[int, dict[int, tuple[str, int]]] = {}
        self.rows: dict[str, list[tuple[int, bool]]] = {"a": [], "b": [], "c": []}
        self.stored: dict[str, int] = {}
        self.position = 0

    @rule(
        names=st.lists(st.sampled_from(["a", "b", "c"]), min_size=0, max_size=12),
        uniform=st.booleans(),
    )
    def poll(self, names: list[str], uniform: bool) -> None:
        if uniform and names:
            names = [names[0]] * len(names)
        offsets = []
        for name in names:
            self.position += 1
            offsets.append({"position": self.position})
            self.rows[name].append((self.position, False))
        if uniform:
            shared = Repeat({"filename": names[0]} if names else None, len(names))
            origin = SourceOrigin(partitions=shared, offsets=offsets)
        else:
            origin = SourceOrigin(partitions=[{"filename": n} for n in names], offsets=offsets)
        token = self.tracker.submit(origin)
        if names:
            self.polls[token] = {
                row: (name, offset["position"])
                for row, (name, offset) in enumerate(zip(names, offsets, strict=True))
            }

    @precondition(lambda self: self.polls)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        token = data.draw(st.sampled_from(sorted(self.polls)))
        waiting = self.polls[token]
        chosen = sorted(data.draw(st.sets(st.sampled_from(sorted(waiting)), min_size=1)))
        self.tracker.ack(token, chosen)
        for row in chosen:
            name, position = waiting.pop(row)
            places = self.rows[name]
            places[places.index((position, False))] = (position, True)
        if not waiting:
            del self.polls[token]

    @rule()
    def store(self) -> None:
        for partition, offset in self.tracker.committable():
            name = partition["filename"]
            assert offset["position"] >= self.stored.get(name, 0), "an offset went backwards"
            self.stored[name] = offset["position"]
        for name, places in self.rows.items():
            safe = 0
            for position, acknowledged in places:
                if not acknowledged:
                    break
                safe = position
            assert self.stored.get(name, 0) == safe

    @invariant()
    def pending_polls_agree(self) -> None:
        assert self.tracker.pending == len(self.polls)


TestTracker = TrackerMachine.TestCase
TestTracker.settings = settings(deadline=None)
