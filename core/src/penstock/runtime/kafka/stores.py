"""Key and trust stores that librdkafka cannot read, handed to it as PEM texts.

``tls`` says what PEM and its texts mean to librdkafka; here the files are read, so that JKS and
PKCS12 work as they stand and a wrong store is one clear error before any client is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

__all__ = ["with_pem_texts"]

_TLS: Final = frozenset({"SSL", "SASL_SSL"})
_KEYSTORE: Final = (
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.key.password",
)
_TRUSTSTORE: Final = ("ssl.truststore.location", "ssl.truststore.password")


def with_pem_texts(properties: Mapping[str, str]) -> dict[str, str]:
    """Return Apache client properties whose stores are PEM.

    Raises:
        ConfigError: a store is missing, wrong or cannot be opened.
    """
    found = dict(properties)
    if properties.get("security.protocol", "").strip().upper() not in _TLS:
        return found
    # Imported where TLS is used: its libraries take their time.
    from penstock.runtime.secure_stores.reading import (  # noqa: PLC0415 - see above
        read_identity,
        read_trusted,
    )

    if _is_store(properties, "ssl.truststore.location"):
        _drop(found, _TRUSTSTORE)
        found["ssl.truststore.certificates"] = read_trusted(properties)
        found["ssl.truststore.type"] = "PEM"
    if _is_store(properties, "ssl.keystore.location"):
        identity = read_identity(properties)
        if identity is not None:
            _drop(found, _KEYSTORE)
            found["ssl.keystore.key"] = identity.key
            found["ssl.keystore.certificate.chain"] = identity.chain
            found["ssl.keystore.type"] = "PEM"
    return found


def _is_store(properties: Mapping[str, str], name: str) -> bool:
    """Tell a file from nothing, and from a folder of PEM files, which librdkafka reads itself."""
    location = properties.get(name, "").strip()
    return bool(location) and not Path(location).is_dir()


def _drop(found: dict[str, str], names: tuple[str, ...]) -> None:
    for name in names:
        found.pop(name, None)
