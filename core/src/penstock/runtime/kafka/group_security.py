"""What a worker's security properties mean for its group client (kafka-python).

The properties are read by the same rules as librdkafka's: first translated for it, then from its
words into kafka-python's. So one set of properties is right or wrong for both alike.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Final

from penstock.errors import ConfigError, Problem
from penstock.runtime.kafka.oauth_allowed import split_allowed
from penstock.runtime.kafka.properties import ClientKind, Translation, translate
from penstock.runtime.kafka.stores import with_pem_texts

__all__ = ["group_settings"]

_PREFIXES: Final = ("bootstrap.", "security.", "ssl.", "sasl.")
_PASSWORDS: Final = frozenset({"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"})


class _OwnedSocket(ssl.SSLSocket):
    """Closed when nobody has it any more: kafka-python forgets those whose handshake failed."""

    def __del__(self) -> None:
        self.close()


def group_settings(raw: Mapping[str, str], *, who: str = "group membership") -> dict[str, Any]:
    """Return kafka-python's settings for a worker's own connections.

    Args:
        raw: the worker's properties.
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
    allowed = split_allowed(raw)[1]
    translated = translate(
        with_pem_texts(own),
        ClientKind.ADMIN,
        oauth_urls=allowed.urls,
        oauth_files=allowed.files,
        gssapi=True,
        who=who,
    )
    found["security_protocol"] = protocol
    if protocol.endswith("SSL"):
        # Imported where TLS is used: its libraries take their time.
        from penstock.runtime.secure_stores.contexts import client_context  # noqa: PLC0415

        context = client_context(own)
        context.sslsocket_class = _OwnedSocket
        found["ssl_context"] = context
    if protocol.startswith("SASL"):
        found |= _sasl(translated, who)
    return found


def _sasl(translated: Translation, who: str) -> dict[str, Any]:
    config = translated.config
    mechanism = str(config.get("sasl.mechanism", "GSSAPI"))
    found: dict[str, Any] = {"sasl_mechanism": mechanism}
    if mechanism in _PASSWORDS:
        found["sasl_plain_username"] = config["sasl.username"]
        found["sasl_plain_password"] = config["sasl.password"]
    elif mechanism == "GSSAPI":
        found |= _kerberos(config, who)
    elif translated.tokens is not None:
        # Imported where they are used: HTTP clients and kafka-python take their time.
        from penstock.runtime.kafka.group_tokens import GroupTokens  # noqa: PLC0415
        from penstock.runtime.kafka.oauth_tokens import token_source  # noqa: PLC0415

        found["sasl_oauth_token_provider"] = GroupTokens(token_source(translated.tokens))
    else:
        key = "sasl.oauthbearer.jwt.retriever.class"
        text = (
            f"{key} is JwtBearerJwtRetriever, with which a worker cannot join its group; use "
            "ClientCredentialsJwtRetriever for the worker, and this one for connectors' clients"
        )
        raise ConfigError(Problem(key, text), who=who)
    return found


def _kerberos(config: Mapping[str, Any], who: str) -> dict[str, Any]:
    """Return kafka-python's words for Kerberos; a keytab is told by a variable."""
    if find_spec("gssapi") is None:
        text = (
            "sasl.mechanism is GSSAPI, for which a worker needs the package 'gssapi' to join its "
            "group: pip install gssapi (it is built against Debian's libkrb5-dev)"
        )
        raise ConfigError(Problem("sasl.mechanism", text), who=who)
    keytab = str(config.get("sasl.kerberos.keytab", ""))
    if keytab:
        # GSSAPI has no argument for it: with this, tickets are got from the keytab as needed.
        os.environ["KRB5_CLIENT_KTNAME"] = keytab
    service = str(config.get("sasl.kerberos.service.name", ""))
    if not service:
        text = "sasl.kerberos.service.name is missing: GSSAPI needs it; set it, mostly to kafka"
        raise ConfigError(Problem("sasl.kerberos.service.name", text), who=who)
    return {"sasl_kerberos_service_name": service}
