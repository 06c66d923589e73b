from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fake_installs import install

from penstock.api import Transform, hookimpl
from penstock.config import NoConfig
from penstock.errors import PluginError
from penstock.runtime.plugins import registry
from penstock.runtime.plugins.hooks import Notifier, plugin_manager, register

pytestmark = pytest.mark.usefixtures("fresh")


class Listener:
    def __init__(self) -> None:
        self.seen: list[Any] = []

    @hookimpl
    def task_started(self, connector: str, task: int) -> None:
        self.seen.append((connector, task))

    @hookimpl
    def batch_sent(self, records: int) -> None:
        self.seen.append(records)


class Raising:
    @hookimpl
    def task_started(self) -> None:
        raise RuntimeError("not today")


class Exiting:
    @hookimpl
    def task_started(self) -> None:
        raise SystemExit(3)


class Misspelt:
    @hookimpl
    def task_startet(self) -> None: ...


class Upper(Transform[NoConfig]):
    pass


def test_listeners_are_told_what_they_ask_for() -> None:
    listener = Listener()
    register(listener, "mine")
    notifier = Notifier()
    notifier.task_started("orders", 0)
    notifier.batch_sent("orders", 0, 17, 1000)
    assert listener.seen == [("orders", 0), 17]


def test_events_nobody_listens_to_are_told_to_nobody() -> None:
    notifier = Notifier()
    notifier.task_failed("orders", 0, ValueError())
    notifier.task_stopped("orders", 0)
    notifier.connector_started("orders")
    notifier.connector_failed("orders", "why")
    notifier.connector_stopped("orders")
    notifier.offsets_committed("orders", 0)
    notifier.record_failed("orders", 0, "TRANSFORMATION", None, ValueError())


@pytest.mark.parametrize("bad", [Raising(), Exiting()])
@pytest.mark.parametrize("bad_first", [True, False])
def test_raising_listener_is_logged_by_name_and_harms_nobody(
    caplog: pytest.LogCaptureFixture, bad: Any, bad_first: bool
) -> None:
    listener = Listener()
    both = [("bad", bad), ("good", listener)]
    for name, one in both if bad_first else reversed(both):
        register(one, name)
    Notifier().task_started("orders", 0)
    assert listener.seen == [("orders", 0)]
    assert "hook plugin 'bad' failed in task_started" in caplog.text


def test_misspelt_hook_is_refused_and_taken_out() -> None:
    with pytest.raises(PluginError, match=r"'mine' is refused: .*task_startet"):
        register(Misspelt(), "mine")
    assert plugin_manager().get_plugin("mine") is None
    register(Listener(), "mine")


def test_taken_name_is_refused_and_the_first_stays() -> None:
    first = Listener()
    register(first, "mine")
    with pytest.raises(PluginError, match="'mine' is refused"):
        register(Listener(), "mine")
    assert plugin_manager().get_plugin("mine") is first


def test_class_registered_in_process_is_found() -> None:
    class Mine:
        @hookimpl
        def register_transforms(self) -> Mapping[str, type[Any]]:
            return {"upper": Upper}

    register(Mine(), "mine")
    assert registry().load("transforms", "upper") is Upper
    assert registry().resolve("transforms", "upper").distribution == "in process"


@pytest.mark.parametrize("returned", [{"upper": 5}, {"upper": dict}, 5, None, {}])
def test_nonsense_registered_in_process_is_logged_or_ignored(
    caplog: pytest.LogCaptureFixture, returned: Any
) -> None:
    class Mine:
        @hookimpl
        def register_transforms(self) -> Any:
            return returned

    register(Mine(), "mine")
    assert registry().resolve("transforms", "RegexRouter")
    assert ("hook plugin 'mine'" in caplog.text) == bool(returned)


@pytest.mark.parametrize(
    "code",
    [
        "import no_such_library_here",
        "raise SystemExit(1)",
        """
        from penstock.api import hookimpl

        @hookimpl
        def task_startet(): ...
        """,
    ],
)
def test_installed_listener_that_is_broken_is_left_out(
    site: Path, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    install(site, "acme_bad", "[penstock.hooks]\nbad = acme_bad\n", code=code)
    good = """
        from penstock.api import hookimpl
        seen = []

        @hookimpl
        def task_started(connector):
            seen.append(connector)
    """
    install(site, "acme_good", "[penstock.hooks]\ngood = acme_good\n", code=good)
    with caplog.at_level(logging.ERROR):
        Notifier().task_started("orders", 0)
    assert importlib.import_module("acme_good").seen == ["orders"]
    assert "hook plugin 'acme-bad:bad' (acme_bad) is left out" in caplog.text


def test_same_entry_point_name_in_two_distributions_is_two_listeners(site: Path) -> None:
    code = """
        from penstock.api import hookimpl
        seen = []

        @hookimpl
        def task_started(task):
            seen.append(task)
    """
    for name in ("acme_one", "acme_two"):
        install(site, name, f"[penstock.hooks]\nmetrics = {name}\n", code=code)
    Notifier().task_started("orders", 4)
    for name in ("acme_one", "acme_two"):
        assert importlib.import_module(name).seen == [4]
