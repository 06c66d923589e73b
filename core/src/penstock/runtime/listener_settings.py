"""Which ``ssl.*`` properties are for a worker's listeners, and for its calls to other workers.

(source: SSLUtils, AbstractConfig.valuesWithPrefixAllOrNothing) Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

__all__ = ["ADMIN_PREFIX", "LISTENER_PREFIX", "TlsProperties", "tls_properties"]

LISTENER_PREFIX: Final = "listeners.https."
ADMIN_PREFIX: Final = "admin.listeners.https."


@attrs.frozen
class TlsProperties:
    """Properties from ``ssl.`` on, and what stands before them where the user wrote them."""

    values: Mapping[str, str] = attrs.field(repr=False)
    prefix: str = ""


def tls_properties(raw: Mapping[str, str], prefix: str = LISTENER_PREFIX) -> TlsProperties:
    """Return the properties under a prefix, or, when there is none, those without any.

    All or nothing, as in the original: one property with the prefix hides all without.
    """
    own = {k.removeprefix(prefix): v for k, v in raw.items() if k.startswith(prefix)}
    if own:
        return TlsProperties(own, prefix)
    return TlsProperties({k: v for k, v in raw.items() if k.startswith("ssl.")})
