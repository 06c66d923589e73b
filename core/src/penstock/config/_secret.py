"""Values that are never shown (source: ConfigDef.Type.PASSWORD)."""

from __future__ import annotations

import weakref
from typing import Final

__all__ = ["HIDDEN", "Password", "known_passwords"]

HIDDEN: Final = "[hidden]"
_alive: Final[weakref.WeakValueDictionary[int, Password]] = weakref.WeakValueDictionary()


class Password:
    """A secret text; ``str`` and ``repr`` say ``[hidden]``, only :attr:`value` tells it."""

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: str) -> None:
        """Wrap the secret."""
        self._value = value
        _alive[id(self)] = self

    @property
    def value(self) -> str:
        """The secret itself."""
        return self._value

    def __repr__(self) -> str:
        """Hide the secret."""
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        """Compare in constant time."""
        if not isinstance(other, Password):
            return NotImplemented
        import hmac  # noqa: PLC0415 - costs an author's import more than comparing ever will

        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        """Hash by the secret."""
        return hash(self._value)


def known_passwords() -> set[str]:
    """Return the secrets of this process's passwords, for what hides them in traces and logs."""
    return {one.value for one in list(_alive.values())}
