from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from penstock.data import TopicPartition
from penstock.runtime.embedded import liveness
from penstock.runtime.embedded.group import Member, Subscription, assign, is_expired
from penstock.runtime.embedded.liveness import Process, is_running, this_process

HERE = Process("boot", "pid:[1]", 100, 5)
MEMBER = Member("m", Subscription(("t",)), HERE, seen_s=1000.0, session_s=45, patience_s=300)


def places(n: int, topic: str = "t") -> list[TopicPartition]:
    return [TopicPartition(topic, part) for part in range(n)]


@pytest.mark.parametrize(
    ("now_s", "running", "expected"),
    [
        (1000.0, True, False),
        (1000.0, False, True),
        (1044.0, None, False),
        (1046.0, None, True),
        (1299.0, True, False),
        (1301.0, True, True),
        (999.5, True, False),
        (900.0, True, True),
        (900.0, None, True),
    ],
)
def test_expiry(now_s: float, running: bool | None, expected: bool) -> None:
    assert is_expired(MEMBER, now_s, running=running) is expected


def test_subscription_by_name_and_by_pattern() -> None:
    topics = ["a", "ab", "b"]
    assert Subscription(("a", "c")).among(topics) == {"a"}
    assert Subscription(pattern="a.*").among(topics) == {"a", "ab"}
    assert Subscription(pattern="a").among(topics) == {"a"}


@pytest.mark.parametrize("one", [Subscription(("a", "ü")), Subscription(pattern=r"\w+")])
def test_subscription_is_stored_as_text(one: Subscription) -> None:
    assert Subscription.from_json(one.to_json()) == one


def test_a_lone_member_reads_everything() -> None:
    assert assign({"a": frozenset("t")}, {"t": 3, "u": 2}, {}) == dict.fromkeys(places(3), "a")


def test_nobody_reads_what_nobody_wants() -> None:
    assert assign({"a": frozenset()}, {"t": 3}, {places(1)[0]: "a"}) == {}
    assert assign({}, {"t": 3}, {}) == {}


def test_a_newcomer_takes_its_share_and_no_more() -> None:
    wish = frozenset("t")
    before = assign({"a": wish, "b": wish}, {"t": 9}, {})
    after = assign({"a": wish, "b": wish, "c": wish}, {"t": 9}, before)
    assert sorted(list(after.values()).count(one) for one in "abc") == [3, 3, 3]
    assert sum(before[place] != after[place] for place in before) == 3


def test_a_leaver_moves_only_its_own() -> None:
    wish = frozenset("t")
    before = assign(dict.fromkeys("abc", wish), {"t": 9}, {})
    after = assign(dict.fromkeys("ab", wish), {"t": 9}, before)
    assert all(after[place] == who for place, who in before.items() if who != "c")


def test_a_process_knows_itself() -> None:
    here = this_process()
    assert here.pid == os.getpid()
    assert is_running(here, here) is True


def test_a_process_that_ended_is_seen_also_as_a_zombie() -> None:
    here = this_process()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    stat = Path(f"/proc/{child.pid}/stat").read_text()
    started = int(stat.rpartition(")")[2].split()[19])
    process = attrs.evolve(here, pid=child.pid, started=started)
    assert is_running(process, here) is True
    assert is_running(attrs.evolve(process, started=started + 1), here) is False
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
    assert is_running(process, here) is False
    child.communicate()
    assert is_running(process, here) is False


def test_what_cannot_be_seen_is_told_apart_from_what_is_gone() -> None:
    here = this_process()
    assert is_running(attrs.evolve(here, namespace="pid:[other]"), here) is None
    assert is_running(attrs.evolve(here, started=0), here) is None
    assert is_running(attrs.evolve(here, boot="earlier"), here) is False
    assert is_running(attrs.evolve(here, boot=""), here) is None


def test_a_process_that_the_system_hides_is_not_taken_for_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = this_process()
    monkeypatch.setattr(liveness, "_started", lambda _: None)
    assert is_running(here, here) is None
    monkeypatch.setattr(liveness.os, "kill", lambda *_: (_ for _ in ()).throw(PermissionError))
    assert is_running(here, here) is None
    monkeypatch.setattr(liveness.os, "kill", lambda *_: (_ for _ in ()).throw(ProcessLookupError))
    assert is_running(here, here) is False
