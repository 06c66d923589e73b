from __future__ import annotations

from collections.abc import Iterator

import pytest
from validation_doubles import Installed

from penstock.runtime.plugins import registry
from penstock.runtime.plugins.hooks import plugin_manager, register


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    plugin_manager.cache_clear()
    registry.cache_clear()
    register(Installed(), "tests")
    yield
    plugin_manager.cache_clear()
    registry.cache_clear()
