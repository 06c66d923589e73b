"""A batch without rows stores places, after all that was polled before it."""

from __future__ import annotations

import sys
from pathlib import Path

from penstock.api import SourceTask
from penstock.config import NoConfig
from penstock.data import Batch

sys.path.insert(0, str(Path(__file__).parent))
from test_source_refusals import Storing, runner


class Places(SourceTask[NoConfig]):
    """Returns a record, then only how far its source was read."""

    polled = False

    def __init__(self) -> None:
        super().__init__(NoConfig())
        self.left = [
            self.batch([1], ["a"], topic="t"),
            self.batch([2], ["a"]).select([]),
            self.batch([7, 8], ["b", "c"]).select([]),
            self.batch([], []),
        ]

    def batch(self, offsets: list[int], shards: list[str], topic: str = "") -> Batch:
        return Batch.source(
            topic=topic,
            values=["v" for _ in offsets],
            source_partitions=[{"shard": shard} for shard in shards],
            source_offsets=[{"p": offset} for offset in offsets],
        )

    def poll(self) -> Batch | None:
        self.polled = len(self.left) == 1
        return self.left.pop(0)


def test_places_without_rows_are_stored_in_order(tmp_path: Path) -> None:
    control = Storing()
    one = runner(tmp_path, Places(), control, None)  # type: ignore[arg-type]  # polls like them
    one.run()
    one.finish(5)
    assert {pair[0]["shard"]: pair[1]["p"] for pair in control.stored} == {"a": 2, "b": 7, "c": 8}
    assert one.progress.committed == 1
