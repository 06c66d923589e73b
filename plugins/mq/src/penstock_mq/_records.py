"""Messages become records: the record builders, keys, and dead letters. Pure.

(source: DefaultRecordBuilder, JsonRecordBuilder, BaseRecordBuilder)
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from penstock.data import Batch, Header, Headers, Repeat, Schema, SourceRecord
from penstock.errors import DataError
from penstock_mq._messages import EMPTY, OTHER, TEXT, Received

__all__ = ["Building", "Built", "build", "dead_letters"]

_CONTEXT: Final = "__connect.errors."
_TRACE_MAX: Final = 500
_INT64: Final = range(-(2**63), 2**63)


@attrs.frozen
class Building:
    """How records are made; ``queue`` is named in errors."""

    topic: str
    queue: str
    is_json: bool = False
    body_jms: bool = False
    key_header: str | None = None


@attrs.frozen
class Built:
    """The good rows as one batch, which may be empty, and what is wrong with the others."""

    batch: Batch
    bad: Mapping[int, DataError]


def build(
    received: Received,
    how: Building,
    partition: Mapping[str, Any] | None = None,
    offset: Mapping[str, Any] | None = None,
) -> Built:
    """Return the records of messages; ``partition`` and ``offset`` are those of every record."""
    values: list[Any] = []
    bad: dict[int, DataError] = {}
    if how.is_json:
        make = _json
    elif how.body_jms:
        make = _default
    else:
        make = _plain
    for row, (kind, body) in enumerate(zip(received.kinds, received.bodies, strict=True)):
        try:
            values.append(make(kind, body))
        except DataError as problem:
            where = f"queue '{how.queue}', message {received.ids[row]}: "
            bad[row] = DataError(where + str(problem))
            bad[row].__cause__ = problem.__cause__
    rows = [row for row in range(len(received)) if row not in bad] if bad else None
    keys, key_schema = _keys(received, how.key_header)
    n = len(values)
    return Built(
        Batch.source(
            topic=how.topic,
            values=values,
            value_schema=None if how.is_json or how.body_jms else Schema.OPTIONAL_BYTES,
            keys=None if keys is None else _kept(keys, rows),
            key_schema=key_schema,
            timestamps=_kept(received.timestamps, rows) if how.body_jms else None,
            headers=_kept(received.headers, rows),
            source_partitions=Repeat(partition, n),
            source_offsets=Repeat(offset, n),
        ),
        bad,
    )


def _kept(column: Sequence[Any], rows: Sequence[int] | None) -> list[Any]:
    return list(column) if rows is None else [column[row] for row in rows]


def _plain(kind: int, body: bytes | None) -> bytes | None:
    """Return the bytes; MQ gives every body as bytes then, another provider its texts, too."""
    if kind == OTHER:
        raise _unsupported()
    return body


def _default(kind: int, body: bytes | None) -> str | bytes | None:
    if kind == OTHER:
        raise _unsupported()
    if body is None or kind == EMPTY:
        return None
    return body.decode() if kind == TEXT else body


def _json(kind: int, body: bytes | None) -> Any:
    if kind == OTHER:
        raise _unsupported()
    if body is None:
        return None
    try:
        return json.loads(body, parse_int=_integer, parse_constant=_constant)
    except DataError:
        raise
    except (ValueError, RecursionError) as problem:
        raise DataError(
            f"Converting byte[] to Kafka Connect data failed: the body is no JSON: {problem}; send "
            "JSON, or take the default record builder"
        ) from problem


def _integer(text: str) -> int:
    number = int(text)
    if number not in _INT64:
        raise DataError(
            f"the JSON integer {text} does not fit into int64, which is all that Kafka Connect "
            "has; send it as a text"
        )
    return number


def _constant(text: str) -> Any:
    raise DataError(f"{text} is no JSON; send a number or null")


def _unsupported() -> DataError:
    return DataError(
        "Unsupported JMS message type: a map, an object or a stream has no form as a record; send "
        "a text or bytes message"
    )


def _keys(
    received: Received, header: str | None
) -> tuple[Sequence[str | bytes | None] | None, Schema | None]:
    """Return the key column; a message without the header has the key null.

    The original fails on a message without a correlation id.
    """
    if header is None:
        return None, None
    if header == "JMSCorrelationIDAsBytes":
        return received.raw_correlations, Schema.OPTIONAL_BYTES
    column = {
        "JMSMessageID": received.ids,
        "JMSCorrelationID": received.correlations,
        "JMSDestination": received.destinations,
        "JMSXGroupID": received.groups,
    }[header]
    if header in {"JMSMessageID", "JMSCorrelationID"}:
        column = [None if one is None else one.removeprefix("ID:") for one in column]
    return column, Schema.OPTIONAL_STRING


def dead_letters(
    received: Received,
    built: Built,
    how: Building,
    topic: str,
    *,
    with_context: bool,
    now_ms: int,
) -> list[SourceRecord]:
    """Return a record for the dead letter topic for each bad message, with its key.

    The original loses the key.
    """
    keys, key_schema = _keys(received, how.key_header)
    found: list[SourceRecord] = []
    for row, problem in built.bad.items():
        headers = received.headers[row]
        if with_context:
            more = _context(received, row, problem, how, now_ms)
            headers = Headers((*headers, *more))
        found.append(
            SourceRecord(
                topic=topic,
                value=received.bodies[row],
                value_schema=Schema.OPTIONAL_BYTES,
                key=None if keys is None else keys[row],
                key_schema=key_schema,
                timestamp=received.timestamps[row],
                headers=headers,
            )
        )
    return found


def _context(
    received: Received, row: int, problem: DataError, how: Building, now_ms: int
) -> list[Header]:
    texts = {
        "topic": how.topic,
        "exception.class.name": type(problem).__qualname__,
        "exception.message": str(problem),
        "exception.stacktrace": "".join(traceback.format_exception(problem))[:_TRACE_MAX],
        "jms.message.id": received.ids[row],
        "mq.queue": how.queue,
    }
    if problem.__cause__ is not None:
        texts["cause.class"] = type(problem.__cause__).__qualname__
        texts["cause.message"] = str(problem.__cause__)
    numbers = {"timestamp": now_ms, "jms.timestamp": received.timestamps[row]}
    return [
        *(Header(_CONTEXT + name, text, Schema.OPTIONAL_STRING) for name, text in texts.items()),
        *(Header(_CONTEXT + name, number, Schema.INT64) for name, number in numbers.items()),
    ]
