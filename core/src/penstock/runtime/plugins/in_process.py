"""Plugins of this process alone: of a notebook, a test, an application that embeds Penstock."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from penstock.api import hookimpl
from penstock.errors import PluginError
from penstock.runtime.plugins.hooks import plugin_manager, register
from penstock.runtime.plugins.loading import BASES
from penstock.runtime.plugins.registry import registry

__all__ = ["register_classes", "registered"]

_NUMBERS: Final = itertools.count(1)


class _Registration:
    """A hook plugin that returns some classes."""

    def __init__(self, classes: Mapping[str, type[Any]]) -> None:
        self._classes = classes

    @hookimpl
    def register_connectors(self) -> Mapping[str, type[Any]]:
        return self._classes


def register_classes(*classes: type[Any], **named: type[Any]) -> Mapping[str, type[Any]]:
    """Make classes known to this process by their names; a name given as keyword goes before.

    A transform, predicate, converter or connector is known by its class name, one made by a short
    form by the name it was given. A class of the same name that was registered so before, such as
    by the former run of a notebook's cell, gives way.

    Returns:
        Each name with its class.

    Raises:
        PluginError: one is no plugin class.
    """
    found = {getattr(cls, "plugin_name", cls.__name__): cls for cls in classes} | named
    _add(found)
    return found


def _add(found: Mapping[str, type[Any]]) -> _Registration:
    bases = tuple(BASES.values())
    for name, cls in found.items():
        if not (isinstance(cls, type) and issubclass(cls, bases)):
            raise PluginError(f"'{name}' is no plugin class: {cls!r}")
    for earlier in _registrations():
        _narrow(earlier, without=found)
    return _enter(found)


def _registrations() -> list[_Registration]:
    return [one for one in plugin_manager().get_plugins() if isinstance(one, _Registration)]


def _narrow(registration: _Registration, without: Collection[str]) -> None:
    """Take some names out of a registration."""
    held = registration.register_connectors()
    kept = {name: cls for name, cls in held.items() if name not in without}
    if len(kept) < len(held):
        plugin_manager().unregister(registration)
        if kept:
            _enter(kept)
    registry.cache_clear()


def _enter(found: Mapping[str, type[Any]]) -> _Registration:
    added = _Registration(found)
    register(added, f"in-process-{next(_NUMBERS)}")
    registry.cache_clear()
    return added


def _held() -> dict[str, type[Any]]:
    return {
        name: cls for one in _registrations() for name, cls in one.register_connectors().items()
    }


@contextlib.contextmanager
def registered(*classes: type[Any], **named: type[Any]) -> Iterator[Mapping[str, type[Any]]]:
    """Make classes known as :func:`register_classes` does, until the block ends.

    Then whoever had the names before has them again. A class that was registered under one of
    the names within the block, and is still there, is forgotten with it.
    """
    found = {getattr(cls, "plugin_name", cls.__name__): cls for cls in classes} | named
    before = {name: cls for name, cls in _held().items() if name in found}
    _add(found)
    try:
        yield found
    finally:
        for one in _registrations():
            _narrow(one, without=found)
        if before:
            _enter(before)
