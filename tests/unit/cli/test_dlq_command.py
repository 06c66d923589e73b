"""``penstock dlq`` on the embedded log: what is chosen, shown and refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from penstock.cli.dlq import command
from penstock.cli.letters import Choice, parse_offsets, shown_bytes
from penstock.data import TopicPartition
from penstock.errors import BadRequestError, ConfigError, NotFoundError
from penstock.runtime.broker import EncodedBatch, TopicSpec
from penstock.runtime.embedded import EmbeddedBroker
from penstock.runtime.pipeline.dead_letter import cause_of, plain_headers

P = "__connect.errors."


def headers(offset: int, stage: str, connector: str = "orders") -> list[tuple[str, bytes | None]]:
    cause = {
        "topic": "in",
        "partition": "1",
        "offset": str(offset),
        "connector.name": connector,
        "task.id": "0",
        "stage": stage,
        "class.name": "a.b.Json",
        "exception.class.name": "x.y.DataException",
        "exception.message": f"why\t{offset}",
    }
    return [("own", b"1"), *((P + name, text.encode()) for name, text in cause.items())]


@pytest.fixture
def at(tmp_path: Path) -> tuple[str, str]:
    """Fill ``dlq`` with four letters, the last without a cause; return the option that names it."""
    broker = EmbeddedBroker(f"embedded:{tmp_path / 'log.db'}")
    broker.admin({}, client_id="a").create_topics([TopicSpec("in", 2)], 5)
    producer = broker.producer({}, client_id="p")
    batch = EncodedBatch(
        "dlq",
        [b'{"a": 1}', b"\xff", None, b"lost"],
        keys=[b"k", None, b"k", None],
        timestamps=[0, 1, 2, 3],
        headers=[
            headers(10, "VALUE_CONVERTER"),
            headers(11, "TRANSFORMATION"),
            headers(12, "TASK_PUT", "other"),
            [],
        ],
    )
    producer.send(batch, 0)
    producer.flush(5)
    producer.close(0)
    return "--bootstrap-server", f"embedded:{tmp_path / 'log.db'}"


def run(*arguments: str) -> str:
    return invoke(*arguments).output


def invoke(*arguments: str) -> Result:
    done = CliRunner().invoke(command, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def offsets(*arguments: str) -> list[int]:
    return [one["offset"] for one in json.loads(invoke("dlq", *arguments, "--json").stdout)]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ((), [0, 1, 2, 3]),
        (("--stage", "transformation"), [1]),
        (("--connector-name", "other"), [2]),
        (("--exception", "dataexc"), [0, 1, 2]),
        (("--from", "1", "--to", "2"), [1, 2]),
        (("--offsets", "0:0,0:3,1:1"), [0, 3]),
        (("--offsets", "7:0"), []),
        (("-n", "2"), [2, 3]),
        (("-n", "0"), [0, 1, 2, 3]),
    ],
)
def test_filters(at: tuple[str, str], chosen: tuple[str, ...], expected: list[int]) -> None:
    assert offsets(*at, *chosen) == expected


def test_lines_have_no_room_for_control_characters(at: tuple[str, str]) -> None:
    first = run("dlq", *at).splitlines()[0].split("\t")
    assert first == [
        *("0:0", "in-1@10", "1970-01-01T00:00:00.000Z", "orders-0", "VALUE_CONVERTER", "Json"),
        *("DataException", "why 10", "k", '{"a": 1}'),
    ]


def test_values_are_shown_by_converters_and_as_they_are_where_these_fail(
    at: tuple[str, str],
) -> None:
    found = json.loads(run("dlq", *at, "--json", "--value-converter", "Json"))
    assert [one["value"] for one in found] == [{"a": 1}, "0xff", None, "lost"]
    assert found[0]["headers"] == [["own", "1"]]
    assert found[3]["cause"] is None


def test_replay_sends_back_and_says_what_it_cannot(at: tuple[str, str]) -> None:
    told = run("replay", "dlq", *at, "--original-partition", "--yes")
    assert "in: 3 letters" in told
    assert "1 letters do not say where they came from" in told
    assert "3 letters were sent" in told
    reader = EmbeddedBroker(at[1]).reader({}, client_id="r")
    assert reader.bounds("in", 5) == {0: (0, 0), 1: (0, 3)}
    (back,) = reader.read(TopicPartition("in", 1), 0, 3, 5)
    assert list(back.values) == [b'{"a": 1}', b"\xff", None]
    assert list(back.keys) == [b"k", None, b"k"]
    assert list(back.timestamps) == [0, 1, 2]
    assert [list(one) for one in back.headers or ()] == [[("own", b"1")]] * 3


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        (("replay", "dlq", "--to", "absent", "--yes"), NotFoundError, "no topic 'absent'"),
        (("replay", "dlq", "--to", "dlq", "--yes"), BadRequestError, "to 'dlq' itself"),
        (("nothing",), NotFoundError, "no topic 'nothing'"),
    ],
)
def test_what_makes_no_sense_is_refused(
    at: tuple[str, str], arguments: tuple[str, ...], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        run(*arguments, *at)


def test_looking_makes_no_file_and_needs_a_broker(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    with pytest.raises(NotFoundError, match="no embedded log"):
        run("dlq", "--bootstrap-server", f"embedded:{path}")
    assert not path.exists()
    with pytest.raises(ConfigError, match="--bootstrap-server"):
        run("dlq")


def test_offsets_on_the_command_line() -> None:
    assert parse_offsets("0:3, 1:7,") == {(0, 3), (1, 7)}
    for wrong in ("3", "a:1", "1:", "1:-1", "1:2:3"):
        with pytest.raises(click.BadParameter):
            parse_offsets(wrong)
    assert Choice(offsets=parse_offsets("0:3,0:7")).span(0, 0, 100) == (3, 8)


def test_a_cause_that_is_no_cause_is_told_as_far_as_it_goes() -> None:
    found: list[Any] = [
        (f"{P}partition", b"x"),
        (f"{P}topic", None),
        (f"{P}stage", b"\xff"),
        ("h", b""),
    ]
    cause = cause_of(found)
    assert (cause.partition, cause.topic, cause.stage) == (-1, "", "�")
    assert plain_headers(found) == [("h", b"")]
    assert shown_bytes(b"\xff\x00") == "0xff00"
