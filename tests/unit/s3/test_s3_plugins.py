"""What others add to the S3 sink: partitioners by entry point."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.s3.s3_batches import orders

from penstock.config import ConfigSpec
from penstock.errors import ConfigError, PluginError
from penstock_s3 import _plugins
from penstock_s3._config import S3SinkConfig, checked
from penstock_s3._layout import layout_of

MODULE = """
class Shards:
    def __init__(self, raw):
        self.count = int(raw["shards"])

    def paths(self, batch, now_ms):
        return [f"shard={row['id'] % self.count}" for row in batch.values]
"""
POINTS = "[penstock_s3.partitioners]\nShards = my_shards_partitioner:Shards\nGone = nowhere:X\n"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "my_shards_partitioner.py").write_text(MODULE)
    info = tmp_path / "my_shards-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-shards\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    _plugins._partitioners.cache_clear()
    yield
    _plugins._partitioners.cache_clear()


def raw(name: str, **keys: str) -> dict[str, str]:
    return {"s3.bucket.name": "b", "flush.size": "3", "partitioner.class": name, **keys}


@pytest.mark.usefixtures("installed")
def test_a_partitioner_of_somebody_else() -> None:
    keys = raw("Shards", shards="2")
    assert [value for value in checked(keys) if value.errors] == []
    layout = layout_of(ConfigSpec.of(S3SinkConfig).parse(keys), keys)
    assert list(layout.lot(orders(3), 0).paths) == ["shard=0", "shard=1", "shard=0"]


@pytest.mark.usefixtures("installed")
def test_partitioners_that_fail_are_told_by_name() -> None:
    with pytest.raises(PluginError, match="partitioner 'Gone'"):
        _plugins.custom_partitioner("Gone", {})
    with pytest.raises(PluginError, match=r"partitioner 'Shards'.*failed: 'shards'"):
        _plugins.custom_partitioner("Shards", {})
    with pytest.raises(ConfigError, match="no partitioner 'Other'; custom ones installed: Shards"):
        _plugins.custom_partitioner("Other", {})
    (found,) = [one for one in checked(raw("Other")) if one.errors]
    assert "Shards" in found.errors[0]
