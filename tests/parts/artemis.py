"""A real Artemis broker in a process of its own, and a client that puts and takes messages.

Both are this module, run as a program, with a Java machine inside.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from tests.parts.maven import class_path

VERSION = "2.54.0"
_ARTEMIS = (
    "artemis-jms-client",
    "artemis-server",
    "artemis-commons",
    "artemis-selector",
    "artemis-journal",
    "artemis-jdbc-store",
    "artemis-core-client",
    "artemis-lockmanager-api",
)
_NETTY = (
    "resolver",
    "buffer",
    "transport",
    "codec",
    "codec-http",
    "codec-socks",
    "codec-haproxy",
    "common",
    "handler",
    "handler-proxy",
    "transport-native-unix-common",
    "transport-classes-epoll",
    "transport-classes-kqueue",
)
_OTHERS = (
    "org.slf4j:slf4j-api:2.0.18",
    "com.github.ben-manes.caffeine:caffeine:3.2.4",
    "org.apache.activemq:activemq-artemis-native:2.0.0",
    "jakarta.transaction:jakarta.transaction-api:1.3.3",
    "org.jgroups:jgroups:5.3.13.Final",
    "org.jctools:jctools-core:4.0.6",
    "commons-beanutils:commons-beanutils:1.11.0",
    "commons-logging:commons-logging:1.3.5",
    "org.apache.commons:commons-lang3:3.20.0",
    "org.apache.commons:commons-configuration2:2.14.0",
    "org.apache.commons:commons-text:1.15.0",
    "commons-collections:commons-collections:3.2.2",
    "io.micrometer:micrometer-core:1.16.5",
    "jakarta.jms:jakarta.jms-api:2.0.3",
)
READY = "ready"
START_S = 40.0


def jars() -> list[Path]:
    """Return the jars of the broker and of its client."""
    artemis = [f"org.apache.artemis:{name}:{VERSION}" for name in _ARTEMIS]
    netty = [f"io.netty:netty-{name}:4.1.132.Final" for name in _NETTY]
    return class_path([*artemis, *netty, *_OTHERS])


def jars_folder(folder: Path) -> Path:
    """Return a folder of links to the jars, as a user has one."""
    folder.mkdir(parents=True, exist_ok=True)
    for jar in jars():
        link = folder / jar.name
        if not link.exists():
            link.symlink_to(jar)
    return folder


def _spawn(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.parts.artemis", *words]
    root = str(Path(__file__).resolve().parents[2])
    given = os.environ | {"PYTHONPATH": root}
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=given, cwd=root
    )


class Artemis:
    """One broker that keeps its messages in a folder; may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"tcp://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = _spawn("broker", str(self.port), str(self.folder))
        assert self._process.stdout is not None
        told = self._process.stdout.readline().strip()
        assert told == READY, f"the broker says {told!r}"

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


