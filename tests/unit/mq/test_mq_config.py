"""Keys, defaults and checks of the original, and the tutorial's own JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from penstock_mq import JmsSourceConnector, MQSinkConnector, MQSourceConnector

TUTORIAL = Path(__file__).resolve().parents[3] / "docs" / "tutorials" / "mq.md"
BUILDER = "com.ibm.eventstreams.connect.mqsource.builders.DefaultRecordBuilder"
SOURCE = {
    "topic": "t",
    "mq.queue.manager": "QM1",
    "mq.queue": "Q",
    "mq.record.builder": BUILDER,
}
SOURCE_DEFAULTS = {
    "mq.connection.mode": "client",
    "mq.message.body.jms": False,
    "mq.record.builder.key.header": None,
    "mq.batch.size": 250,
    "mq.message.mqmd.read": False,
    "mq.user.authentication.mqcsp": True,
    "mq.jms.properties.copy.to.kafka.headers": False,
    "mq.ssl.use.ibm.cipher.mappings": True,
    "mq.exactly.once.state.queue": None,
    "mq.max.poll.blocked.time.ms": 2000,
    "mq.client.reconnect.options": "ASDEF",
    "mq.message.receive.timeout": 2000,
    "mq.receive.subsequent.timeout.ms": 0,
    "mq.reconnect.delay.min.ms": 64,
    "mq.reconnect.delay.max.ms": 8192,
    "mq.receive.max.poll.time.ms": 0,
    "errors.deadletterqueue.topic.name": "",
    "errors.deadletterqueue.context.headers.enable": False,
}
SINK_DEFAULTS = {
    "mq.message.body.jms": False,
    "mq.time.to.live": 0,
    "mq.persistent": True,
    "mq.message.builder.key.header": None,
    "mq.reply.queue": None,
    "mq.kafka.headers.copy.to.jms.properties": False,
    "mq.retry.backoff.ms": 60_000,
    "mq.ssl.use.ibm.cipher.mappings": None,
    "mq.message.mqmd.write": False,
    "mq.message.mqmd.context": None,
}


@pytest.mark.parametrize(
    ("connector", "defaults"),
    [(MQSourceConnector, SOURCE_DEFAULTS), (MQSinkConnector, SINK_DEFAULTS)],
)
def test_defaults_are_the_originals(connector: Any, defaults: dict[str, Any]) -> None:
    found = {spec.name: spec.default for spec in connector.config_spec().keys}
    assert {name: found[name] for name in defaults} == defaults


def errors(connector: Any, **more: str) -> dict[str, list[str]]:
    raw = SOURCE | {name.replace("_", "."): value for name, value in more.items()}
    return {value.name: value.errors for value in connector.validate(raw) if value.errors}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mq_connection_mode", "Client"),
        ("mq_batch_size", "0"),
        ("mq_ccdt_url", "nothing"),
        ("mq_connection_name_list", "host(port)"),
        ("mq_record_builder", "com.acme.Builder"),
        ("mq_record_builder", "com.ibm.eventstreams.kafkaconnect.plugins.xml.XmlMQRecordBuilder"),
        ("mq_record_builder_key_header", "JMSType"),
        ("mq_record_builder_json_schemas_enable", "true"),
        ("mq_ssl_keystore_location", "/no/such/file"),
        ("mq_client_reconnect_options", "never"),
        ("mq_message_receive_timeout", "0"),
        ("topic", ""),
    ],
)
def test_wrong_value_is_told_at_its_key(key: str, value: str) -> None:
    assert list(errors(MQSourceConnector, **{key: value})) == [key.replace("_", ".")]


def test_keys_are_checked_against_each_other() -> None:
    assert errors(MQSourceConnector) == {}
    delays = errors(
        MQSourceConnector, mq_reconnect_delay_min_ms="500", mq_reconnect_delay_max_ms="100"
    )
    assert list(delays) == ["mq.reconnect.delay.max.ms"]
    once = errors(MQSourceConnector, mq_exactly_once_state_queue="S", tasks_max="2")
    assert sorted(once) == ["mq.client.reconnect.options", "mq.exactly.once.state.queue"]
    right = {"mq_exactly_once_state_queue": "S", "mq_client_reconnect_options": "QMGR"}
    assert errors(MQSourceConnector, **right) == {}


def test_tutorial_is_valid() -> None:
    blocks = [
        json.loads(one) for one in re.findall(r"```json\n(.*?)```", TUTORIAL.read_text(), re.DOTALL)
    ]
    ibm, other = (block["config"] for block in blocks)
    assert not [one for one in MQSourceConnector.validate(ibm) if one.errors]
    assert not [one for one in JmsSourceConnector.validate(other) if one.errors]
