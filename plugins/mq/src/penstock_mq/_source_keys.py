# ruff: noqa: RUF009 - a key is declared so, in an attrs class of any kind
"""The keys of the sources, with the original's defaults."""

from __future__ import annotations

from typing import Any, Final, Literal

import attrs

from penstock.config import Long, config, key
from penstock_mq._keys import IbmKeys, JmsKeys

__all__ = ["KEY_HEADERS", "JmsSourceConfig", "MQSourceConfig", "SourceKeys"]

DEFAULT_BUILDER: Final = "com.ibm.eventstreams.connect.mqsource.builders.DefaultRecordBuilder"
JSON_BUILDER: Final = "com.ibm.eventstreams.connect.mqsource.builders.JsonRecordBuilder"
XML_BUILDER: Final = "com.ibm.eventstreams.kafkaconnect.plugins.xml.XmlMQRecordBuilder"
KEY_HEADERS: Final = (
    "JMSMessageID",
    "JMSCorrelationID",
    "JMSCorrelationIDAsBytes",
    "JMSDestination",
    "JMSXGroupID",
)


def _builder(name: str, value: Any) -> str | None:
    if value in {DEFAULT_BUILDER, JSON_BUILDER}:
        return None
    if value == XML_BUILDER:
        return (
            "XML is not read here; take the default builder with mq.message.body.jms=true, and "
            "parse the text in a transform"
        )
    return (
        f"'{value}' is a Java class that is not known here; take {DEFAULT_BUILDER} or "
        f"{JSON_BUILDER}, and do the rest in a transform"
    )


def _no_schemas(name: str, value: Any) -> str | None:
    if value:
        return "JSON with schemas is not read here; take a schema-less one, and a transform"
    return None


@attrs.define(kw_only=True, slots=False)  # two bases with slots cannot be joined
class SourceKeys:
    """What both sources have."""

    topic: str = key(importance="high", non_empty=True, doc="The Kafka topic to write to.")
    mq_record_builder_key_header: str | None = key(
        default=None, choices=KEY_HEADERS, doc="The JMS header that becomes the record's key."
    )
    mq_batch_size: int = key(
        default=250, min=1, importance="low", doc="The most messages of one unit of work."
    )
    mq_message_mqmd_read: bool = key(
        default=False, importance="low", doc="Have the fields of the MQMD among the properties."
    )
    mq_jms_properties_copy_to_kafka_headers: bool = key(
        default=False, importance="low", doc="Copy the message's properties to record headers."
    )
    mq_max_poll_blocked_time_ms: int = key(
        default=2000,
        min=0,
        doc="Taken, and not needed: messages are committed when Kafka has acknowledged them.",
    )
    mq_message_receive_timeout: Long = key(
        default=2000, min=1, doc="How long a poll waits for its first message (ms)."
    )
    mq_receive_subsequent_timeout_ms: Long = key(
        default=0, min=0, importance="low", doc="How long it waits for each later one (ms)."
    )
    mq_receive_max_poll_time_ms: Long = key(
        default=0, min=0, importance="low", doc="The longest that one batch is gathered; 0: no end."
    )
    mq_reconnect_delay_min_ms: Long = key(
        default=64, min=1, doc="The first wait before connecting again (ms)."
    )
    mq_reconnect_delay_max_ms: Long = key(
        default=8192, min=10, doc="The longest wait before connecting again (ms)."
    )
    errors_deadletterqueue_topic_name: str = key(
        default="", doc="The topic for messages that give no record."
    )
    errors_deadletterqueue_context_headers_enable: bool = key(
        default=False, doc="Have headers on dead letters that tell why."
    )
    mq_record_builder_json_schemas_enable: bool = key(
        default=False, importance="low", validator=_no_schemas, doc="Not supported: must be false."
    )
    mq_record_builder_json_schema_content: str | None = key(
        default=None, importance="low", validator=_no_schemas, doc="Not supported: must be empty."
    )


@config
class MQSourceConfig(IbmKeys, SourceKeys):
    """Keys of the IBM MQ source."""

    mq_record_builder: str = key(
        importance="high", validator=_builder, doc="The class that makes records of messages."
    )
    mq_ssl_use_ibm_cipher_mappings: bool = key(
        default=True, importance="low", doc="Whether cipher suites have IBM's names."
    )
    mq_client_reconnect_options: Literal["ASDEF", "ANY", "QMGR", "DISABLED"] = key(
        default="ASDEF", any_case=True, doc="How the client itself connects again."
    )


@config
class JmsSourceConfig(JmsKeys, SourceKeys):
    """Keys of JmsSource."""

    mq_record_builder: str = key(
        default=DEFAULT_BUILDER, validator=_builder, doc="The class that makes records of messages."
    )