class JmsClient:
    """Puts and takes messages in a process of its own, since Java is there once a process."""

    def __init__(self, url: str) -> None:
        self._process = _spawn("client", url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, **words: Any) -> Any:
        """Have one command done and return its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the client is gone"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["found"]

    def put(self, queue: str, texts: Sequence[str], **properties: str | int | bool) -> None:
        self.ask(do="put", queue=queue, texts=list(texts), properties=properties)

    def put_as(self, queue: str, kind: str, text: str) -> None:
        """Put one message of a kind: text, bytes, map or empty."""
        self.ask(do="put_as", queue=queue, kind=kind, text=text)

    def take(self, queue: str, most: int = 1000, wait_ms: int = 300) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask(do="take", queue=queue, most=most, wait=wait_ms)
        return found

    def count(self, queue: str) -> int:
        """Return how many messages wait on a queue and are held by nobody."""
        return int(self.ask(do="count", queue=queue))


def _start_java() -> Any:
    import jpype  # noqa: PLC0415 - only in a process of its own

    from tests.parts.java import jvm_library  # noqa: PLC0415

    jpype.startJVM(
        str(jvm_library()),
        "-Xrs",
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        classpath=[str(jar) for jar in jars()],
        convertStrings=True,
    )
    return jpype.JClass


def _serve(port: str, folder: str) -> None:
    java = _start_java()
    config = java("org.apache.activemq.artemis.core.config.impl.ConfigurationImpl")()
    config.setPersistenceEnabled(True).setSecurityEnabled(False)
    for part in ("Journal", "Bindings", "LargeMessages", "Paging"):
        getattr(config, f"set{part}Directory")(str(Path(folder, part.lower())))
    kind = java("org.apache.activemq.artemis.core.config.impl.ConfigurationImpl")
    config.setJournalType(java("org.apache.activemq.artemis.core.server.JournalType").NIO)
    config.setJournalDatasync(False)
    config.addAcceptorConfiguration("tcp", f"tcp://127.0.0.1:{port}?useEpoll=false")
    settings = java("org.apache.activemq.artemis.core.settings.impl.AddressSettings")()
    settings.setAutoDeleteQueues(False).setAutoDeleteAddresses(False)
    settings.setMaxDeliveryAttempts(-1)
    config.addAddressSetting("#", settings)
    assert kind is not None
    broker = java("org.apache.activemq.artemis.core.server.embedded.EmbeddedActiveMQ")()
    broker.setConfiguration(config)
    broker.start()
    sys.stdout.write(READY + "\n")
    sys.stdout.flush()
    sys.stdin.read()  # until the parent is gone


def _answer(java: Any, session: Any, asked: dict[str, Any]) -> Any:
    queue = session.createQueue(asked["queue"])
    if asked["do"] == "count":
        browser = session.createBrowser(queue)
        found = browser.getEnumeration()
        n = 0
        while found.hasMoreElements():
            found.nextElement()
            n += 1
        browser.close()
        return n
    if asked["do"] == "take":
        return _take(session, queue, asked)
    producer = session.createProducer(queue)
    if asked["do"] == "put":
        for text in asked["texts"]:
            message = session.createTextMessage(text)
            for name, value in asked["properties"].items():
                if name == "JMSCorrelationID":
                    message.setJMSCorrelationID(value)
                elif isinstance(value, bool):
                    message.setBooleanProperty(name, value)
                elif isinstance(value, int):
                    message.setLongProperty(name, value)
                else:
                    message.setStringProperty(name, value)
            producer.send(message)
    elif asked["kind"] == "map":
        message = session.createMapMessage()
        message.setString("a", asked["text"])
        producer.send(message)
    elif asked["kind"] == "bytes":
        message = session.createBytesMessage()
        message.writeBytes(asked["text"].encode())
        producer.send(message)
    else:
        producer.send(session.createMessage())
    producer.close()
    session.commit()
    return None


def _take(session: Any, queue: Any, asked: dict[str, Any]) -> list[dict[str, Any]]:
    consumer = session.createConsumer(queue)
    found: list[dict[str, Any]] = []
    while len(found) < asked["most"]:
        message = consumer.receive(asked["wait"])
        if message is None:
            break
        one: dict[str, Any] = {"correlation": _text(message.getJMSCorrelationID())}
        if hasattr(message, "getText"):
            one["text"] = _text(message.getText())
        elif hasattr(message, "getBodyLength"):
            one["length"] = int(message.getBodyLength())
        one["persistent"] = int(message.getJMSDeliveryMode()) == 2
        one["reply_to"] = _text(message.getJMSReplyTo())
        one["expires"] = int(message.getJMSExpiration())
        names = message.getPropertyNames()
        while names.hasMoreElements():
            name = str(names.nextElement())
            one[name] = _text(message.getObjectProperty(name))
        found.append(one)
    consumer.close()
    session.commit()
    return found


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _obey(url: str) -> None:
    java = _start_java()
    factory = java("org.apache.activemq.artemis.jms.client.ActiveMQConnectionFactory")(url)
    connection = session = None
    for line in sys.stdin:
        end_s = time.monotonic() + START_S
        while True:
            try:
                if session is None:
                    connection = factory.createConnection()
                    connection.start()
                    session = connection.createSession(True, 0)
                answer = {"found": _answer(java, session, json.loads(line))}
                break
            except Exception as problem:  # noqa: BLE001 - told to who asked, or tried again
                session = None
                answer = {"error": str(problem)}
                if time.monotonic() > end_s or connection is not None:
                    break
                time.sleep(0.1)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "broker":
        _serve(*sys.argv[2:4])
    else:
        _obey(sys.argv[2])
