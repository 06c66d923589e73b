"""How this worker's calls to other workers are secured (source: SSLUtils, RestClient)."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping

from penstock.runtime.listener_settings import tls_properties

__all__ = ["PeerTls"]


class PeerTls:
    """Gives the TLS context for other workers, made when it is first asked. Any thread."""

    def __init__(self, raw: Mapping[str, str]) -> None:
        """``raw`` are the worker's properties."""
        self._properties = tls_properties(raw)
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None

    def __call__(self) -> ssl.SSLContext:
        """Return the context; raises ConfigError when a store is wrong."""
        # Imported where TLS is used: its libraries take their time.
        from penstock.runtime.secure_stores.contexts import client_context  # noqa: PLC0415

        with self._lock:
            if self._context is None:
                own = self._properties
                self._context = client_context(own.values, own.prefix)
            return self._context
