"""Connectors for IBM MQ, and for any other JMS provider."""

from penstock_mq._sink_task import JmsSinkConnector, JmsSinkTask, MQSinkConnector, MQSinkTask
from penstock_mq._source import JmsSourceConnector, MQSourceConnector
from penstock_mq._source_task import JmsSourceTask, MQSourceTask

__all__ = [
    "JmsSinkConnector",
    "JmsSinkTask",
    "JmsSourceConnector",
    "JmsSourceTask",
    "MQSinkConnector",
    "MQSinkTask",
    "MQSourceConnector",
    "MQSourceTask",
]
