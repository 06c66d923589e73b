"""Asks a broker for its certificate once more, to learn what librdkafka does not tell.

For librdkafka a certificate of another CA, one for another host and one that has expired are one
and the same failure.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping
from typing import Final

from penstock.errors import ConfigError

__all__ = ["tls_problem"]

TIMEOUT_S: Final = 3.0
ALERT_S: Final = 0.5
"""With TLS 1.3 a server says only after the handshake that it does not like the client."""


def tls_problem(properties: Mapping[str, str]) -> str:
    """Return what OpenSSL says of the first bootstrap server; empty when it has no objection.

    Args:
        properties: of a client, by Apache name.
    """
    # Imported where TLS fails: its libraries take their time.
    from penstock.runtime.secure_stores.contexts import client_context  # noqa: PLC0415

    server = properties.get("bootstrap.servers", "").split(",")[0].strip().rpartition("//")[2]
    host, _, port = server.rpartition(":")
    host = host.strip("[]")
    try:
        context = client_context(properties)
        with (
            socket.create_connection((host, int(port)), TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            secure.settimeout(ALERT_S)
            with contextlib.suppress(TimeoutError):
                secure.recv(1)
    except (OSError, ValueError, ConfigError) as problem:
        return str(problem)
    return ""
