"""The pytest plugin that comes with an installed Penstock: fixtures for plugins under test.

It imports neither hypothesis nor the rest of Penstock before a fixture is used, so that it costs
other test suites nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

__all__ = ["penstock_chain", "penstock_plugin", "penstock_register"]


@pytest.fixture
def penstock_plugin() -> Iterator[Callable[..., Any]]:
    """Make opened plugins, which are closed when the test ends.

    ``penstock_plugin("Cast$Key", {"spec": "int64"})`` by any name that a configuration may use, or
    by a class: ``penstock_plugin(MyTransform, {...})``. Several kinds may have one name:
    ``penstock_plugin("String", kind="header_converters")``.
    """
    from penstock.runtime.plugins import registry  # noqa: PLC0415 - see the module
    from penstock.testing import made  # noqa: PLC0415 - likewise

    with contextlib.ExitStack() as stack:

        def make(
            plugin: Any,
            config: Mapping[str, str] | None = None,
            *,
            kind: str | None = None,
            is_key: bool = False,
        ) -> Any:
            cls, side = plugin, None
            if isinstance(plugin, str):
                info = registry().find(plugin, kind)
                cls, side = registry().load_plugin(info), info.side
            found = made(cls, config, side=side, is_key=is_key)
            stack.callback(found.close)
            return found

        yield make


@pytest.fixture
def penstock_register() -> Iterator[Callable[..., Any]]:
    """Make classes known to this process by name; they are forgotten when the test ends."""
    from penstock.runtime.plugins.in_process import registered  # noqa: PLC0415 - see the module

    with contextlib.ExitStack() as stack:

        def add(*classes: type[Any], **named: type[Any]) -> Any:
            return stack.enter_context(registered(*classes, **named))

        yield add


@pytest.fixture
def penstock_chain() -> Iterator[Callable[..., Sequence[Any]]]:
    """Run records through a connector's transforms and predicates, as its task would.

    ``penstock_chain([record], {"transforms": "h", "transforms.h.type": "HoistField$Value", ...})``
    takes the keys of a connector's configuration; ``penstock_chain([record], ("HoistField",
    {"field": "line"}), MyTransform)`` takes transforms one by one: names, classes or instances,
    alone or with their settings. What is dropped is left out of the records that are returned. An
    error is raised as it is, a DataError mostly.
    """
    from penstock.testing._chain import run_chain  # noqa: PLC0415 - see the module

    with contextlib.ExitStack() as stack:

        def run(records: Sequence[Any], *steps: Any) -> Sequence[Any]:
            return run_chain(records, steps, stack)

        yield run
