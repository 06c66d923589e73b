"""Records become messages: the message builders, correlation ids and properties. Pure.

(source: DefaultMessageBuilder, JsonMessageBuilder, ConverterMessageBuilder, BaseMessageBuilder)
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import decimal
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from penstock.data import Header, Schema, SinkRecord, Type
from penstock.data.values import plain_text
from penstock.errors import DataError
from penstock_mq._messages import Outgoing

__all__ = ["Shaping", "default_body", "json_body", "message_of"]

log = logging.getLogger(__name__)

_MQMD: Final = "JMS_IBM_MQMD_"
_INTEGERS: Final = frozenset(
    (
        *("Report", "MsgType", "Expiry", "Feedback", "Encoding", "CodedCharSetId", "Priority"),
        *("Persistence", "PutApplType", "MsgSeqNumber", "Offset", "MsgFlags", "OriginalLength"),
    )
)
_BINARY: Final = frozenset(["MsgId", "CorrelId", "AccountingToken", "GroupId"])
_EPOCH_DAY: Final = dt.date(1970, 1, 1).toordinal()
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_KEPT: Final[Mapping[Type, Schema]] = {
    Type.BOOLEAN: Schema.BOOLEAN,
    Type.INT8: Schema.INT8,
    Type.INT16: Schema.INT16,
    Type.INT32: Schema.INT32,
    Type.INT64: Schema.INT64,
    Type.FLOAT32: Schema.FLOAT32,
    Type.FLOAT64: Schema.FLOAT64,
    Type.STRING: Schema.STRING,
}


@attrs.frozen
class Shaping:
    """How messages are made."""

    body: Callable[[Any], str | bytes | None]
    is_correlated: bool = False
    topic_property: str | None = None
    partition_property: str | None = None
    offset_property: str | None = None
    has_headers: bool = False
    has_mqmd: bool = False


def default_body(value: Any) -> str | bytes | None:
    """Return bytes as they are and anything plain as its text; None is a message without body."""
    if value is None or isinstance(value, bytes | str):
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, dict | list):
        raise DataError(
            "a struct, a map or an array has no text that could be read back; take "
            "com.ibm.eventstreams.connect.mqsink.builders.JsonMessageBuilder"
        )
    return plain_text(None, value)


def json_body(value: Any) -> str:
    """Return the JSON that Connect's own converter writes without schemas."""
    try:
        return json.dumps(
            value, default=_json_part, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
    except (TypeError, ValueError) as problem:
        raise DataError(f"the value has no form in JSON: {problem}") from problem


def _json_part(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, decimal.Decimal):
        _, digits, exponent = value.as_tuple()
        if not isinstance(exponent, int) or exponent > 0:
            raise ValueError(f"decimal {value}")
        number = int(value.scaleb(-exponent, decimal.Context(prec=len(digits) + 1)))
        size = (number if number >= 0 else ~number).bit_length() // 8 + 1
        return base64.b64encode(number.to_bytes(size, "big", signed=True)).decode()
    if isinstance(value, dt.datetime):
        return (value - _EPOCH) // dt.timedelta(milliseconds=1)
    if isinstance(value, dt.date):
        return value.toordinal() - _EPOCH_DAY
    if isinstance(value, dt.time):
        seconds = (value.hour * 60 + value.minute) * 60 + value.second
        return seconds * 1000 + value.microsecond // 1000
    raise TypeError(type(value).__name__)


def message_of(record: SinkRecord, shaping: Shaping) -> Outgoing:
    """Return the message of a record; raises DataError."""
    correlation: str | bytes | None = None
    if shaping.is_correlated:
        correlation = _correlation(record)
    properties: list[tuple[str, Schema, Any]] = []
    if shaping.has_headers:
        for header in record.headers:
            if header.key == f"{_MQMD}CorrelId":
                found = _mqmd(header, "CorrelId") if shaping.has_mqmd else None
                correlation = correlation if found is None else found[2]
                continue
            found = _property(header, has_mqmd=shaping.has_mqmd)
            if found is not None:
                properties.append(found)
    if shaping.topic_property:
        properties.append((shaping.topic_property, Schema.STRING, record.topic))
    if shaping.partition_property:
        properties.append((shaping.partition_property, Schema.INT32, record.original_partition))
    if shaping.offset_property:
        properties.append((shaping.offset_property, Schema.INT64, record.offset))
    return Outgoing(shaping.body(record.value), correlation, properties)


def _correlation(record: SinkRecord) -> str | bytes | None:
    """Return the key as a correlation id; keys of other types give none, as in the original."""
    key, schema = record.key, record.key_schema
    if key is None:
        return None
    if isinstance(key, bytes | bytearray | memoryview):
        return bytes(key)
    if isinstance(key, str):
        return key
    return plain_text(None, key) if schema is None else None


def _property(header: Header, *, has_mqmd: bool) -> tuple[str, Schema, Any] | None:
    """Return a header as a typed property; None, with a line in the log, when it cannot be one."""
    name, value = header.key, header.value
    if name.startswith(_MQMD):
        return _mqmd(header, name.removeprefix(_MQMD)) if has_mqmd else None
    if value is None or (name.startswith("JMS") and name not in {"JMSXGroupID", "JMSXGroupSeq"}):
        return None
    if not name.isidentifier():
        log.warning("header '%s' is no name that a JMS property can have; it is left out", name)
        return None
    schema = None if header.schema is None else header.schema
    kept = None if schema is None or schema.name is not None else _KEPT.get(schema.type)
    if kept is not None:
        return name, kept, value
    if isinstance(value, bool):
        return name, Schema.BOOLEAN, value
    return name, Schema.STRING, plain_text(schema, value)


def _mqmd(header: Header, field: str) -> tuple[str, Schema, Any] | None:
    value = header.value
    try:
        if field in _INTEGERS:
            return header.key, Schema.INT32, int(value)
        if field in _BINARY:
            return header.key, Schema.BYTES, _binary(field, value)
    except (ValueError, TypeError, binascii.Error) as problem:
        log.warning("header '%s' cannot be set and is left out: %s", header.key, problem)
        return None
    if field == "BackoutCount" or value is None:
        return None
    return header.key, Schema.STRING, str(value)


def _binary(field: str, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if field in {"MsgId", "CorrelId"}:
        return bytes.fromhex(str(value).removeprefix("ID:"))
    return base64.b64decode(str(value), validate=True)
