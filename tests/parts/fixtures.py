"""Pytest fixtures for real parts, each started when a test first asks for it.

Where a registry cannot be reached, the tests that need its parts are skipped with the reason, or
fail when `PENSTOCK_TEST_REQUIRE_PARTS` is set. Name this module in `pytest_plugins`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.parts import jvm_connect
from tests.parts.broker import KafkaBroker
from tests.parts.maven import PartsUnavailableError


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[KafkaBroker]:
    """Give a broker that all tests of a run share: name topics and groups of your own."""
    broker = KafkaBroker()
    with contextlib.closing(broker):
        with _unavailable_skips():
            broker.start()
        broker.open_groups()
        yield broker


@pytest.fixture(scope="session")
def jvm_connect_jars() -> list[Path]:
    """Give the jars of Kafka Connect, having fetched them."""
    with _unavailable_skips():
        return jvm_connect.class_path()


@pytest.fixture(scope="session")
def jvm() -> ModuleType:
    """Give `tests.parts.jvm_classes` with its Java machine running."""
    # The bridge is imported, and its machine started, only by tests that compare with Java.
    from tests.parts import jvm_classes  # noqa: PLC0415

    with _unavailable_skips():
        jvm_classes.start_jvm()
    return jvm_classes


@contextlib.contextmanager
def _unavailable_skips() -> Iterator[None]:
    """Turn a missing registry into a skip, unless parts are required."""
    try:
        yield
    except PartsUnavailableError as error:
        if os.environ.get("PENSTOCK_TEST_REQUIRE_PARTS"):
            raise
        pytest.skip(f"no real parts: {error}")
