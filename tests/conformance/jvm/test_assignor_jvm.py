"""How connectors and tasks are shared, round after round, beside the Java assignors.

Workers join, leave, come back with or without what they ran, do not hear of a round; connectors
appear and vanish; time passes; the leader misses a generation. Both assignors see the same rounds.
Where workers are equally loaded, Java's choice follows the order of a HashMap. The comparison does
not: it looks at how much each worker gets and gives up, and at which items move at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

import attrs
import jpype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.runtime.group.protocol import NOTHING, Allocation
from penstock.runtime.group.sharing import CooperativeSharer, Share
from penstock.runtime.model import TaskId
from tests.conformance.jvm.javadata import text
from tests.parts.jvm_classes import java_class

pytestmark = pytest.mark.integration
PACKAGE = "org.apache.kafka.connect.runtime.distributed."
DELAY_MAX_MS = 10_000
WORKERS = ("w0", "w1", "w2", "w3", "w4")
CONNECTORS = ("p", "x")


@attrs.frozen
class Round:
    """What happened before a rebalance.

    Attributes:
        alive: who joins it.
        kept: who of those came back with what it ran when it was last seen.
        deaf: who does not hear of its result, and runs on as it did.
        configured: task counts by connector.
        passed_ms: time since the last one.
        missed: the leader did not see the last generation completed.
    """

    alive: frozenset[str]
    kept: frozenset[str]
    deaf: frozenset[str]
    configured: Mapping[str, int]
    passed_ms: int
    missed: bool


CONFIGURED = st.dictionaries(st.sampled_from(CONNECTORS), st.integers(0, 5))
SOME = st.frozensets(st.sampled_from(WORKERS), max_size=2)
PASSED = st.sampled_from([0, 1, 50, 2_000, DELAY_MAX_MS - 1, DELAY_MAX_MS, 30_000])
ROUND = st.builds(
    Round,
    alive=st.frozensets(st.sampled_from(WORKERS), min_size=1),
    kept=SOME,
    deaf=SOME,
    configured=CONFIGURED,
    passed_ms=PASSED,
    missed=st.sampled_from([False] * 7 + [True]),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Round]:
    """Return rounds of which many change little, as they do in life."""
    found = [draw(ROUND)]
    for _ in range(draw(st.integers(1, 10))):
        last = found[-1]
        fresh = draw(ROUND)
        alive = draw(st.sampled_from([last.alive, last.alive, fresh.alive]))
        configured = draw(st.sampled_from([last.configured, last.configured, fresh.configured]))
        calm = draw(st.booleans())
        deaf = frozenset[str]() if calm else fresh.deaf
        found.append(attrs.evolve(fresh, alive=alive, configured=configured, deaf=deaf))
    return found


def everything(configured: Mapping[str, int]) -> Allocation:
    tasks = frozenset(TaskId(name, n) for name, count in configured.items() for n in range(count))
    return Allocation(frozenset(configured), tasks)


class JavaAssignor:
    """The original, with a clock that the test moves."""

    def __init__(self, delay_max_ms: int) -> None:
        self.now_ms = 1_000
        clock = jpype.JProxy("org.apache.kafka.common.utils.Time", inst=self)
        log = java_class("org.apache.kafka.common.utils.LogContext")()
        made = java_class(f"{PACKAGE}IncrementalCooperativeAssignor")
        self._assignor = made(log, clock, delay_max_ms)
        methods = made.class_.getDeclaredMethods()
        self._perform = next(
            m
            for m in methods
            if m.getName() == "performTaskAssignment" and m.getParameterCount() == 4
        )
        self._delay = made.class_.getDeclaredField("delay")
        self._candidates = made.class_.getDeclaredField("candidateWorkersForReassignment")
        for one in (self._perform, self._delay, self._candidates):
            one.setAccessible(True)

    def milliseconds(self) -> int:
        """Return the time, to Java."""
        return self.now_ms

    def favours(self) -> bool:
        """Return whether it remembers workers that came empty, to give them all that was lost."""
        return bool(self._candidates.get(self._assignor).size())

    def share(
        self, owned: Mapping[str, Allocation], state: Any, generation: int, last_generation: int
    ) -> tuple[dict[str, Share], int]:
        """Return what `CooperativeSharer.share` returns."""
        members = java_class("java.util.LinkedHashMap")()
        for member, has in sorted(owned.items()):
            members.put(text(member), java_allocation(has))
        whole = java_class("java.lang.Integer")
        given = [state, whole(last_generation), whole(generation), members]
        found = self._perform.invoke(self._assignor, given)
        shares = {
            member: Share(
                of_java(
                    asked(found, "newlyAssignedConnectors", member),
                    asked(found, "newlyAssignedTasks", member),
                ),
                of_java(
                    asked(found, "newlyRevokedConnectors", member),
                    asked(found, "newlyRevokedTasks", member),
                ),
            )
            for member in owned
        }
        return shares, int(self._delay.get(self._assignor))


def asked(found: Any, name: str, member: str) -> Any:
    """Return what a package-private getter of the result says of a member."""
    string = java_class("java.lang.String").class_
    method = found.getClass().getDeclaredMethod(name, [string])
    method.setAccessible(True)
    return method.invoke(found, [text(member)])


def of_java(connectors: Any, tasks: Any) -> Allocation:
    return Allocation(
        frozenset(str(one) for one in connectors),
        frozenset(TaskId(str(one.connector()), int(one.task())) for one in tasks),
    )


def java_collections(items: Allocation) -> tuple[Any, Any]:
    connectors, tasks = (java_class("java.util.TreeSet")() for _ in range(2))
    for name in sorted(items.connectors):
        connectors.add(text(name))
    made = java_class("org.apache.kafka.connect.util.ConnectorTaskId")
    for task in sorted(items.tasks):
        tasks.add(made(text(task.connector), task.task))
    return connectors, tasks


def java_allocation(items: Allocation) -> Any:
    builder = java_class(f"{PACKAGE}WorkerCoordinator$ConnectorsAndTasks$Builder")
    return builder().with_(*java_collections(items)).build()


def java_state(configured: Mapping[str, int]) -> Any:
    """Return a ClusterConfigState with the connectors and as many tasks."""
    empty = java_class("java.util.HashMap")
    none = java_class("java.util.HashSet")
    counts, configs, targets, tasks = empty(), empty(), empty(), empty()
    made = java_class("org.apache.kafka.connect.util.ConnectorTaskId")
    whole = java_class("java.lang.Integer")
    started = java_class("org.apache.kafka.connect.runtime.TargetState").STARTED
    for name, count in configured.items():
        counts.put(text(name), whole(count))
        configs.put(text(name), empty())
        targets.put(text(name), started)
        for number in range(count):
            tasks.put(made(text(name), number), empty())
    state = java_class("org.apache.kafka.connect.storage.ClusterConfigState")
    return state(
        7, None, counts, configs, targets, tasks, empty(), empty(), empty(), none(), none()
    )


def after(
    owned: Mapping[str, Allocation], shares: Mapping[str, Share], deaf: Iterable[str]
) -> dict[str, Allocation]:
    return {
        member: has
        if member in deaf
        else has.minus(shares[member].revoked).plus(shares[member].added)
        for member, has in owned.items()
    }


def play(history: Sequence[Round], delay_max_ms: int) -> None:
    theirs, ours = JavaAssignor(delay_max_ms), CooperativeSharer(delay_max_ms)
    runs: dict[str, Allocation] = {}
    before = attrs.evolve(history[0], alive=frozenset(), configured={})
    for number, one in enumerate(history, start=1):
        theirs.now_ms += one.passed_ms
        last = number - 2 if one.missed else number - 1
        configured = everything(one.configured)
        # What was deleted and of which Java's leader knows nothing is another test's.
        known = configured if one.missed else configured.plus(everything(before.configured))
        owned = {
            member: both(runs.get(member, NOTHING), known)
            if member in one.kept | before.alive
            else NOTHING
            for member in sorted(one.alive)
        }
        favours = theirs.favours()
        wanted, delay = theirs.share(owned, java_state(one.configured), number, last)
        got, ours_delay = ours.share(
            owned, configured, generation=number, last_generation=last, now_ms=theirs.now_ms
        )
        told = f"round {number} of {history}: {owned}"
        assert ours_delay == delay, told
        if favours and delay == 0:
            assert_as_good(got, wanted, told)
            return  # from here on the two remember different rounds
        assert got == wanted, told
        runs = {**runs, **after(owned, wanted, one.deaf)}
        before = one


def size(items: Allocation) -> int:
    return len(items.connectors) + len(items.tasks)


def assert_as_good(got: Mapping[str, Share], wanted: Mapping[str, Share], told: str) -> None:
    """Compare where Java gives what was lost to those that came empty, we to the least loaded."""
    # Java may take back in the same round what is too much for whom it gave it to.
    assert placed(got) >= placed(wanted), told
    stopped = [sum(size(one.revoked) for one in shares.values()) for shares in (got, wanted)]
    assert stopped[0] <= stopped[1], told


def placed(shares: Mapping[str, Share]) -> set[str | TaskId]:
    added = [one.added for one in shares.values()]
    return {item for one in added for item in (*one.connectors, *one.tasks)}


def both(one: Allocation, other: Allocation) -> Allocation:
    return Allocation(one.connectors & other.connectors, one.tasks & other.tasks)


@settings(deadline=None, max_examples=150)
@given(history=histories(), delay_max_ms=st.sampled_from([0, DELAY_MAX_MS, DELAY_MAX_MS]))
def test_rounds_share_as_the_java_assignor_does(
    jvm: ModuleType, history: list[Round], delay_max_ms: int
) -> None:
    play(history, delay_max_ms)


def test_what_was_deleted_is_revoked_by_a_new_leader_too(jvm: ModuleType) -> None:
    # Java's leader that saw no last generation knows of no deletion, and lets it run.
    theirs, ours = JavaAssignor(0), CooperativeSharer(0)
    owned = {"w0": everything({"p": 1})}
    java_shares, _ = theirs.share(owned, java_state({}), 5, 4)
    shares, _ = ours.share(owned, NOTHING, generation=5, last_generation=4, now_ms=0)
    assert java_shares["w0"] == Share()
    assert shares["w0"] == Share(revoked=owned["w0"])
