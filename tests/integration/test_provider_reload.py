"""Values of config providers that expire: connectors and tasks start anew with the next ones."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest
from tests.parts.broker import KafkaBroker
from tests.workers import ClusterMember, PenstockWorker, eventually

pytestmark = pytest.mark.integration
VAULT = """
from pathlib import Path

from penstock.api import ConfigProvider
from penstock.config import NoConfig


class Vault(ConfigProvider[NoConfig]):
    def lookup(self, path, key):
        return Path(path, key).read_text()

    def ttl_ms(self, path):
        return 1500
"""


@pytest.fixture
def vault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A provider that is installed like any other, and the folder whose files it gives."""
    site = tmp_path / "site"
    info = site / "vault-1.dist-info"
    info.mkdir(parents=True)
    (site / "vault_provider.py").write_text(VAULT)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vault\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[penstock.config_providers]\ncom.example.Vault = vault_provider:Vault\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    folder = tmp_path / "vault"
    folder.mkdir()
    (folder / "file").write_text(str(tmp_path / "first.txt"))
    return folder


def connectors(vault: Path, folder: Path) -> dict[str, dict[str, str]]:
    """A source, and a sink whose file only the provider knows."""
    (folder / "in.txt").write_text("one\n")
    return {
        "source": {
            "connector.class": "FileStreamSource",
            "topic": "lines",
            "file": str(folder / "in.txt"),
        },
        "sink": {
            "connector.class": "FileStreamSink",
            "topics": "lines",
            "file": f"${{vault:{vault}:file}}",
        },
    }


def with_vault(made: PenstockWorker) -> PenstockWorker:
    made.properties |= {
        "config.providers": "vault",
        "config.providers.vault.class": "com.example.Vault",
    }
    return made


def alone(folder: Path) -> PenstockWorker:
    return with_vault(PenstockWorker(f"embedded:{folder / 'log.db'}", folder))


def goes_on_with_the_next_value(running: PenstockWorker, vault: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.txt", tmp_path / "second.txt"
    try:
        running.start()
        for name, config in connectors(vault, tmp_path).items():
            running.put(name, config)
        eventually(lambda: first.exists() and first.read_text() == "one\n", 30, "first file")
        (vault / "file").write_text(str(second))
        eventually(second.exists, 30, "the second file is opened")
        with (tmp_path / "in.txt").open("a") as lines:
            lines.write("two\n")
        eventually(lambda: second.read_text() == "two\n", 30, "the second file has the line")
        assert first.read_text() == "one\n"
        shown = running.request("GET", "/connectors/sink").json()
        assert shown["config"]["file"] == f"${{vault:{vault}:file}}"
    finally:
        running.stop()


def test_a_task_goes_on_with_the_value_that_is_there_when_the_old_one_expires(
    vault: Path, tmp_path: Path
) -> None:
    goes_on_with_the_next_value(alone(tmp_path), vault, tmp_path)


def test_so_it_does_on_a_cluster(kafka_broker: KafkaBroker, vault: Path, tmp_path: Path) -> None:
    member = ClusterMember(kafka_broker.bootstrap_servers, tmp_path, f"r-{uuid.uuid4().hex[:8]}")
    goes_on_with_the_next_value(with_vault(member), vault, tmp_path)


def test_nothing_starts_anew_when_the_connector_says_so(vault: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.txt"
    running = alone(tmp_path).start()
    try:
        made = connectors(vault, tmp_path)
        made["other"] = {**made["sink"], "file": f"{tmp_path}/other-${{vault:{vault}:suffix}}"}
        made["sink"]["config.action.reload"] = "None"
        (vault / "suffix").write_text("1")
        for name, config in made.items():
            running.put(name, config)
            running.wait_running(name)
        (vault / "file").write_text(str(second))
        (vault / "suffix").write_text("2")
        # The other connector proves that the time is over.
        eventually((tmp_path / "other-2").exists, 30, "the other connector starts anew")
        assert not second.exists()
    finally:
        running.stop()
