"""The Java client: factories, destinations and links, and what its exceptions mean."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from penstock.errors import ConfigError
from penstock_jvm.machine import jars_in, java_class, resolve, start_machine
from penstock_mq._failures import Cause, Failure, explain
from penstock_mq._keys import ConnectionKeys, IbmKeys, JmsKeys
from penstock_mq._messages import Received, unpack
from penstock_mq._shim import compiled, namespace

__all__ = ["Client", "Link", "LinkError", "client_jars"]

JARS_VARIABLE: Final = "PENSTOCK_MQ_JARS"
_CHAIN_MAX: Final = 20


class LinkError(Exception):
    """A call of the Java client failed; ``failure`` says what to do."""

    def __init__(self, failure: Failure) -> None:
        """Take what it means."""
        self.failure = failure
        super().__init__(failure.message)


def client_jars(keys: ConnectionKeys) -> list[Path]:
    """Return the jars that the configuration or the environment names.

    Raises:
        ConfigError: neither does, or they are not found.
    """
    if keys.mq_client_coordinates:
        return resolve(keys.mq_client_coordinates)
    folder = keys.mq_client_jars or os.environ.get(JARS_VARIABLE, "")
    if not folder:
        raise ConfigError(
            "mq.client.jars: no Java client is named, and none comes with Penstock; put its jars "
            f"into a folder and name it in {JARS_VARIABLE} or in mq.client.jars, or set "
            "mq.client.coordinates"
        )
    return jars_in(Path(folder))


@contextlib.contextmanager
def _told(doing: str, where: str) -> Iterator[None]:
    import jpype  # noqa: PLC0415 - a listing of plugins does without

    try:
        yield
    except jpype.JException as problem:
        raise LinkError(explain(_chain(problem), doing, where)) from None


def _chain(problem: Any) -> list[Cause]:
    """Return a Java exception and its causes."""
    causes: list[Cause] = []
    while problem is not None and len(causes) < _CHAIN_MAX:
        name = str(problem.getClass().getName())
        get_reason = getattr(problem, "getReason", None)
        reason = int(get_reason()) if get_reason is not None else 0
        causes.append(Cause(name, str(problem.getMessage()), reason))
        get_linked = getattr(problem, "getLinkedException", None)
        problem = problem.getCause() or (None if get_linked is None else get_linked())
    return causes


class Client:
    """Makes links. Owner: the task's thread; the first one starts this process's Java machine."""

    def __init__(self, keys: IbmKeys | JmsKeys) -> None:
        """Take the configuration; raises ConfigError when there is no Java client."""
        jars = client_jars(keys)
        start_machine([compiled(jars), *jars], options=keys.mq_client_java_options)
        self._keys = keys
        self._namespace = namespace(jars)
        if isinstance(keys, IbmKeys):
            self.where = f"queue '{keys.mq_queue}' of queue manager '{keys.mq_queue_manager}'"
        else:
            self.where = f"{keys.jms_destination_type} '{keys.jms_destination}' at {keys.jms_url}"
        self.factory = self._factory()

    def _factory(self) -> Any:
        with _told("making a connection factory", self.where):
            if isinstance(self._keys, IbmKeys):
                return ibm_factory(self._keys, self._namespace)
            try:
                kind = java_class(self._keys.jms_connection_factory)
            except TypeError as problem:
                raise ConfigError(
                    f"jms.connection.factory: '{self._keys.jms_connection_factory}' is not in the "
                    "client's jars"
                ) from problem
            return kind(self._keys.jms_url)

    def link(self) -> Link:
        """Connect; raises LinkError."""
        keys = self._keys
        if isinstance(keys, IbmKeys):
            user, secret = keys.mq_user_name, keys.mq_password
        else:
            user, secret = keys.jms_user, keys.jms_password
        with _told("connecting", self.where):
            made = java_class("io.penstock.mq.Link")(
                self.factory, user, None if secret is None else secret.value
            )
            link = Link(made, self.where)
            try:
                link.destination = self._destination(made.session())
            except BaseException:
                link.close()
                raise
        return link

    def _destination(self, session: Any) -> Any:
        keys = self._keys
        if isinstance(keys, IbmKeys):
            return ibm_queue(keys, session.createQueue(keys.mq_queue))
        if keys.jms_destination_type == "topic":
            return session.createTopic(keys.jms_destination)
        return session.createQueue(keys.jms_destination)


def ibm_factory(keys: IbmKeys, spelled: str) -> Any:
    """Return a factory of the real MQ client with every key set."""
    inner = "jakarta." if spelled == "jakarta" else ""
    words = java_class(f"com.ibm.msg.client.{inner}wmq.WMQConstants")
    mappings = getattr(keys, "mq_ssl_use_ibm_cipher_mappings", None)
    if mappings is not None:
        java_class("java.lang.System").setProperty(
            "com.ibm.mq.cfg.useIBMCipherMappings", str(mappings).lower()
        )
    made = java_class(f"com.ibm.mq.{inner}jms.MQConnectionFactory")()
    made.setQueueManager(keys.mq_queue_manager)
    if keys.mq_connection_mode == "bindings":
        made.setTransportType(words.WMQ_CM_BINDINGS)
    else:
        made.setTransportType(words.WMQ_CM_CLIENT)
        if keys.mq_ccdt_url:
            made.setCCDTURL(java_class("java.net.URL")(keys.mq_ccdt_url))
        else:
            if keys.mq_connection_name_list:
                made.setConnectionNameList(keys.mq_connection_name_list)
            if keys.mq_channel_name:
                made.setChannel(keys.mq_channel_name)
    made.setBooleanProperty(
        words.USER_AUTHENTICATION_MQCSP, bool(keys.mq_user_authentication_mqcsp)
    )
    options = getattr(keys, "mq_client_reconnect_options", None)
    if options is not None and keys.mq_connection_mode == "client":
        name = {"ASDEF": "AS_DEF", "ANY": "RECONNECT", "QMGR": "Q_MGR", "DISABLED": "DISABLED"}
        field = {
            "AS_DEF": "WMQ_CLIENT_RECONNECT_AS_DEF",
            "RECONNECT": "WMQ_CLIENT_RECONNECT",
            "Q_MGR": "WMQ_CLIENT_RECONNECT_Q_MGR",
            "DISABLED": "WMQ_CLIENT_RECONNECT_DISABLED",
        }[name[options.upper()]]
        made.setClientReconnectOptions(getattr(words, field))
    if keys.mq_ssl_cipher_suite:
        made.setSSLCipherSuite(keys.mq_ssl_cipher_suite)
        if keys.mq_ssl_peer_name:
            made.setSSLPeerName(keys.mq_ssl_peer_name)
        if keys.mq_ssl_keystore_location or keys.mq_ssl_truststore_location:
            made.setSSLSocketFactory(_tls(keys))
    return made


def _tls(keys: IbmKeys) -> Any:
    """Return a socket factory of the key stores."""

    def loaded(path: str, password: Any) -> tuple[Any, Any]:
        store = java_class("java.security.KeyStore").getInstance("JKS")
        secret = java_class("java.lang.String")("" if password is None else password.value)
        stream = java_class("java.io.FileInputStream")(path)
        try:
            store.load(stream, None if password is None else secret.toCharArray())
        finally:
            stream.close()
        return store, secret.toCharArray()

    key_managers = trust_managers = None
    if keys.mq_ssl_keystore_location:
        kind = java_class("javax.net.ssl.KeyManagerFactory")
        factory = kind.getInstance(kind.getDefaultAlgorithm())
        factory.init(*loaded(keys.mq_ssl_keystore_location, keys.mq_ssl_keystore_password))
        key_managers = factory.getKeyManagers()
    if keys.mq_ssl_truststore_location:
        kind = java_class("javax.net.ssl.TrustManagerFactory")
        factory = kind.getInstance(kind.getDefaultAlgorithm())
        factory.init(loaded(keys.mq_ssl_truststore_location, keys.mq_ssl_truststore_password)[0])
        trust_managers = factory.getTrustManagers()
    context = java_class("javax.net.ssl.SSLContext").getInstance("TLSv1.2")
    context.init(key_managers, trust_managers, None)
    return context.getSocketFactory()


def ibm_queue(keys: IbmKeys, queue: Any) -> Any:
    """Return a queue of the real MQ client with the body's style and what is seen of the MQMD."""
    is_jakarta = queue.getClass().getName().startswith("com.ibm.mq.jakarta.")
    constants = java_class(f"com.ibm.msg.client.{'jakarta.' if is_jakarta else ''}wmq.WMQConstants")
    style = "JMS" if keys.mq_message_body_jms else "MQ"
    queue.setMessageBodyStyle(getattr(constants, f"WMQ_MESSAGE_BODY_{style}"))
    if getattr(keys, "mq_message_mqmd_read", False):
        queue.setMQMDReadEnabled(True)
    if getattr(keys, "mq_message_mqmd_write", False):
        queue.setMQMDWriteEnabled(True)
        context = (getattr(keys, "mq_message_mqmd_context", None) or "").lower()
        names = {"": "DEFAULT", "identity": "SET_IDENTITY_CONTEXT", "all": "SET_ALL_CONTEXT"}
        queue.setMQMDMessageContext(getattr(constants, f"WMQ_MDCTX_{names[context]}"))
    return queue


