"""``penstock preview`` on files and on the embedded log."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from penstock.data import SourceRecord
from penstock.runtime.broker import EncodedBatch
from penstock.runtime.brokers import connect_broker
from penstock.runtime.preview import Previewer
from penstock.testing import records

JSON = "org.apache.kafka.connect.json.JsonConverter"
SINK = {
    "connector.class": "FileStreamSink",
    "file": "/nowhere/out",
    "topics": "t",
    "value.converter": JSON,
    "value.converter.schemas.enable": "false",
    "transforms": "mask,late,gone",
    "transforms.mask.type": "org.apache.kafka.connect.transforms.MaskField$Value",
    "transforms.mask.fields": "card",
    "transforms.late.type": "InsertField$Value",
    "transforms.late.static.field": "late",
    "transforms.late.static.value": "yes",
    "transforms.late.predicate": "orders",
    "transforms.gone.type": "Filter",
    "transforms.gone.predicate": "tomb",
    "predicates": "orders,tomb",
    "predicates.orders.type": "TopicNameMatches",
    "predicates.orders.pattern": "orders.*",
    "predicates.tomb.type": "RecordIsTombstone",
}
SOURCE = {
    "connector.class": "FileStreamSource",
    "file": "/nowhere/in",
    "topic": "lines",
    "value.converter": JSON,
    "transforms": "line",
    "transforms.line.type": "HoistField$Value",
    "transforms.line.field": "line",
}


class Preview:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self, config: dict[str, str], *arguments: str, stdin: str = "", code: int = 0
    ) -> str:
        file = self.folder / "connector.json"
        file.write_text(json.dumps({"name": "c", "config": config}))
        done = subprocess.run(
            [sys.executable, "-m", "penstock.cli", "preview", str(file), *arguments],
            capture_output=True,
            text=True,
            input=stdin,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def json(self, config: dict[str, str], *arguments: str, **more: Any) -> list[dict[str, Any]]:
        told = self(config, *arguments, "--json", **more)
        return [json.loads(line) for line in told.splitlines()]


@pytest.fixture
def preview(tmp_path: Path) -> Preview:
    return Preview(tmp_path)


def test_every_stage_of_a_sink(preview: Preview) -> None:
    good, tomb, bad = preview.json(
        SINK, "--input", "-", stdin='{"card":"12","n":1}\nnull\n{bad\n', code=2
    )
    assert [seen["stage"] for seen in good["stages"]] == [
        "consumed",
        "converted",
        "mask",
        "late",
        "gone",
    ]
    assert good["outcome"] == "delivered"
    assert good["stages"][0]["record"]["value"] == '{"card":"12","n":1}'
    assert good["stages"][2]["record"]["value"] == {"card": "", "n": 1}
    assert good["stages"][3]["note"] == "not applied: predicate TopicNameMatches is false"
    assert tomb["outcome"] == "fails"
    assert "found: null" in tomb["stages"][-1]["note"]
    assert bad["stages"][-1]["failed"]
    assert "VALUE_CONVERTER" in bad["stages"][-1]["note"]
    assert "t-0@2" in bad["stages"][-1]["note"]


def test_what_is_tolerated_and_what_is_dropped(preview: Preview) -> None:
    config = {k: v for k, v in SINK.items() if "mask" not in k and "late" not in k}
    config |= {"transforms": "gone", "errors.tolerance": "all"}
    tomb, bad = preview.json(config, "--input", "-", stdin="null\n{bad\n")
    assert (tomb["outcome"], tomb["stages"][-1]["note"]) == ("dropped", "dropped")
    assert bad["outcome"] == "skipped"


def test_a_source_from_line_to_bytes(preview: Preview, tmp_path: Path) -> None:
    lines = tmp_path / "lines.txt"
    lines.write_text("one\ntwo\nthree\n")
    found = preview.json(SOURCE, "--input", str(lines), "-n", "2")
    assert [one["outcome"] for one in found] == ["delivered"] * 2
    written = json.loads(found[1]["stages"][-1]["record"]["value"])
    assert written["payload"] == {"line": "two"}
    told = preview(SOURCE, "--input", str(lines), "-n", "1", "--diff")
    assert told.splitlines()[0] == "record 0: delivered"
    assert '    value: {"line": "one"}' in told
    assert told.count("topic: lines") == 1


def test_records_of_the_embedded_log_stay_as_they_are(preview: Preview, tmp_path: Path) -> None:
    bootstrap = f"embedded:{tmp_path / 'log.db'}"
    broker = connect_broker({"bootstrap.servers": bootstrap})
    producer = broker.producer({}, client_id="p")
    values = [json.dumps({"n": n}).encode() for n in range(5)]
    producer.send(EncodedBatch(topic="t", values=values), 1)
    assert producer.flush(10) == 0
    producer.close(5)
    first = preview.json(SINK, "--input", "t", "--bootstrap-server", bootstrap, "-n", "2")
    last = preview.json(
        SINK, "--input", "topic:t", "--bootstrap-server", bootstrap, "-n", "2", "--last"
    )
    assert [one["origin"] for one in (*first, *last)] == ["t-0@0", "t-0@1", "t-0@3", "t-0@4"]
    admin = broker.admin({}, client_id="a")
    assert admin.group_offsets("connect-c", 5) == {}
    admin.close()


def test_a_plugin_of_ones_own(preview: Preview, tmp_path: Path) -> None:
    plugin = tmp_path / "shout.py"
    plugin.write_text(
        "from penstock.api import transform\n"
        "@transform('Shout')\n"
        "def shout(record, *, mark: str = '!'):\n"
        "    return record.with_value(record.value.upper() + mark, record.value_schema)\n"
    )
    config = {**SOURCE, "transforms.line.type": "Shout", "transforms.line.mark": "?"}
    del config["transforms.line.field"]
    (one,) = preview.json(config, "--input", "-", "--plugin", str(plugin), stdin="hello\n")
    assert one["stages"][1]["record"]["value"] == "HELLO?"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--input", "nothing"], "is no file; for a topic give --bootstrap-server"),
        (["--input", "file:nothing"], "nothing cannot be read"),
    ],
)
def test_wrong_inputs_are_told(preview: Preview, arguments: list[str], told: str) -> None:
    assert told in preview(SINK, *arguments, code=2)


def test_a_wrong_configuration_is_told(preview: Preview) -> None:
    told = preview({**SINK, "errors.tolerance": "some", "tasks.max": "x"}, "--input", "-", code=2)
    assert "errors.tolerance" in told
    assert "tasks.max" in told
    assert "no transform 'Nothing' is installed" in preview(
        {**SINK, "transforms.mask.type": "Nothing"}, "--input", "-", code=2
    )


@given(record=records("source", max_depth=1))
def test_the_last_stage_is_what_would_be_sent(record: SourceRecord) -> None:
    config = {"name": "c", "connector.class": "FileStreamSource", "topic": "t"}
    config["value.converter"] = JSON
    with Previewer(config) as previewer:
        (followed,) = previewer.follow_polled([record])
    if followed.outcome == "delivered":
        assert followed.stages[-1].record is not None
        assert followed.stages[-1].record["topic"] == record.topic
    else:
        assert followed.stages[-1].failed
