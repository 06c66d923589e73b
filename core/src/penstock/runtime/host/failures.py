"""What a host tells of an exception: enough to find the fault, never more than a frame holds."""

from __future__ import annotations

import traceback
from typing import Final

from penstock.runtime.host.messages import Failed
from penstock.runtime.redaction import without_secrets

__all__ = ["TRACE_CHARS_MAX", "failure"]

TRACE_CHARS_MAX: Final = 64 * 1024
_REASON_CHARS_MAX: Final = 4 * 1024


def failure(problem: BaseException) -> Failed:
    """Return the event that tells of an exception: secrets hidden, a long trace cut."""
    text = without_secrets("".join(traceback.format_exception(problem)))
    if len(text) > TRACE_CHARS_MAX:
        half = TRACE_CHARS_MAX // 2
        text = f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
    reason = without_secrets("".join(traceback.format_exception_only(problem)).strip())
    return Failed(reason=reason[:_REASON_CHARS_MAX], trace=text)
