# ruff: noqa: RUF009 - a key is declared so, in an attrs class of any kind
"""The sinks: their keys and what they check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeVar

import attrs

from penstock.api import SinkConnector
from penstock.config import Long, config, key
from penstock.errors import ConfigError
from penstock_mq._keys import LONGEST_MS, IbmKeys, JmsKeys

__all__ = ["CONVERTER_BUILDER", "DEFAULT_BUILDER", "JSON_BUILDER", "JmsSinkConfig", "MQSinkConfig"]

_PACKAGE: Final = "com.ibm.eventstreams.connect.mqsink.builders."
DEFAULT_BUILDER: Final = f"{_PACKAGE}DefaultMessageBuilder"
JSON_BUILDER: Final = f"{_PACKAGE}JsonMessageBuilder"
CONVERTER_BUILDER: Final = f"{_PACKAGE}ConverterMessageBuilder"
_BUILDERS: Final = (DEFAULT_BUILDER, JSON_BUILDER, CONVERTER_BUILDER)
STRING_CONVERTER: Final = "org.apache.kafka.connect.storage.StringConverter"
JSON_CONVERTER: Final = "org.apache.kafka.connect.json.JsonConverter"


def _reply(name: str, value: Any) -> str | None:
    if value and "?" in value:
        return "a reply queue has no properties here; leave out what stands after '?'"
    return None


@attrs.define(kw_only=True, slots=False)  # two bases with slots cannot be joined
class SinkKeys:
    """What both sinks have."""

    mq_time_to_live: Long = key(
        default=0, min=0, max=LONGEST_MS, doc="How long a message lives (ms); 0: for ever."
    )
    mq_persistent: bool = key(default=True, doc="Whether messages outlive a restart.")
    mq_message_builder_key_header: str | None = key(
        default=None, choices=("JMSCorrelationID",), doc="The JMS header that the key goes into."
    )
    mq_message_builder_value_converter: str | None = key(
        default=None,
        choices=(STRING_CONVERTER, JSON_CONVERTER),
        doc="The converter of ConverterMessageBuilder; JSON is written without schemas.",
    )
    mq_message_builder_topic_property: str | None = key(
        default=None, doc="The property that gets the Kafka topic."
    )
    mq_message_builder_partition_property: str | None = key(
        default=None, doc="The property that gets the Kafka partition."
    )
    mq_message_builder_offset_property: str | None = key(
        default=None, doc="The property that gets the Kafka offset."
    )
    mq_reply_queue: str | None = key(
        default=None, validator=_reply, doc="Where replies go: a queue, or queue://manager/queue."
    )
    mq_kafka_headers_copy_to_jms_properties: bool = key(
        default=False, importance="low", doc="Copy record headers to the message's properties."
    )
    mq_retry_backoff_ms: Long = key(
        default=60_000, min=0, max=LONGEST_MS, doc="The wait before sending again (ms)."
    )
    mq_message_mqmd_write: bool = key(
        default=False, importance="low", doc="Let headers set fields of the MQMD."
    )


@config
class MQSinkConfig(IbmKeys, SinkKeys):
    """Keys of the IBM MQ sink."""

    mq_message_builder: str = key(
        importance="high", choices=_BUILDERS, doc="The class that makes messages of records."
    )
    mq_ssl_use_ibm_cipher_mappings: bool | None = key(
        default=None, importance="low", doc="Whether cipher suites have IBM's names."
    )
    mq_message_mqmd_context: Literal["identity", "IDENTITY", "all", "ALL"] | None = key(
        default=None,
        importance="low",
        choices=("identity", "IDENTITY", "all", "ALL"),
        doc="Which context of the MQMD may be set.",
    )


@config
class JmsSinkConfig(JmsKeys, SinkKeys):
    """Keys of JmsSink."""

    mq_message_builder: str = key(
        default=DEFAULT_BUILDER, choices=_BUILDERS, doc="The class that makes messages of records."
    )


C = TypeVar("C", bound=SinkKeys)


class QueueSinkConnector(SinkConnector[C]):
    """As many tasks as are wanted; exactly-once has one."""

    own_process = True  # a process has one Java machine

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        """All tasks are the same."""
        keys: Any = self.config
        if keys.mq_exactly_once_state_queue is not None and max_tasks != 1:
            raise ConfigError(
                "mq.exactly.once.state.queue: exactly-once has one task; set tasks.max to 1"
            )
        return [self.context.raw_config] * max_tasks
