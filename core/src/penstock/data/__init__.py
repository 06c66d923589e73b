"""The data API: schemas, logical types, headers, records and batches. Pure; no I/O."""

from penstock.data._batch import Batch, SinkOrigin, SourceOrigin
from penstock.data._builder import SchemaBuilder
from penstock.data._columns import Column, Lazy, PollTime, Repeat, Text, pick, without
from penstock.data._headers import Header, Headers
from penstock.data._logical import Date, Decimal, EpochMillis, Time, Timestamp
from penstock.data._position import TopicPartition
from penstock.data._record import Record, SinkRecord, SourceRecord
from penstock.data._schema import Field, Schema, Type
from penstock.data._structs import Structs
from penstock.data._validate import INTEGER_BITS, infer_schema, validate_value

__all__ = [
    "INTEGER_BITS",
    "Batch",
    "Column",
    "Date",
    "Decimal",
    "EpochMillis",
    "Field",
    "Header",
    "Headers",
    "Lazy",
    "PollTime",
    "Record",
    "Repeat",
    "Schema",
    "SchemaBuilder",
    "SinkOrigin",
    "SinkRecord",
    "SourceOrigin",
    "SourceRecord",
    "Structs",
    "Text",
    "Time",
    "Timestamp",
    "TopicPartition",
    "Type",
    "infer_schema",
    "pick",
    "validate_value",
    "without",
]
