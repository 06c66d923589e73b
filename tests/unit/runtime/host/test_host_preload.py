from __future__ import annotations

import gc
import sys

import pytest

from penstock.runtime.host import forkserver
from penstock.runtime.host.warm_up import warm_up


def test_modules_are_imported_names_loaded_and_functions_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gc, "freeze", lambda: None)
    monkeypatch.setattr(forkserver, "running_threads", lambda: 1)
    called: list[str] = []
    monkeypatch.setattr(sys, "some_function", lambda: called.append("called"), raising=False)
    forkserver.preload(["missing.module", "sys:missing", "colorsys", "sys:some_function()"])
    assert "colorsys" in sys.modules
    assert called == ["called"]


def test_threads_of_preloaded_modules_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gc, "freeze", lambda: None)
    monkeypatch.setattr(forkserver, "running_threads", lambda: 2)
    forkserver.preload([])
    assert "started threads" in capsys.readouterr().err


def test_the_warm_up_works() -> None:
    warm_up()  # in the fork server its failure would only cost memory and time
