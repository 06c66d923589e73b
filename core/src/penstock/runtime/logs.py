"""Logs: one set-up for the worker and its hosts, over the standard library.

Lines go to stderr. A terminal gets colours, a pipe plain lines, and ``PENSTOCK_LOG=json`` one JSON
object a line. The context of a connector or task stands in front, as in the original:
``[orders|task-0]``.

One record is one line, whatever names, values and errors hold: control characters are escaped,
and the lines of a trace are indented, so that no text can look like another record.

structlog draws on terminals and writes JSON. It is imported for these alone: it takes a tenth of
a second, and hosts and services write to pipes.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any, Final

from penstock.runtime.redaction import without_secrets

__all__ = ["bind_context", "setup_logging"]

FORMAT_VARIABLE: Final = "PENSTOCK_LOG"
LEVEL_VARIABLE: Final = "PENSTOCK_LOG_LEVEL"
_LEVELS: Final = {
    "TRACE": logging.DEBUG,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "WARNING": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
    "CRITICAL": logging.CRITICAL,
}
"""The names of both worlds: those of the original's log4j are what its users write."""
# C0 and C1 controls (ANSI sequences begin with one), line separators, and what turns the
# direction of writing round.
_UNSAFE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_UNSAFE_IN_TRACE: Final = re.compile(_UNSAFE.pattern.replace(r"\x0a-", r"\x0b-"))
# What every record has; all else was given as ``extra``. Uvicorn's is its message again, coloured.
_OF_EVERY_RECORD: Final = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
    "color_message",
}
_context: Final[ContextVar[str]] = ContextVar("penstock_log_context", default="")


def bind_context(text: str) -> None:
    """Put ``text``, such as ``orders|task-0``, in front of every line of this thread's context."""
    _context.set(text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def _safe(text: str) -> str:
    return _UNSAFE.sub(_escape, text)


def _indented(trace: str) -> str:
    lines = _UNSAFE_IN_TRACE.sub(_escape, trace).split("\n")
    return "\n".join(f"  {line}" for line in lines)


def _in_front(text: str) -> str:
    context = _context.get()
    return f"[{context}] {text}" if context else text


def _time_of(record: logging.LogRecord) -> str:
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
    return f"{moment},{int(record.msecs):03}"


class _PlainFormatter(logging.Formatter):
    """``[time] LEVEL [context] text key=value (logger)``, and the trace indented."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        text = _safe(_in_front(record.getMessage()))
        more = "".join(
            f" {_safe(key)}={_safe(repr(value))}"
            for key, value in vars(record).items()
            if key not in _OF_EVERY_RECORD
        )
        level = "WARN" if record.levelno == logging.WARNING else record.levelname
        line = f"[{_time_of(record)}] {level} {text}{more} ({_safe(record.name)})"
        if record.exc_info and record.exc_info[0] is not None:
            line += "\n" + _indented(self.formatException(record.exc_info))
        if record.stack_info:
            line += "\n" + _indented(self.formatStack(record.stack_info))
        return line


def _structured_formatter(*, as_json: bool) -> logging.Formatter:
    import structlog  # noqa: PLC0415 - see the module's docstring

    def before(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.pop("color_message", None)
        if not as_json:
            event["event"] = _in_front(str(event.get("event", "")))
        elif _context.get():
            event["context"] = _context.get()
        return event

    def escape(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in event.items():
            if isinstance(value, str):
                event[key] = _indented(value) if key in ("exception", "stack") else _safe(value)
        return event

    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S.%f", utc=False),
        before,
    ]
    ending: list[Any] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
    ]
    if as_json:
        ending.append(structlog.processors.JSONRenderer(default=str))  # JSON escapes by itself
    else:
        ending += [escape, structlog.dev.ConsoleRenderer()]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=ending)


class _Handler(logging.StreamHandler[Any]):
    """Writes lines without the secrets that this process knows."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return without_secrets(super().format(record))


def setup_logging(worker: Mapping[str, str] | None = None, *, stream: Any = None) -> None:
    """Send the logs of this process to stderr, in the form that its reader wants.

    Args:
        worker: the worker's properties; ``log.level`` and ``log.format`` (``json``, ``plain``) are
            heard, where the environment's ``PENSTOCK_LOG_LEVEL`` and ``PENSTOCK_LOG`` say nothing.
        stream: elsewhere than stderr, for tests.
    """
    given = worker or {}
    out = sys.stderr if stream is None else stream
    style = _chosen(FORMAT_VARIABLE, given, "log.format", "").lower()
    level = _chosen(LEVEL_VARIABLE, given, "log.level", "INFO").upper()
    handler = _Handler(out)
    if style == "json" or (out.isatty() and style != "plain"):
        handler.setFormatter(_structured_formatter(as_json=style == "json"))
    else:
        handler.setFormatter(_PlainFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS.get(level, logging.INFO))
    logging.getLogger("stevedore").setLevel(logging.ERROR)
    logging.getLogger("kafka").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    if level not in _LEVELS:
        logging.getLogger(__name__).warning(
            "unknown log level '%s'; one of %s, INFO is used", level, ", ".join(_LEVELS)
        )


def _chosen(variable: str, worker: Mapping[str, str], key: str, default: str) -> str:
    return (os.environ.get(variable) or worker.get(key) or default).strip()
