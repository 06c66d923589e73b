"""Storms over clusters, by seeds: nobody runs twice in them, and all is right after them."""

from __future__ import annotations

import logging
import warnings

import pytest
from hypothesis import settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of kafka-python, at its import
    from tests.simulation.storms import Storm

RUNS = settings().max_examples


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


def test_in_no_storm_two_workers_own_or_run_the_same() -> None:
    """The storm checks it in every tick, and names its seed when it is not so."""
    acknowledged = 0
    for seed in range(RUNS):
        storm = Storm(seed)
        storm.blow(80)
        acknowledged += storm.figures.acknowledged
    assert acknowledged > RUNS
