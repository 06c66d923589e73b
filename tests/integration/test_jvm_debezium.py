"""Debezium's PostgreSQL connector in a Python worker: a real server's changes on a real broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from tests.parts.broker import KafkaBroker
from tests.parts.java_packages import DEBEZIUM_POSTGRES, plugin_archive
from tests.parts.maven import PartsUnavailableError
from tests.parts.postgres import Postgres
from tests.workers import eventually, worker

pytestmark = pytest.mark.integration

TOPIC = "shop.public.orders"
JSON = "org.apache.kafka.connect.json.JsonConverter"


@pytest.fixture(scope="module")
def package() -> Path:
    """The unpacked plugin archive."""
    try:
        return plugin_archive(DEBEZIUM_POSTGRES)
    except PartsUnavailableError as problem:
        pytest.skip(str(problem))


@pytest.fixture
def database() -> Iterator[Postgres]:
    """A server with a table of two orders."""
    try:
        server = Postgres()
    except PartsUnavailableError as problem:
        pytest.skip(str(problem))
    with server:
        server.sql("create table orders (id int primary key, item text, price numeric(8,2))")
        server.sql("insert into orders values (1, 'pump', 10.50), (2, 'valve', 3.25)")
        yield server


class Changes:
    """Reads the topic on and on."""

    def __init__(self, broker: KafkaBroker) -> None:
        where = {"bootstrap.servers": broker.bootstrap_servers, "group.id": "changes"}
        self._consumer = Consumer(where)
        self._consumer.assign([TopicPartition(TOPIC, 0, 0)])
        self.found: list[dict[str, Any]] = []

    def told(self) -> list[tuple[str, int]]:
        """Return the operation and the id of each change that has come."""
        for message in self._consumer.consume(100, 0.2):
            assert message.error() is None, message.error()
            value = message.value()
            if value is not None:  # a tombstone follows a delete
                self.found.append(json.loads(value))
        rows = [change["payload"] for change in self.found]
        return [(row["op"], (row["after"] or row["before"])["id"]) for row in rows]


def test_a_snapshot_and_changes_arrive_and_none_is_lost_by_a_kill(
    package: Path, database: Postgres, tmp_path: Path, kafka_broker: KafkaBroker
) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "debezium").symlink_to(package)
    admin = AdminClient({"bootstrap.servers": kafka_broker.bootstrap_servers})
    admin.create_topics([NewTopic(TOPIC, 1)])[TOPIC].result(30)
    config = {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.hostname": "127.0.0.1",
        "database.port": str(database.port),
        "database.user": database.user,
        "database.password": "none",
        "database.dbname": "postgres",
        "topic.prefix": "shop",
        "plugin.name": "pgoutput",
        "table.include.list": "public.orders",
        "key.converter": JSON,
        "value.converter": JSON,
    }
    changes = Changes(kafka_broker)
    with worker(kafka_broker.bootstrap_servers, tmp_path, plugin_path=str(plugins)) as one:
        one.put("cdc", config)
        eventually(lambda: len(changes.told()) >= 2, what="the snapshot")
        database.sql("insert into orders values (3, 'pipe', 99.99)")
        database.sql("update orders set price = 11 where id = 1")
        database.sql("delete from orders where id = 2")
        eventually(lambda: len(changes.told()) >= 5, what="the changes")
        expected = [("r", 1), ("r", 2), ("c", 3), ("u", 1), ("d", 2)]
        assert changes.told() == expected
        fields = {one["field"]: one for one in changes.found[2]["schema"]["fields"]}
        price = {one["field"]: one for one in fields["after"]["fields"]}["price"]
        assert price["name"] == "org.apache.kafka.connect.data.Decimal"
        assert price["parameters"]["scale"] == "2"

        def offsets() -> list[dict[str, Any]]:
            found = one.request("GET", "/connectors/cdc/offsets").json()["offsets"]
            return [entry for entry in found if "lsn" in entry["offset"]]

        assert eventually(offsets, what="an offset")[0]["partition"] == {"server": "shop"}
        one.host_of("cdc-0").kill()
        database.sql("insert into orders select n, 'bolt', n from generate_series(10, 59) n")
        eventually(lambda: one.task_state("cdc") == "FAILED", what="the task is told FAILED")
        assert one.request("POST", "/connectors/cdc/tasks/0/restart").status_code == 204
        wanted = {("c", n) for n in range(10, 60)}
        eventually(lambda: wanted <= set(changes.told()), what="what was changed meanwhile")
