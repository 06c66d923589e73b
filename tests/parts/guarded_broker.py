"""A real broker with an authorizer, and one user who has no rights by himself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.parts.broker import KafkaBroker
from tests.parts.processes import LOOPBACK, free_ports

USER: Final = "source"
_PASSWORD: Final = "hush"  # noqa: S105 - of this broker
_LOGIN: Final = "org.apache.kafka.common.security.plain.PlainLoginModule required"


class GuardedBroker(KafkaBroker):
    """Has a second listener, where the user logs in; tests are its super users on the first."""

    sasl_address = ""

    def __init__(self, *, is_open: bool) -> None:
        """Prepare a broker; in an open one, all that no ACL is about is allowed."""
        super().__init__(
            properties={
                "listener.security.protocol.map": (
                    "PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT"
                ),
                "sasl.enabled.mechanisms": "PLAIN",
                "listener.name.sasl_plaintext.plain.sasl.jaas.config": (
                    f'{_LOGIN} user_{USER}="{_PASSWORD}";'
                ),
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "allow.everyone.if.no.acl.found": str(is_open).lower(),
                "super.users": "User:ANONYMOUS",
            }
        )

    def _more_listeners(self) -> Sequence[str]:
        self.sasl_address = f"{LOOPBACK}:{free_ports(1)[0]}"
        return [f"SASL_PLAINTEXT://{self.sasl_address}"]

    def login(self, prefix: str = "") -> dict[str, str]:
        """Return the properties of a client that is the user, below a prefix."""
        return {
            f"{prefix}bootstrap.servers": self.sasl_address,
            f"{prefix}security.protocol": "SASL_PLAINTEXT",
            f"{prefix}sasl.mechanism": "PLAIN",
            f"{prefix}sasl.jaas.config": f'{_LOGIN} username="{USER}" password="{_PASSWORD}";',
        }
