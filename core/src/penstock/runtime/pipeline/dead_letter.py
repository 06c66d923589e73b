"""What a dead letter says: headers written and read. Pure (source: DeadLetterQueueReporter)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from penstock.errors import (
    AlreadyExistsError,
    ConfigError,
    ConnectError,
    DataError,
    NotFoundError,
    RetriableError,
    SchemaBuilderError,
)
from penstock.runtime.broker import EncodedHeaders
from penstock.runtime.pipeline.failure import Consumed
from penstock.runtime.pipeline.stack_trace import stack_trace
from penstock.runtime.redaction import without_secrets

__all__ = [
    "PREFIX",
    "STACKTRACE_CHARS_MAX",
    "Cause",
    "cause_of",
    "error_headers",
    "exception_name",
    "plain_headers",
]

PREFIX: Final = "__connect.errors."
STACKTRACE_CHARS_MAX: Final = 16_384
"""Of a longer trace the end is kept: it names the line that failed."""

_ERRORS: Final = "org.apache.kafka.connect.errors."
_EQUIVALENTS: Final[dict[type[BaseException], str]] = {
    AlreadyExistsError: f"{_ERRORS}AlreadyExistsException",
    ConfigError: "org.apache.kafka.common.config.ConfigException",
    ConnectError: f"{_ERRORS}ConnectException",
    DataError: f"{_ERRORS}DataException",
    NotFoundError: f"{_ERRORS}NotFoundException",
    RetriableError: f"{_ERRORS}RetriableException",
    SchemaBuilderError: f"{_ERRORS}SchemaBuilderException",
}


@attrs.frozen
class Cause:
    """What the headers of a dead letter tell; a part is empty, or -1, where they are silent."""

    topic: str = ""
    partition: int = -1
    offset: int = -1
    connector: str = ""
    task: int = -1
    stage: str = ""
    class_name: str = ""
    exception: str = ""
    message: str = ""
    stacktrace: str = ""

    @property
    def place(self) -> str:
        """Where the record stood: ``topic-partition@offset``, or nothing."""
        return f"{self.topic}-{self.partition}@{self.offset}" if self.topic else ""


def exception_name(error: BaseException) -> str:
    """Return the name of an error's class: the original's, of an error that both have.

    So a program that reads dead letters need not care who wrote them.
    """
    kind = type(error)
    known = _EQUIVALENTS.get(kind)
    if known is not None:
        return known
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def error_headers(
    row: Consumed,
    *,
    connector: str,
    task: int,
    stage: str,
    class_name: str,
    error: BaseException | None,
) -> list[tuple[str, bytes | None]]:
    """Return the ``__connect.errors.*`` headers of a record that failed, all UTF-8 text."""
    parts: list[tuple[str, str | None]] = [
        ("topic", row.fetched.topic),
        ("partition", str(row.fetched.partition)),
        ("offset", str(row.offset)),
        ("connector.name", connector),
        ("task.id", str(task)),
        ("stage", stage),
        ("class.name", class_name),
    ]
    if error is not None:
        parts += [
            ("exception.class.name", exception_name(error)),
            ("exception.message", without_secrets(str(error)) or None),
            ("exception.stacktrace", _stacktrace(error)),
        ]
    return [
        (PREFIX + name, None if text is None else text.encode("utf-8", "replace"))
        for name, text in parts
    ]


def _stacktrace(error: BaseException) -> str:
    text = without_secrets(stack_trace(error))
    if len(text) <= STACKTRACE_CHARS_MAX:
        return text
    return "...\n" + text[-STACKTRACE_CHARS_MAX:]


def cause_of(headers: EncodedHeaders) -> Cause:
    """Return what the headers tell; of a record that failed twice, what they tell of the last."""
    found: dict[str, str] = {}
    for name, data in headers:
        if name.startswith(PREFIX):
            found[name[len(PREFIX) :]] = (data or b"").decode("utf-8", "replace")
    return Cause(
        topic=found.get("topic", ""),
        partition=_number(found.get("partition", "")),
        offset=_number(found.get("offset", "")),
        connector=found.get("connector.name", ""),
        task=_number(found.get("task.id", "")),
        stage=found.get("stage", ""),
        class_name=found.get("class.name", ""),
        exception=found.get("exception.class.name", ""),
        message=found.get("exception.message", ""),
        stacktrace=found.get("exception.stacktrace", ""),
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else -1


def plain_headers(headers: EncodedHeaders) -> Sequence[tuple[str, bytes | None]]:
    """Return the headers that the record had before it failed."""
    return [(name, data) for name, data in headers if not name.startswith(PREFIX)]
