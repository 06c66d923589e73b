"""The pytest plugin that comes with an installed Penstock: fixtures for plugins under test.

It imports neither hypothesis nor the rest of Penstock before a fixture is used, so that it costs
other test suites nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

__all__ = ["penstock_chain", "penstock_plugin", "penstock_register"]


@pytest.fixture
def penstock_plugin() -> Iterator[Callable[..., Any]]:
    """Make opened plugins, which are closed when the test ends.

    ``penstock_plugin("Cast", {"spec": "id:int64"})`` by any name that a configuration may use, or
    by a class: ``penstock_plugin(MyTransform, {...})``.
    """
    from penstock.runtime.plugins import registry  # noqa: PLC0415 - see the module
    from penstock.testing import made  # noqa: PLC0415 - likewise

    opened: list[Any] = []

    def make(
        plugin: Any, config: Mapping[str, str] | None = None, *, kind: str | None = None
    ) -> Any:
        cls = plugin
        if isinstance(plugin, str):
            cls = registry().load_plugin(registry().find(plugin, kind))
        found = made(cls, config)
        opened.append(found)
        return found

    yield make
    for one in reversed(opened):
        one.close()


@pytest.fixture
def penstock_register() -> Iterator[Callable[..., Any]]:
    """Make classes known to this process by name; they are forgotten when the test ends."""
    import contextlib  # noqa: PLC0415 - see the module

    from penstock.runtime.plugins.in_process import registered  # noqa: PLC0415 - likewise

    with contextlib.ExitStack() as stack:

        def add(*classes: type[Any], **named: type[Any]) -> Any:
            return stack.enter_context(registered(*classes, **named))

        yield add


@pytest.fixture
def penstock_chain(
    penstock_plugin: Callable[..., Any],
) -> Callable[..., Sequence[Any]]:
    """Run records through transforms one after the other; what is dropped is left out.

    ``penstock_chain([record], ("HoistField", {"field": "line"}), MyTransform)``.
    """

    def run(records: Sequence[Any], *steps: Any) -> Sequence[Any]:
        chain = [
            penstock_plugin(*step) if isinstance(step, tuple) else penstock_plugin(step)
            for step in steps
        ]
        left = list(records)
        for transform in chain:
            changed = [transform.apply(record) for record in left]
            left = [record for record in changed if record is not None]
        return left

    return run
