"""Log levels by the original's names, on Python's loggers."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from penstock.errors import BadRequestError
from penstock.runtime.host.inbox import Inbox
from penstock.runtime.host.messages import Event, SetLevel, decode, encode
from penstock.runtime.levels import LevelBook


class Clock:
    def now_ms(self) -> int:
        return 17

    def monotonic_s(self) -> float:
        return 0.0


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    names = ["lv", "lv.a", "lv.a.b", "lvx"]
    for name in names:
        logging.getLogger(name).setLevel(logging.INFO)
    yield
    for name in names:
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_a_level_holds_for_all_below_and_tells_what_changed() -> None:
    book = LevelBook(Clock())
    logging.getLogger("lv.a").setLevel(logging.DEBUG)
    assert book.set("lv", "debug") == ["lv", "lv.a.b"]
    assert logging.getLogger("lv.a.b").level == logging.DEBUG
    assert logging.getLogger("lvx").level == logging.INFO
    found = book.all()
    assert found["lv"].to_json() == {"level": "DEBUG", "last_modified": 17}
    assert found["lv.a"].to_json() == {"level": "DEBUG", "last_modified": None}
    assert list(found) == sorted(found)
    assert "root" in found
    assert book.chosen() == {"lv": "DEBUG"}
    assert book.set("lv", "DEBUG") == []


@pytest.mark.parametrize(
    ("level", "number"),
    [("TRACE", 5), ("WARN", logging.WARNING), ("FATAL", logging.CRITICAL), ("ERROR", 40)],
)
def test_names_of_the_original(level: str, number: int) -> None:
    book = LevelBook()
    book.set("lv", level)
    assert logging.getLogger("lv").level == number
    shown = book.get("lv")
    assert shown is not None
    assert shown.level == level


def test_off_is_not_listed_and_unknown_loggers_are_none() -> None:
    book = LevelBook()
    book.set("lv", "OFF")
    assert "lv" not in book.all()
    assert book.get("lv.nothing.such") is None
    root = book.get("")
    assert root == book.get("root")


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(BadRequestError, match="'LOUD' is no log level; one of ALL"):
        LevelBook().set("lv", "LOUD")


def test_a_host_sets_the_level_as_soon_as_it_hears() -> None:
    class Host(Inbox):
        def send(self, event: Event) -> None:
            """Say nothing."""

    told = decode(encode(SetLevel("lv", "ERROR")))
    assert told == SetLevel("lv", "ERROR")
    host = Host()
    host.deliver(told)
    assert logging.getLogger("lv.a").level == logging.ERROR
    assert host.next_command() is None