class Link:
    """One connection with a transacted session; every method raises LinkError. Owner: as Client."""

    destination: Any

    def __init__(self, link: Any, where: str) -> None:
        """Take the Java side."""
        self._link = link
        self._where = where

    def read(self) -> None:
        """Begin to take messages of the destination."""
        with _told("opening", self._where):
            self._link.read(self.destination)

    def write(self, *, persistent: bool, time_to_live_ms: int) -> None:
        """Prepare to send to the destination."""
        with _told("opening", self._where):
            self._link.write(self.destination, persistent, time_to_live_ms)

    def receive(
        self, most: int, first_ms: int, next_ms: int, longest_ms: int, *, properties: bool
    ) -> Received | None:
        """Return messages, taken in the session's transaction, or None."""
        with _told("receiving", self._where):
            buffer = self._link.receive(most, first_ms, next_ms, longest_ms, properties)
        return None if buffer is None else unpack(bytes(buffer))

    def send(self, buffer: bytes, reply_to: str | None = None) -> None:
        """Send packed messages in the session's transaction."""
        with _told("sending", self._where):
            to = None if reply_to is None else self._link.session().createQueue(reply_to)
            self._link.send(buffer, to)

    def commit(self) -> None:
        """Commit the session's transaction."""
        with _told("committing", self._where):
            self._link.commit()

    def rollback(self) -> None:
        """Give everything of the transaction back."""
        with _told("rolling back", self._where):
            self._link.rollback()

    def states(self, queue: str) -> list[str | None]:
        """Return the texts on a state queue, taking none."""
        with _told("browsing the state queue", self._where):
            found = self._link.states(queue)
            return [None if text is None else str(text) for text in found]

    def take_state(self, queue: str) -> str | None:
        """Take the state message in the session's transaction."""
        with _told("taking the state", self._where):
            text = self._link.takeState(queue)
            return None if text is None else str(text)

    def put_state(self, queue: str, text: str) -> None:
        """Put a state message in the session's transaction."""
        with _told("putting the state", self._where):
            self._link.putState(queue, text)

    def close(self) -> None:
        """Close the connection; what was not committed goes back."""
        with contextlib.suppress(LinkError), _told("closing", self._where):
            self._link.close()
