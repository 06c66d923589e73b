"""Structured logs: one set-up for the worker and its hosts (structlog over the standard library).

Lines go to stderr. A terminal gets colours, a pipe plain lines, and ``PENSTOCK_LOG=json`` one JSON
object a line. The context of a connector or task stands in front, as in the original:
``[orders|task-0]``.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import structlog

__all__ = ["bind_context", "setup_logging"]

FORMAT_VARIABLE: Final = "PENSTOCK_LOG"
LEVEL_VARIABLE: Final = "PENSTOCK_LOG_LEVEL"
_CONTEXT: Final = "connector_context"
_UNSAFE: Final = {code: f"\\x{code:02x}" for code in [*range(0x20), 0x7F] if code not in (9, 10)}


def bind_context(text: str) -> None:
    """Put ``text``, such as ``orders|task-0``, in front of every line of this thread's context."""
    structlog.contextvars.bind_contextvars(**{_CONTEXT: text})


def _in_front(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    context = event.pop(_CONTEXT, None)
    # Control characters in names and values must not forge lines or colours.
    text = str(event.get("event", "")).translate(_UNSAFE)
    event["event"] = f"[{context}] {text}" if context else text
    return event


def _plain(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    time, level, name = event.pop("timestamp"), event.pop("level", ""), event.pop("logger", "")
    text, trace = event.pop("event"), event.pop("exception", None)
    more = "".join(f" {key}={value!r}" for key, value in event.items())
    line = f"[{time}] {level.upper()} {text}{more} ({name})"
    return f"{line}\n{trace}" if trace else line


def setup_logging(worker: Mapping[str, str] | None = None, *, stream: Any = None) -> None:
    """Send the logs of this process to stderr, in the form that its reader wants.

    Args:
        worker: the worker's properties; ``log.level`` is heard.
        stream: elsewhere than stderr, for tests.
    """
    level = (worker or {}).get("log.level")
    out = sys.stderr if stream is None else stream
    style = os.environ.get(FORMAT_VARIABLE, "").lower()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S.%f", utc=False),
        _in_front,
    ]
    ending: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if style == "json":
        ending += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    elif out.isatty():
        ending.append(
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        )
    else:
        ending += [structlog.processors.format_exc_info, _plain]
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=ending)
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel((level or os.environ.get(LEVEL_VARIABLE) or "INFO").upper())
    logging.getLogger("stevedore").setLevel(logging.WARNING)
