"""Values that are never shown (source: ConfigDef.Type.PASSWORD)."""

from __future__ import annotations

from typing import Final

__all__ = ["HIDDEN", "Password"]

HIDDEN: Final = "[hidden]"


class Password:
    """A secret text; ``str`` and ``repr`` say ``[hidden]``, only :attr:`value` tells it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        """Wrap the secret."""
        self._value = value

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
