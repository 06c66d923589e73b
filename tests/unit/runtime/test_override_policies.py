"""What the worker's policy lets connectors override of their clients."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from penstock.errors import ConfigError
from penstock.runtime.override_policies import (
    POLICY_KEY,
    check_policy,
    clients_in_use,
    override_problems,
)

JAVA = "org.apache.kafka.connect.connector.policy."
SUFFIX = "ConnectorClientConfigOverridePolicy"
ASKED = {
    "name": "c",
    "producer.override.acks": "1",
    "producer.override.sasl.jaas.config": "hunter2",
    "topics": "t",
}
ACKS = "producer.override.acks"
JAAS = "producer.override.sasl.jaas.config"


def refused(policy: str | None, more: Mapping[str, str] | None = None) -> dict[str, str]:
    worker = {} if policy is None else {POLICY_KEY: policy}
    problems = override_problems(ASKED, {**worker, **(more or {})}, is_sink=False)
    assert "hunter2" not in str(problems)
    return {one.key: one.message for one in problems}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("All", set()), ("None", {ACKS, JAAS}), ("Principal", {ACKS}), ("Allowlist", {ACKS, JAAS})],
)
def test_policies_by_every_name_of_the_original(name: str, expected: set[str]) -> None:
    for form in (name, f"{name}{SUFFIX}", f"{JAVA}{name}{SUFFIX}", f" {name} "):
        check_policy({POLICY_KEY: form})
        assert set(refused(form)) == expected


def test_without_a_policy_all_is_allowed_as_in_kafka_4() -> None:
    check_policy({})
    assert refused(None) == {}


def test_the_allowlist_is_exact() -> None:
    key = "connector.client.config.override.allowlist"
    assert set(refused("Allowlist", {key: "acks, linger.ms"})) == {JAAS}
    assert set(refused("Allowlist", {key: "ACKS,*,sasl.jaas.config"})) == {ACKS}


def test_a_refusal_begins_with_the_originals_words_and_says_what_to_do() -> None:
    assert refused("None")[ACKS] == (
        "The 'None' policy does not allow 'acks' to be overridden in the connector configuration. "
        f"Remove producer.override.acks, or change {POLICY_KEY} of the worker"
    )


@pytest.mark.parametrize("name", ["Nobody", "", "all", f"com.acme.All{SUFFIX}"])
def test_a_policy_that_is_not_installed_stops_the_worker_and_allows_nothing(name: str) -> None:
    """Somebody's policy named like a built-in one was once taken for it."""
    with pytest.raises(ConfigError, match="one of: All, None, Principal, Allowlist, or a plugin"):
        check_policy({POLICY_KEY: name})
    assert set(refused(name)) == {ACKS, JAAS}


def test_only_clients_that_the_connector_has_are_judged() -> None:
    none = {POLICY_KEY: "None"}
    raw = {"consumer.override.x": "1", "producer.override.x": "1", "admin.override.x": "1"}
    dead = {"errors.deadletterqueue.topic.name": "dead"}
    creating = {"topic.creation.default.partitions": "1"}
    for more, is_sink, clients in (
        ({}, False, {"producer"}),
        (creating, False, {"producer", "admin"}),
        (creating, True, {"consumer"}),
        (dead, True, {"producer", "admin", "consumer"}),
        (dead, False, {"producer"}),
        ({}, None, {"producer", "admin", "consumer"}),
    ):
        asked = {**raw, **more}
        used = {one.partition(".")[0] for one in clients_in_use(asked, is_sink=is_sink)}
        judged = {
            one.key.partition(".")[0] for one in override_problems(asked, none, is_sink=is_sink)
        }
        assert used == judged == clients


@pytest.mark.parametrize("mode", ["standalone", "distributed"])
def test_no_worker_starts_with_a_policy_that_is_not_there(mode: str, tmp_path: Path) -> None:
    file = tmp_path / "worker.properties"
    raw = {
        "bootstrap.servers": "localhost:1",
        "key.converter": "String",
        "value.converter": "String",
        "offset.storage.file.filename": "offsets",
        "group.id": "g",
        "config.storage.topic": "c",
        "offset.storage.topic": "o",
        "status.storage.topic": "s",
        POLICY_KEY: "Nobody",
    }
    file.write_text("".join(f"{key}={text}\n" for key, text in raw.items()))
    command = [str(Path(sys.executable).with_name("penstock")), mode, str(file)]
    done = subprocess.run(command, check=False, timeout=60, capture_output=True, text=True)
    assert done.returncode != 0
    assert f"Invalid value Nobody for configuration {POLICY_KEY}" in done.stderr
