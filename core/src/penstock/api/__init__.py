"""What a plugin is. With ``data``, ``config`` and ``errors``, all that a plugin may import."""

from penstock.api._connector import Connector, ConnectorContext, SinkConnector, SourceConnector
from penstock.api._converter import Converter, Decoded, HeaderConverter
from penstock.api._hooks import (
    PROJECT,
    ConnectorSpecs,
    ConverterSpecs,
    TaskSpecs,
    TransformSpecs,
    hookimpl,
    hookspec,
)
from penstock.api._override import ClientOverridePolicy, ClientOverrides
from penstock.api._plugin import Plugin, config_class_of
from penstock.api._provider import ConfigProvider
from penstock.api._rest import RestExtension, RestRefusal, RestRequestHead, RestUser
from penstock.api._short import predicate, sink, source, transform
from penstock.api._task import (
    ErrantRecordReporter,
    RecordMetadata,
    Reported,
    SinkTask,
    SinkTaskContext,
    SourceTask,
    SourceTaskContext,
    TaskContext,
    TransactionContext,
)
from penstock.api._transform import Predicate, Side, Transform
from penstock.data import Batch, Record, SinkRecord, SourceRecord

__all__ = [
    "PROJECT",
    "Batch",
    "ClientOverridePolicy",
    "ClientOverrides",
    "ConfigProvider",
    "Connector",
    "ConnectorContext",
    "ConnectorSpecs",
    "Converter",
    "ConverterSpecs",
    "Decoded",
    "ErrantRecordReporter",
    "HeaderConverter",
    "Plugin",
    "Predicate",
    "Record",
    "RecordMetadata",
    "Reported",
    "RestExtension",
    "RestRefusal",
    "RestRequestHead",
    "RestUser",
    "Side",
    "SinkConnector",
    "SinkRecord",
    "SinkTask",
    "SinkTaskContext",
    "SourceConnector",
    "SourceRecord",
    "SourceTask",
    "SourceTaskContext",
    "TaskContext",
    "TaskSpecs",
    "TransactionContext",
    "Transform",
    "TransformSpecs",
    "config_class_of",
    "hookimpl",
    "hookspec",
    "predicate",
    "sink",
    "source",
    "transform",
]
