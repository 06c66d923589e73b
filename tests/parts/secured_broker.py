"""A real broker that is secured: TLS, and passwords by PLAIN and SCRAM, with and without TLS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # they are
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.parts.broker import KafkaBroker
from tests.parts.certificates import PASSWORD, Authority, Leaf
from tests.parts.processes import LOOPBACK, free_ports

USER: Final = "connect"
USER_PASSWORD: Final = 'connect-\\secret"'  # noqa: S105 - of this broker
"""With the characters that a JAAS entry must escape."""
_PLAIN_MODULE: Final = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM_MODULE: Final = "org.apache.kafka.common.security.scram.ScramLoginModule"


def jaas(mechanism: str, user: str = USER, password: str = USER_PASSWORD) -> str:
    """Return `sasl.jaas.config` of a client."""
    module = _PLAIN_MODULE if mechanism == "PLAIN" else _SCRAM_MODULE
    return f'{module} required username="{user}" password="{_quoted(password)}";'


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


class SecuredBroker(KafkaBroker):
    """Listens as SSL, SASL_SSL and SASL_PLAINTEXT too; `address` says where.

    The listener SSL asks for client certificates of the same CA. PLAINTEXT is for the broker
    itself and for the tests' own look at topics.
    """

    protocols = ("SSL", "SASL_SSL", "SASL_PLAINTEXT")

    def __init__(self, authority: Authority, leaf: Leaf) -> None:
        """`leaf` is the broker's certificate, `authority` signs those of clients."""
        super().__init__()
        self._ports: dict[str, int] = {}
        self._authority = authority
        self._leaf = leaf

    def address(self, protocol: str) -> str:
        """Return `bootstrap.servers` for a security protocol."""
        return f"{LOOPBACK}:{self._ports[protocol]}"

    def start(self) -> None:
        """Start, and make the SCRAM user."""
        super().start()
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            wish = UserScramCredentialUpsertion(
                USER, ScramCredentialInfo(mechanism, 4096), USER_PASSWORD.encode()
            )
            for future in admin.alter_user_scram_credentials([wish]).values():
                future.result(30)

    def show(self, leaf: Leaf) -> None:
        """Restart with another certificate."""
        self._leaf = leaf
        leaf.pkcs12(self.folder / "broker.p12")
        self.restart()

    def _more_listeners(self) -> Sequence[str]:
        ports = free_ports(len(self.protocols))
        self._ports = dict(zip(self.protocols, ports, strict=True))
        self._properties |= self._security(self.folder)
        return [f"{name}://{self.address(name)}" for name in self.protocols]

    def _security(self, folder: Path) -> dict[str, str]:
        kinds = ("PLAINTEXT", *self.protocols)
        names = ",".join(f"{one}:{one}" for one in kinds)
        found = {
            "listener.security.protocol.map": f"{names},CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "ssl.keystore.location": str(self._leaf.pkcs12(folder / "broker.p12")),
            "ssl.keystore.type": "PKCS12",
            "ssl.keystore.password": PASSWORD,
            "ssl.key.password": PASSWORD,
            "ssl.truststore.location": str(self._authority.trust_pkcs12(folder)),
            "ssl.truststore.type": "PKCS12",
            "ssl.truststore.password": PASSWORD,
            "listener.name.ssl.ssl.client.auth": "required",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        }
        plain = f'{_PLAIN_MODULE} required user_{USER}="{_quoted(USER_PASSWORD)}";'
        for listener in ("sasl_ssl", "sasl_plaintext"):
            found |= {
                f"listener.name.{listener}.plain.sasl.jaas.config": plain,
                f"listener.name.{listener}.scram-sha-256.sasl.jaas.config": (
                    f"{_SCRAM_MODULE} required;"
                ),
                f"listener.name.{listener}.scram-sha-512.sasl.jaas.config": (
                    f"{_SCRAM_MODULE} required;"
                ),
            }
        return found
