"""The keys of the connectors: those of the original's, and those of any JMS provider."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from penstock.config import Password, config, key

__all__ = ["ConnectionKeys", "IbmKeys", "JmsKeys"]

LONGEST_MS: Final = 99_999_999_900


def _file(name: str, value: Any) -> str | None:
    if value and not Path(value).is_file():
        return f"'{value}' is no file that can be read; name a Java key store (JKS)"
    return None


def _url(name: str, value: Any) -> str | None:
    if value and not urlsplit(value).scheme:
        return f"'{value}' is no URL; write such as file:///etc/mq/AMQCLCHL.TAB"
    return None


_HOST: Final = re.compile(r"[^(),\s]+\(\d{1,5}\)|[^(),\s]+")


def _names(name: str, value: Any) -> str | None:
    wrong = [one for one in (value or "").split(",") if one and not _HOST.fullmatch(one.strip())]
    if wrong:
        return f"'{wrong[0]}' is no connection name; write host(port), such as mq.example.com(1414)"
    return None


@config
class ConnectionKeys:
    """What every connector has: where its Java client is, and how messages are read or written."""

    mq_client_jars: str = key(
        default="",
        importance="low",
        doc="The folder of the client's jars; left out: the one in PENSTOCK_MQ_JARS.",
    )
    mq_client_coordinates: list[str] = key(
        default=[],
        importance="low",
        doc="Maven coordinates of the client, instead of a folder, such as "
        "com.ibm.mq:com.ibm.mq.allclient:9.4.5.0.",
    )
    mq_client_java_options: list[str] = key(
        default=[], importance="low", doc="Options of the Java machine; left out: 512 MB of heap."
    )
    mq_message_body_jms: bool = key(
        default=False, doc="Whether a body is JMS's, with its type, or a plain one."
    )
    mq_exactly_once_state_queue: str | None = key(
        default=None,
        importance="low",
        doc="The queue that keeps where exactly-once stands; naming one switches it on.",
    )


@config
class IbmKeys(ConnectionKeys):
    """How to reach a queue manager."""

    mq_queue_manager: str = key(importance="high", non_empty=True, doc="The queue manager.")
    mq_connection_mode: Literal["client", "bindings"] = key(
        default="client", doc="Over the network, or to a queue manager on this machine."
    )
    mq_connection_name_list: str | None = key(
        default=None, validator=_names, doc="Where it listens: host(port), several with commas."
    )
    mq_channel_name: str | None = key(default=None, doc="The server-connection channel.")
    mq_ccdt_url: str | None = key(
        default=None,
        validator=_url,
        doc="A table of channels (CCDT); names and channel are ignored with it.",
    )
    mq_queue: str = key(importance="high", non_empty=True, doc="The queue.")
    mq_user_name: str | None = key(default=None, doc="The user; none: without credentials.")
    mq_password: Password | None = key(default=None, doc="The user's password.")
    mq_user_authentication_mqcsp: bool = key(
        default=True, importance="low", doc="Send credentials as MQCSP, not in compatibility mode."
    )
    mq_ssl_cipher_suite: str | None = key(
        default=None, doc="The TLS cipher suite, as Java names it."
    )
    mq_ssl_peer_name: str | None = key(
        default=None, doc="What the queue manager's certificate must say."
    )
    mq_ssl_keystore_location: str | None = key(
        default=None, validator=_file, doc="A Java key store with this side's certificate."
    )
    mq_ssl_keystore_password: Password | None = key(
        default=None, doc="The password of the key store and of its key."
    )
    mq_ssl_truststore_location: str | None = key(
        default=None, validator=_file, doc="A Java key store with the certificates to trust."
    )
    mq_ssl_truststore_password: Password | None = key(
        default=None, doc="The password of the trust store."
    )


@config
class JmsKeys(ConnectionKeys):
    """How to reach any JMS provider."""

    jms_connection_factory: str = key(
        default="org.apache.activemq.artemis.jms.client.ActiveMQConnectionFactory",
        doc="The provider's class of connection factories; it must take a URL.",
    )
    jms_url: str = key(importance="high", non_empty=True, doc="The provider's URL.")
    jms_destination: str = key(importance="high", non_empty=True, doc="The queue or topic.")
    jms_destination_type: Literal["queue", "topic"] = key(
        default="queue", doc="What the destination is."
    )
    jms_user: str | None = key(default=None, doc="The user; none: without credentials.")
    jms_password: Password | None = key(default=None, doc="The user's password.")
    mq_message_body_jms: bool = key(
        default=True, doc="Whether a body is JMS's, with its type, or plain bytes."
    )
