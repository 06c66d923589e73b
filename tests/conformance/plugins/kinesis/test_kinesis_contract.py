"""The Kinesis connectors keep the contract of connectors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.parts.kinesis import client, make_stream, moto_server
from tests.unit.kinesis.kinesis_doubles import KEYS, connector, task

from penstock.api import SourceConnector
from penstock.errors import ConnectError
from penstock.testing import assert_config_spec
from penstock_kinesis import (
    CamelKinesisSourceConnector,
    ClassicKinesisSourceConnector,
    ConfluentKinesisSourceConnector,
    KinesisSourceConnector,
)

KAMELET = "camel.kamelet.aws-kinesis-source."
CLASSIC = {
    "aws.access.key.id": "k",
    "aws.secret.key.id": "hush",
    "kafka.topic": "t",
    "kinesis.stream": "s",
}
RIGHT: list[tuple[type[SourceConnector[Any]], dict[str, str]]] = [
    (KinesisSourceConnector, {"stream": "s", "topic": "t", "region": "r"}),
    (ClassicKinesisSourceConnector, CLASSIC),
    (ConfluentKinesisSourceConnector, CLASSIC | {"kinesis.region": "eu-west-1"}),
    (
        CamelKinesisSourceConnector,
        {"topics": "t", KAMELET + "stream": "s", KAMELET + "region": "eu-west-1"},
    ),
]


@pytest.mark.parametrize(("plugin", "config"), RIGHT)
def test_configuration_keeps_its_laws(
    plugin: type[SourceConnector[Any]], config: dict[str, str]
) -> None:
    assert_config_spec(plugin, config)
    assert_config_spec(plugin.task_class, config)


@pytest.mark.parametrize(("plugin", "config"), RIGHT)
def test_connector_tells_version_offsets_and_exactly_once(
    plugin: type[SourceConnector[Any]], config: dict[str, str]
) -> None:
    assert plugin.version() == "0.1.0"
    made = plugin(plugin.config_spec().parse(config))
    assert made.exactly_once_support()
    ours = {"region": "r", "stream": "s", "shardId": "shardId-000000000000"}
    assert made.alter_offsets([(ours, {"sequenceNumber": "7"}), ({"what": "ever"}, None)])
    with pytest.raises(ConnectError, match="digits"):
        made.alter_offsets([(ours, {"sequenceNumber": "seven"})])
    with pytest.raises(ConnectError, match="got also 'position'"):
        made.alter_offsets([(ours, {"sequenceNumber": "7", "position": 3})])


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with moto_server(tmp_path_factory.mktemp("moto")) as url:
        make_stream(client(url), "s", 5)
        yield KEYS | {"stream": "s", "endpoint": url}


@pytest.mark.parametrize("tasks", [1, 2, 3, 9])
def test_tasks_share_the_shards_evenly(raw: dict[str, str], tasks: int) -> None:
    made = connector(raw)
    try:
        shares = [config["kinesis.task.shards"].split(",") for config in made.task_configs(tasks)]
        assert len(shares) == min(tasks, 5)
        assert len({shard for share in shares for shard in share}) == sum(map(len, shares)) == 5
        assert max(map(len, shares)) - min(map(len, shares)) <= 1
        assert [dict(one) for one in made.task_configs(tasks)] == [
            dict(one) for one in made.task_configs(tasks)
        ]
    finally:
        made.stop()


def test_stop_is_soon_and_leaves_no_thread(raw: dict[str, str]) -> None:
    before = threading.active_count()
    made = connector(raw)
    running = task(made.task_configs(1)[0])
    running.poll()
    stopper = threading.Thread(target=lambda: (running.stop(), made.stop()))
    stopper.start()
    stopper.join(5)
    assert not stopper.is_alive()
    assert threading.active_count() == before


def test_stop_without_start_is_quiet() -> None:
    for plugin, config in RIGHT:
        plugin(plugin.config_spec().parse(config)).stop()
        plugin.task_class(plugin.task_class.config_spec().parse(config)).stop()
