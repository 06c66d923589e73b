"""Whether a broker, or our own TLS, refused a client for good. Pure."""

from __future__ import annotations

from penstock.runtime.secure_stores.causes import explained

__all__ = ["refusal"]


def refusal(code: str, text: str) -> str:
    """Return what to tell of a login or a certificate that is refused; empty for all else.

    A client that was never let in ends with it, as in the original; one that was before waits. A
    handshake that merely broke off is none: a broker that restarts does that too.

    Args:
        code: librdkafka's name of the error.
        text: its words.
    """
    if code == "_AUTHENTICATION" or (code == "_SSL" and "certificate" in text.lower()):
        cause = explained(text)
        return f"not let in: {text}; {cause}" if cause else f"not let in: {text}"
    return ""
