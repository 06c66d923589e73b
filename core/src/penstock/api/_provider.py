"""Config providers: they look up ``${name:path:key}`` (source: ConfigProvider)."""

from __future__ import annotations

from typing import TypeVar

from penstock.api._plugin import Plugin

__all__ = ["ConfigProvider"]

C = TypeVar("C")


class ConfigProvider(Plugin[C]):
    """Looks up values that configurations only refer to, such as secrets.

    Called by: the process that needs the values, as it starts. Threading: one thread.
    """

    def lookup(self, path: str, key: str) -> str | None:
        """Return the value of ``key`` at ``path``, or None when there is none.

        Raises:
            ConfigError: the path may not be read; the message must not tell any value.
        """
        raise NotImplementedError

    def ttl_ms(self, path: str) -> int | None:
        """Return how long, in ms from now, what was found at ``path`` may be used.

        Asked once after the look-ups at this path. None, or less than zero: for ever. When the
        time is over, whatever uses the values starts anew, unless its connector has
        ``config.action.reload=none`` (source: ConfigData.ttl).
        """
        return None
