"""Client libraries that people use with Kafka Connect, unchanged, with a cluster of one worker."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jpype
import pytest
from kafka_connect import KafkaConnect
from kafka_connect_api.kafka_connect_api import Api, Cluster
from requests import HTTPError

from tests.parts.broker import KafkaBroker
from tests.parts.jvm_classes import java_class, java_map
from tests.parts.maven import class_path
from tests.workers import ClusterMember, cluster, eventually

pytestmark = pytest.mark.integration

SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"
SOURCELAB = "org.sourcelab.kafka.connect.apiclient"


@pytest.fixture(scope="module")
def member(
    kafka_broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterMember]:
    folder = tmp_path_factory.mktemp("clients")
    group = f"clients-{uuid.uuid4().hex[:8]}"
    with cluster(kafka_broker.bootstrap_servers, folder, group, 1) as (one,):
        yield one


@pytest.fixture
def config(tmp_path: Path) -> dict[str, str]:
    topic = f"clients-{uuid.uuid4().hex[:8]}"
    out = str(tmp_path / "out")
    return {"connector.class": SINK, "tasks.max": "1", "topics": topic, "file": out}


@pytest.fixture(scope="module")
def sourcelab() -> Any:
    """Give a function that returns a class of the Java client, whose jars stay by themselves."""
    jars = class_path(["org.sourcelab:kafka-connect-client:4.0.4"])
    url = java_class("java.io.File")
    urls = [url(str(jar)).toURI().toURL() for jar in jars]
    loader = java_class("java.net.URLClassLoader")(
        urls, java_class("java.lang.ClassLoader").getPlatformClassLoader()
    )
    return lambda name: jpype.JClass(f"{SOURCELAB}.{name}", loader=loader)


def test_the_java_client(member: ClusterMember, config: dict[str, str], sourcelab: Any) -> None:
    client = sourcelab("KafkaConnectClient")(sourcelab("Configuration")(member.url))
    version = client.getConnectServerVersion()
    assert str(version.getVersion()).startswith("4.")
    assert version.getKafkaClusterId()

    definition = sourcelab("request.dto.NewConnectorDefinition")("java-client", java_map(config))
    made = client.addConnector(definition)
    assert str(made.getName()) == "java-client"
    assert str(made.getConfig().get("topics")) == config["topics"]
    member.wait_running("java-client")

    status = client.getConnectorStatus("java-client")
    assert str(status.getConnector().get("state")) == "RUNNING"
    assert [str(one.getState()) for one in status.getTasks()] == ["RUNNING"]
    assert str(client.getConnectorTaskStatus("java-client", 0).getState()) == "RUNNING"
    (task,) = client.getConnectorTasks("java-client")
    assert str(task.getConfig().get("file")) == config["file"]
    whole = client.getConnectorsWithAllExpandedMetadata()
    assert str(whole.getStatusForConnector("java-client").getType()) == "sink"
    assert str(whole.getDefinitionForConnector("java-client").getName()) == "java-client"
    assert [str(one) for one in client.getConnectors()] == ["java-client"]
    assert str(client.getConnectorTopics("java-client").getName()) == "java-client"
    assert client.resetConnectorTopics("java-client")

    nothing = java_map({"connector.class": SINK})
    asked = sourcelab("request.dto.ConnectorPluginConfigDefinition")("FileStreamSink", nothing)
    found = client.validateConnectorPluginConfig(asked)
    assert found.getErrorCount() > 0
    assert SINK in {str(one.getClassName()) for one in client.getConnectorPlugins()}

    changed = client.updateConnectorConfig("java-client", java_map({**config, "tasks.max": "2"}))
    assert str(changed.getConfig().get("tasks.max")) == "2"
    eventually(lambda: member.task_state("java-client", 1) == "RUNNING", 30, "the second task")
    restart = sourcelab("request.post.PostConnectorRestart")("java-client")
    assert client.restartConnector(restart.withIncludeTasks(True).withOnlyFailed(False))
    member.wait_running("java-client")
    assert client.restartConnectorTask("java-client", 0)
    assert client.pauseConnector("java-client")
    eventually(lambda: member.task_state("java-client") == "PAUSED", 30, "paused")
    assert client.resumeConnector("java-client")
    member.wait_running("java-client")
    assert client.deleteConnector("java-client")
    assert not client.getConnectors()

    missing = sourcelab("rest.exceptions.ResourceNotFoundException")
    with pytest.raises(missing, match="not found"):
        client.getConnector("java-client")


def test_the_command_lines_python_client(member: ClusterMember, config: dict[str, str]) -> None:
    client = KafkaConnect(url=member.url)
    info = client.get_cluster_info()
    assert info["version"].startswith("4.")
    made = client.create_connector({"name": "py", "config": config})
    assert made["name"] == "py"
    member.wait_running("py")
    assert client.list_connectors() == ["py"]
    running = client.list_connectors(expand="status", pattern="p.*", state="RUNNING")
    assert list(running) == ["py"]
    # It writes booleans as Python does: True.
    restarted = client.restart_connector("py", include_tasks=True, only_failed=False)
    assert restarted["name"] == "py"
    member.wait_running("py")
    changed = client.update_connector("py", {**config, "tasks.max": "2"})
    assert changed["config"]["tasks.max"] == "2"
    eventually(lambda: member.task_state("py", 1) == "RUNNING", 30, "the second task")
    client.pause_all_connectors()
    eventually(lambda: member.task_state("py") == "PAUSED", 30, "paused")
    client.stop_connector("py")
    checked = client.validate_connector_config("FileStreamSink", {"name": "py", **config})
    assert checked["error_count"] == 0
    with pytest.raises(HTTPError, match="400"):  # 500 of the original
        client.validate_connector_config(
            "NoSuchConnector", {**config, "connector.class": "NoSuchConnector"}
        )
    client.delete_connector("py")
    with pytest.raises(HTTPError, match="404"):
        client.get_connector("py")


def test_the_object_like_python_client(member: ClusterMember, config: dict[str, str]) -> None:
    address = urlsplit(member.url)
    connect = Cluster(Api(str(address.hostname), port=address.port))
    assert str(connect.version).startswith("4.")
    member.put("objects", config)
    member.wait_running("objects")
    found = connect.connectors["objects"]
    assert found.exists()
    assert found.config["file"] == config["file"]
    assert found.state == "RUNNING"
    (task,) = found.tasks.values() if isinstance(found.tasks, dict) else found.tasks
    assert task.is_running()
    task.restart()
    member.wait_running("objects")
    found.restart()
    member.wait_running("objects")
    found.pause()
    eventually(lambda: connect.connectors["objects"].state == "PAUSED", 30, "paused")
    found.resume()
    member.wait_running("objects")
    connect.set_logger_log_level("penstock.audit", "DEBUG")
    assert connect.loggers["penstock.audit"]["level"] == "DEBUG"
    found.delete()
    assert "objects" not in connect.connectors
