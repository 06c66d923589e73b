"""Kinesis sources: the records of a stream's shards, through every reshard."""

from penstock_kinesis._source import (
    CamelKinesisSourceConnector,
    ClassicKinesisSourceConnector,
    ConfluentKinesisSourceConnector,
    KinesisSourceConnector,
)
from penstock_kinesis._source_task import KinesisSourceTask

__all__ = [
    "CamelKinesisSourceConnector",
    "ClassicKinesisSourceConnector",
    "ConfluentKinesisSourceConnector",
    "KinesisSourceConnector",
    "KinesisSourceTask",
]
