"""Plugins made for a test, and laws run and broken."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn

from hypothesis import HealthCheck, Phase, settings

from penstock.api import Converter, Plugin, Side, Transform
from penstock.errors import DataError, RetriableError

__all__ = ["REFUSALS", "fail", "law_settings", "made", "name_of", "opened", "refused"]

REFUSALS: Final = (DataError, RetriableError)
"""How a plugin says that it cannot: this record is bad, or not now."""


def made(
    plugin: Any,
    config: Mapping[str, str] | None = None,
    *,
    side: Side | None = None,
    is_key: bool = False,
) -> Any:
    """Return an opened plugin.

    Args:
        plugin: a plugin class, one made by a short form, a function that returns a plugin that is
            open, or an instance, which is returned as it is.
        config: the settings of a class, as texts.
        side: what a sided transform works on; the value by default.
        is_key: whether a converter is for keys.

    Raises:
        ConfigError: the settings are wrong.
    """
    if isinstance(plugin, Plugin):
        return plugin
    if not isinstance(plugin, type):
        found = plugin()
        _place(found, side, is_key)
        return found
    cls: type[Plugin[Any]] = plugin
    instance = cls(cls.config_spec().parse(dict(config or {})))
    _place(instance, side, is_key)
    instance.open()
    return instance


def _place(plugin: Any, side: Side | None, is_key: bool) -> None:
    if isinstance(plugin, Transform):
        plugin.side = side or Side.VALUE
    elif isinstance(plugin, Converter):
        plugin.is_key = is_key


@contextlib.contextmanager
def opened(plugin: Any, config: Mapping[str, str] | None = None, **place: Any) -> Iterator[Any]:
    """Make a plugin as :func:`made` does and close it in the end, unless it was given as it is."""
    found = made(plugin, config, **place)
    try:
        yield found
    finally:
        if found is not plugin:
            found.close()


def name_of(plugin: Any) -> str:
    """Return what a message calls a plugin."""
    if isinstance(plugin, Plugin):
        return type(plugin).__name__
    return str(getattr(plugin, "plugin_name", None) or getattr(plugin, "__name__", plugin))


def law_settings(max_examples: int) -> settings:
    """Return hypothesis' settings of a law: no deadline, and one broken law at a time."""
    return settings(
        max_examples=max_examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        # All but "explain", which tells lines of Penstock rather than of the plugin, at length.
        phases=[phase for phase in Phase if phase is not Phase.explain],
    )


def fail(law: str, text: str, *shown: str) -> NoReturn:
    """Fail a law in plain words: what differed, then lines that show what it was tried with."""
    raise AssertionError("\n  ".join([f"{law}: {text}", *shown]))


def refused(
    what: str, told: Sequence[str], call: Callable[..., Any], *arguments: Any
) -> tuple[Any, Exception | None]:
    """Return a call's result, or the DataError or RetriableError that it raised; any other fails.

    Args:
        what: the call, in words.
        told: lines that show what it is tried with.
        call: what is called.
        arguments: with what.
    """
    try:
        return call(*arguments), None
    except REFUSALS as error:
        return None, error
    except Exception as error:  # noqa: BLE001 - told as the broken law that it is
        fail("errors are DataErrors", f"{what} raised {error!r}", *told)
