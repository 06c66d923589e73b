"""What a worker's security properties mean for its group client (kafka-python).

The properties are read by the same rules as librdkafka's: first translated for it, then from its
words into kafka-python's. So one set of properties is right or wrong for both alike.
"""

from __future__ import annotations

import ssl
from collections.abc import Collection, Mapping
from typing import Any, Final

from penstock.errors import ConfigError, Problem
from penstock.runtime.kafka.properties import ClientKind, translate
from penstock.runtime.kafka.stores import with_pem_texts

__all__ = ["group_settings"]

_PREFIXES: Final = ("bootstrap.", "security.", "ssl.", "sasl.")
_PASSWORDS: Final = frozenset({"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"})


class _OwnedSocket(ssl.SSLSocket):
    """Closed when nobody has it any more: kafka-python forgets those whose handshake failed."""

    def __del__(self) -> None:
        self.close()


def group_settings(
    raw: Mapping[str, str], *, oauth_urls: Collection[str] = (), who: str = "group membership"
) -> dict[str, Any]:
    """Return kafka-python's settings for a worker's own connections.

    Args:
        raw: the worker's properties.
        oauth_urls: the token endpoints that the worker allows.
        who: for messages.

    Raises:
        ConfigError: what is wrong, or kafka-python cannot do; by property.
    """
    own = {key: value for key, value in raw.items() if key.startswith(_PREFIXES)}
    if "bootstrap.servers" in own:
        servers = [one.strip() for one in own["bootstrap.servers"].split(",") if one.strip()]
    else:
        servers = []
    # As Java, kafka-python wants no protocol before the address.
    found: dict[str, Any] = {"bootstrap_servers": [one.rpartition("//")[2] for one in servers]}
    protocol = own.get("security.protocol", "").strip().upper() or "PLAINTEXT"
    if protocol == "PLAINTEXT":
        return found
    config = translate(
        with_pem_texts(own), ClientKind.ADMIN, oauth_urls=oauth_urls, gssapi=True, who=who
    ).config
    found["security_protocol"] = protocol
    if protocol.endswith("SSL"):
        # Imported where TLS is used: its libraries take their time.
        from penstock.runtime.secure_stores.contexts import client_context  # noqa: PLC0415

        context = client_context(own)
        context.sslsocket_class = _OwnedSocket
        found["ssl_context"] = context
    if protocol.startswith("SASL"):
        found |= _sasl(config, who)
    return found


def _sasl(config: Mapping[str, Any], who: str) -> dict[str, Any]:
    mechanism = str(config.get("sasl.mechanism", "GSSAPI"))
    if mechanism in _PASSWORDS:
        return {
            "sasl_mechanism": mechanism,
            "sasl_plain_username": config["sasl.username"],
            "sasl_plain_password": config["sasl.password"],
        }
    text = (
        f"sasl.mechanism is {mechanism}, with which a worker cannot join its group; "
        f"use one of {', '.join(sorted(_PASSWORDS))}, or TLS client certificates"
    )
    raise ConfigError(Problem("sasl.mechanism", text), who=who)
