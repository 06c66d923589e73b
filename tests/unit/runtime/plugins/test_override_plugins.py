"""Policies for client overrides that somebody else wrote."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from fake_installs import install

from penstock.runtime.override_policies import POLICY_KEY, check_policy, override_problems
from penstock.runtime.plugins import registry

pytestmark = pytest.mark.usefixtures("fresh")

CODE = """
    from penstock.api import ClientOverridePolicy
    from penstock.config import config, key

    @config
    class Keys:
        acme_forbidden: list[str] = key(default=[], doc="What nobody may override.")

    class Acme(ClientOverridePolicy[Keys]):
        def refused(self, overrides):
            if overrides.connector == "broken":
                raise RuntimeError(str(overrides.properties))
            why = f"{overrides.client}s of {overrides.connector} need it"
            return {one: why for one in overrides.properties if one in self.config.acme_forbidden}
"""
NAMES = """
    [penstock.client_override_policies]
    Acme = acme_policy:Acme
    "com.acme.AcmeConnectorClientConfigOverridePolicy" = acme_policy:Acme
"""


@pytest.fixture(autouse=True)
def installed(site: Path) -> None:
    install(site, "acme_policy", NAMES.replace('"', ""), code=CODE)
    registry.cache_clear()


@pytest.mark.parametrize("name", ["Acme", "com.acme.AcmeConnectorClientConfigOverridePolicy"])
def test_a_plugin_judges_with_the_workers_properties(name: str) -> None:
    worker = {POLICY_KEY: name, "acme.forbidden": "acks, retries"}
    check_policy(worker)
    raw = {"name": "c", "producer.override.acks": "1", "producer.override.linger.ms": "5"}
    (problem,) = override_problems(raw, worker, is_sink=False)
    assert problem.key == "producer.override.acks"
    assert problem.message.startswith("producers of c need it. Remove producer.override.acks")


def test_a_plugin_that_fails_refuses_everything_and_tells_no_value(
    caplog: pytest.LogCaptureFixture,
) -> None:
    raw = {"name": "broken", "producer.override.sasl.jaas.config": "hunter2"}
    with caplog.at_level(logging.DEBUG):
        (problem,) = override_problems(raw, {POLICY_KEY: "Acme"}, is_sink=False)
    assert problem.message.startswith("the worker's policy 'Acme' failed with RuntimeError")
    assert "hunter2" not in caplog.text + problem.message
