"""Secrets that this process knows, taken out of what it tells of failures.

A plugin's exception may quote the password that it was given. Traces, log lines and the headers of
dead letters pass through here. Known are the values that config providers gave and those of keys
of type PASSWORD. The worker itself knows none: it never resolves or parses plugins' secrets.
"""

from __future__ import annotations

from typing import Final

from penstock.config._secret import HIDDEN, known_passwords

__all__ = ["note_secret", "without_secrets"]

LENGTH_MIN: Final = 6
"""Shorter ones stay: to hide each '1' or 'true' of a trace would hide everything."""
_noted: Final[set[str]] = set()


def note_secret(text: str) -> None:
    """Remember a value that a config provider gave, for the life of this process."""
    if len(text) >= LENGTH_MIN:
        _noted.add(text)


def without_secrets(text: str) -> str:
    """Return a text with each known secret, as it is or in its ``repr``, as ``[hidden]``."""
    known = {one for one in known_passwords() if len(one) >= LENGTH_MIN} | set(_noted)
    known |= {repr(one)[1:-1] for one in known}
    for secret in sorted(known, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
