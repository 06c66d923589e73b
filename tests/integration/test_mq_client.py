"""IBM's real Java client: what our keys set on it, and what it says when nobody listens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.parts.maven import class_path

pytestmark = pytest.mark.integration
_ASK = """
import json, sys
from penstock_mq import MQSourceConnector
from penstock_mq._client import Client, LinkError
from penstock_mq._keys import IbmKeys
keys = MQSourceConnector.config_spec().parse(json.loads(sys.argv[1]))
client = Client(keys)
factory = client.factory
told = {
    "manager": factory.getQueueManager(),
    "channel": factory.getChannel(),
    "names": factory.getConnectionNameList(),
    "transport": int(factory.getTransportType()),
    "suite": factory.getSSLCipherSuite(),
    "peer": factory.getSSLPeerName(),
    "options": int(factory.getClientReconnectOptions()),
    "ccdt": None if factory.getCCDTURL() is None else factory.getCCDTURL().toString(),
    "mqcsp": bool(factory.getBooleanProperty("XMSC_USER_AUTHENTICATION_MQCSP")),
}
if keys.mq_connection_mode == "client" and not keys.mq_ccdt_url and not keys.mq_ssl_cipher_suite:
    try:
        client.link()
    except LinkError as problem:
        told["retriable"] = problem.failure.retriable
        told["message"] = problem.failure.message
print(json.dumps({name: None if one is None else one if isinstance(one, (bool, int)) else str(one)
                  for name, one in told.items()}))
"""
KEYS = {
    "topic": "t",
    "mq.queue.manager": "QM1",
    "mq.connection.name.list": "127.0.0.1(1)",
    "mq.channel.name": "DEV.APP.SVRCONN",
    "mq.queue": "DEV.QUEUE.1",
    "mq.record.builder": "com.ibm.eventstreams.connect.mqsource.builders.DefaultRecordBuilder",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("ibm")
    for jar in class_path(["com.ibm.mq:com.ibm.mq.allclient:9.4.5.0"]):
        (made / jar.name).symlink_to(jar)
    return made


def ask(folder: Path, **more: str) -> dict[str, Any]:
    given = KEYS | {name.replace("_", "."): value for name, value in more.items()}
    done = subprocess.run(
        [sys.executable, "-c", _ASK, json.dumps(given)],
        env=os.environ | {"PENSTOCK_MQ_JARS": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_nobody_listening_is_reason_2538_and_tried_again(folder: Path) -> None:
    found = ask(folder, mq_user_name="app", mq_password="secret")  # noqa: S106 - no real one
    assert found["retriable"] is True
    assert "MQ reason 2538" in found["message"]
    assert "queue manager 'QM1'" in found["message"]
    assert "secret" not in found["message"]
    assert (found["manager"], found["channel"]) == ("QM1", "DEV.APP.SVRCONN")
    assert (found["names"], found["transport"]) == ("127.0.0.1(1)", 1)
    assert found["mqcsp"] is True


def test_keys_reach_the_factory(folder: Path) -> None:
    found = ask(
        folder,
        mq_ssl_cipher_suite="TLS_RSA_WITH_AES_128_CBC_SHA256",
        mq_ssl_peer_name="CN=QM1*",
        mq_client_reconnect_options="qmgr",
        mq_user_authentication_mqcsp="false",
    )
    assert found["suite"] == "TLS_RSA_WITH_AES_128_CBC_SHA256"
    assert found["peer"] == "CN=QM1*"
    assert found["options"] == 67108864  # WMQ_CLIENT_RECONNECT_Q_MGR
    assert found["mqcsp"] is False


def test_table_of_channels_wins_over_names(folder: Path) -> None:
    found = ask(folder, mq_ccdt_url="file:///etc/mq/AMQCLCHL.TAB")
    assert found["ccdt"] == "file:/etc/mq/AMQCLCHL.TAB"
    assert found["channel"] != "DEV.APP.SVRCONN"


def test_bindings_mode(folder: Path) -> None:
    assert ask(folder, mq_connection_mode="bindings")["transport"] == 0
