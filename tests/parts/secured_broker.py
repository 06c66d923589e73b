"""A real broker that is secured: TLS, passwords by PLAIN and SCRAM, tokens; and wrong ways."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # they are
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.parts.broker import KafkaBroker
from tests.parts.certificates import PASSWORD, Authority
from tests.parts.java import TEST_JVM_FLAGS
from tests.parts.processes import LOOPBACK, free_ports
from tests.parts.token_issuer import AUDIENCE, CLIENT, CLIENT_SECRET, ISSUER, TokenIssuer

USER: Final = "connect"
USER_PASSWORD: Final = 'connect-\\secret"'  # noqa: S105 - of this broker
"""With the characters that a JAAS entry must escape."""
_PLAIN_MODULE: Final = "org.apache.kafka.common.security.plain.PlainLoginModule"
_OAUTH: Final = "org.apache.kafka.common.security.oauthbearer."
_SCRAM_MODULE: Final = "org.apache.kafka.common.security.scram.ScramLoginModule"


def jaas(mechanism: str, user: str = USER, password: str = USER_PASSWORD) -> str:
    """Return `sasl.jaas.config` of a client."""
    module = _PLAIN_MODULE if mechanism == "PLAIN" else _SCRAM_MODULE
    return f'{module} required username="{user}" password="{_quoted(password)}";'


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def token_login(issuer: TokenIssuer, secret: str = CLIENT_SECRET) -> dict[str, str]:
    """Return the properties of a client that shows tokens of an issuer, which is allowed."""
    return {
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.token.endpoint.url": issuer.url,
        "sasl.jaas.config": (
            f'{_OAUTH}OAuthBearerLoginModule required clientId="{CLIENT}" clientSecret="{secret}";'
        ),
        "org.apache.kafka.sasl.oauthbearer.allowed.urls": issuer.url,
    }


class SecuredBroker(KafkaBroker):
    """Listens in each way of `listeners` too; `address` says where.

    The listener SSL asks for client certificates of the same CA. OTHER_HOST and EXPIRED show
    certificates that are wrong, SCRAM_ONLY has one mechanism. PLAINTEXT is for the broker itself
    and for the tests' own look at topics.
    """

    listeners: ClassVar = {
        "SSL": "SSL",
        "SASL_SSL": "SASL_SSL",
        "SASL_PLAINTEXT": "SASL_PLAINTEXT",
        "OTHER_HOST": "SSL",
        "EXPIRED": "SSL",
        "SCRAM_ONLY": "SASL_PLAINTEXT",
    }

    def __init__(
        self, authority: Authority, issuer: TokenIssuer, users: Mapping[str, str] | None = None
    ) -> None:
        """`authority` signs everybody's certificates, `issuer` the tokens; more users by PLAIN."""
        self._users = {USER: USER_PASSWORD, **(users or {})}
        self._ports: dict[str, int] = {}
        self._authority = authority
        self._keys_folder = Path(tempfile.mkdtemp(prefix="penstock-keys-"))
        self._keys = issuer.write_keys(self._keys_folder / "keys.json").as_uri()
        flag = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self._keys}"
        super().__init__(jvm_flags=(*TEST_JVM_FLAGS, flag))

    def address(self, listener: str) -> str:
        """Return `bootstrap.servers` for a listener."""
        return f"{LOOPBACK}:{self._ports[listener]}"

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

    def close(self) -> None:
        """Kill the broker and delete its data."""
        super().close()
        shutil.rmtree(self._keys_folder, ignore_errors=True)

    def _more_listeners(self) -> Sequence[str]:
        ports = free_ports(len(self.listeners))
        self._ports = dict(zip(self.listeners, ports, strict=True))
        self._properties |= self._security(self.folder)
        return [f"{name}://{self.address(name)}" for name in self.listeners]

    def _security(self, folder: Path) -> dict[str, str]:
        kinds = {"PLAINTEXT": "PLAINTEXT", **self.listeners}
        names = ",".join(f"{name}:{kind}" for name, kind in kinds.items())
        issue = self._authority.issue
        leaves = {
            "": issue("broker"),
            "listener.name.other_host.": issue("broker", "elsewhere.example"),
            "listener.name.expired.": issue("broker", expired=True),
        }
        found = {
            "listener.security.protocol.map": f"{names},CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "ssl.truststore.location": str(self._authority.trust_pkcs12(folder)),
            "ssl.truststore.type": "PKCS12",
            "ssl.truststore.password": PASSWORD,
            "listener.name.ssl.ssl.client.auth": "required",
            "listener.name.scram_only.sasl.enabled.mechanisms": "SCRAM-SHA-256",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
        }
        for prefix, leaf in leaves.items():
            path = leaf.pkcs12(folder / f"broker{prefix}.p12")
            found |= {
                f"{prefix}ssl.keystore.location": str(path),
                f"{prefix}ssl.keystore.type": "PKCS12",
                f"{prefix}ssl.keystore.password": PASSWORD,
                f"{prefix}ssl.key.password": PASSWORD,
            }
        for listener in ("sasl_ssl", "sasl_plaintext", "scram_only"):
            found |= self._logins(f"listener.name.{listener}.")
        return found

    def _logins(self, prefix: str) -> dict[str, str]:
        scram = f"{_SCRAM_MODULE} required;"
        users = " ".join(f'user_{name}="{_quoted(word)}"' for name, word in self._users.items())
        plain = f"{_PLAIN_MODULE} required {users};"
        return {
            f"{prefix}plain.sasl.jaas.config": plain,
            f"{prefix}scram-sha-256.sasl.jaas.config": scram,
            f"{prefix}scram-sha-512.sasl.jaas.config": scram,
            f"{prefix}oauthbearer.sasl.jaas.config": f"{_OAUTH}OAuthBearerLoginModule required;",
            f"{prefix}oauthbearer.sasl.server.callback.handler.class": (
                f"{_OAUTH}OAuthBearerValidatorCallbackHandler"
            ),
            f"{prefix}oauthbearer.sasl.oauthbearer.jwks.endpoint.url": self._keys,
            f"{prefix}oauthbearer.sasl.oauthbearer.expected.audience": AUDIENCE,
            f"{prefix}oauthbearer.sasl.oauthbearer.expected.issuer": ISSUER,
        }
