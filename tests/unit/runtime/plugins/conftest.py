from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from stevedore import ExtensionManager, _cache

from penstock.runtime.plugins import registry
from penstock.runtime.plugins.hooks import plugin_manager


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path that is nobody else's; what is imported from it is forgotten."""
    # Stevedore keeps what it found in memory and on disk; neither may outlive the test.
    monkeypatch.setattr(_cache, "_c", _cache.Cache(str(tmp_path / "cache")))
    monkeypatch.setattr(ExtensionManager, "ENTRY_POINT_CACHE", {})
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(str(folder)):
            del sys.modules[name]


@pytest.fixture
def fresh() -> Iterator[None]:
    """This process's own registry and hooks, made anew for the test and after it."""
    plugin_manager.cache_clear()
    registry.cache_clear()
    yield
    plugin_manager.cache_clear()
    registry.cache_clear()
