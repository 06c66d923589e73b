"""Structured logs: one set-up for the worker and its hosts (structlog over the standard library).

Lines go to stderr. A terminal gets colours, a pipe plain lines, and ``PENSTOCK_LOG=json`` one JSON
object a line. The context of a connector or task stands in front, as in the original:
``[orders|task-0]``.

One record is one line, whatever names, values and errors hold: control characters are escaped,
and the lines of a trace are indented, so that no text can look like another record.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import structlog

__all__ = ["bind_context", "setup_logging"]

FORMAT_VARIABLE: Final = "PENSTOCK_LOG"
LEVEL_VARIABLE: Final = "PENSTOCK_LOG_LEVEL"
_CONTEXT: Final = "connector_context"
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


def bind_context(text: str) -> None:
    """Put ``text``, such as ``orders|task-0``, in front of every line of this thread's context."""
    structlog.contextvars.bind_contextvars(**{_CONTEXT: text})


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def _safe(value: Any) -> Any:
    return _UNSAFE.sub(_escape, value) if isinstance(value, str) else value


def _in_front(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    context = event.pop(_CONTEXT, None)
    text = str(event.get("event", ""))
    event["event"] = f"[{context}] {text}" if context else text
    return event


def _as_field(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if _CONTEXT in event:
        event["context"] = event.pop(_CONTEXT)
    return event


def _escaped(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        event[key] = _indented(value) if key == "exception" else _safe(value)
    return event


def _indented(trace: Any) -> str:
    lines = _UNSAFE_IN_TRACE.sub(_escape, str(trace)).split("\n")
    return "\n".join(f"  {line}" for line in lines)


def _plain(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    time, level, name = event.pop("timestamp"), event.pop("level", ""), event.pop("logger", "")
    text, trace = event.pop("event"), event.pop("exception", None)
    more = "".join(f" {key}={value!r}" for key, value in event.items())
    line = f"[{time}] {level.upper()} {text}{more} ({name})"
    return f"{line}\n{trace}" if trace else line


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
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S.%f", utc=False),
    ]
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                *_renderers(style, is_terminal=out.isatty()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS.get(level, logging.INFO))
    logging.getLogger("stevedore").setLevel(logging.ERROR)
    if level not in _LEVELS:
        logging.getLogger(__name__).warning(
            "unknown log level '%s'; one of %s, INFO is used", level, ", ".join(_LEVELS)
        )


def _chosen(variable: str, worker: Mapping[str, str], key: str, default: str) -> str:
    return (os.environ.get(variable) or worker.get(key) or default).strip()


def _renderers(style: str, *, is_terminal: bool) -> list[Any]:
    if style == "json":
        return [_as_field, structlog.processors.JSONRenderer()]  # JSON escapes by itself
    if is_terminal and style != "plain":
        return [_in_front, _escaped, structlog.dev.ConsoleRenderer()]
    return [_in_front, _escaped, _plain]
