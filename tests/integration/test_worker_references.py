"""References to config providers in a worker's own properties, as the original resolves them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.workers import PenstockWorker

pytestmark = pytest.mark.integration
EXTENSION = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"
FILE = "org.apache.kafka.common.config.provider.FileConfigProvider"
DYING = """
import os

from penstock.api import ConfigProvider
from penstock.config import NoConfig


class Dying(ConfigProvider[NoConfig]):
    def lookup(self, path, key):
        os._exit(7)
"""


def member(folder: Path, provider: str = FILE) -> PenstockWorker:
    secrets = folder / "secrets.properties"
    (folder / "users.properties").write_text("alice=alice-secret\n")
    secrets.write_text(f"users={folder / 'users.properties'}\n")
    made = PenstockWorker(f"embedded:{folder / 'log.db'}", folder)
    made.properties |= {
        "config.providers": "p",
        "config.providers.p.class": provider,
        "config.providers.p.param.allowed.paths": str(folder),
        "rest.extension.classes": EXTENSION,
        "rest.basic.auth.file": f"${{p:{secrets}:users}}",
    }
    return made


def test_a_reference_is_replaced_before_the_worker_starts(tmp_path: Path) -> None:
    running = member(tmp_path).start()
    try:
        answer = running.request("GET", "/connectors", auth=("alice", "alice-secret"))
        assert answer.status_code == 200
        assert running.request("GET", "/connectors").status_code == 401
    finally:
        running.stop()


def test_a_file_that_may_not_be_read_ends_the_start_by_its_property(tmp_path: Path) -> None:
    wrong = member(tmp_path)
    wrong.properties["config.providers.p.param.allowed.paths"] = str(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(AssertionError, match=r"rest\.basic\.auth\.file") as told:
        wrong.start()
    assert "Traceback" not in str(told.value)


def test_a_provider_that_dies_takes_nothing_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    info = site / "dying-1.dist-info"
    info.mkdir(parents=True)
    (site / "dying_provider.py").write_text(DYING)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dying\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[penstock.config_providers]\ncom.example.Dying = dying_provider:Dying\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    dying = member(tmp_path, "com.example.Dying")
    del dying.properties["config.providers.p.param.allowed.paths"]
    with pytest.raises(AssertionError, match="a provider ended its process") as told:
        dying.start()
    assert "Traceback" not in str(told.value)
