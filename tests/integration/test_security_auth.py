"""Basic authentication on real workers: users, roles, what workers ask of each other, the audit."""

from __future__ import annotations

import itertools
import json
import os
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.parts.broker import KafkaBroker
from tests.workers import ClusterMember, PenstockWorker, cluster, eventually, worker

from penstock.rest.auth_passwords import hashed

pytestmark = pytest.mark.integration
EXTENSION = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"
SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
ALICE, BOB, EVE = ("alice", "alice-secret"), ("bob", "bob-secret"), ("eve", "eve-secret")


def users(folder: Path) -> Path:
    file = folder / "users.properties"
    file.write_text(f"alice={hashed(ALICE[1])}\nbob={BOB[1]}\neve={EVE[1]}\n")
    return file


def code(running: PenstockWorker, method: str, path: str, **more: Any) -> int:
    return running.request(method, path, **more).status_code


def config(folder: Path, topic: str = "t", **more: str) -> dict[str, str]:
    file = folder / "lines.txt"
    file.write_text("a\n")
    return {"connector.class": SOURCE, "file": str(file), "topic": topic, "tasks.max": "1", **more}


def audit(running: PenstockWorker) -> list[str]:
    return [line for line in running.log.read_text().splitlines() if "action=" in line]


def test_users_roles_and_the_audit_of_one_worker(tmp_path: Path) -> None:
    with worker(
        f"embedded:{tmp_path / 'log.db'}",
        tmp_path,
        rest_extension_classes=EXTENSION,
        rest_basic_auth_file=str(users(tmp_path)),
        rest_auth_roles="alice:admin,bob:operator,*:viewer",
        access_control_allow_origin="https://a.example",
    ) as running:
        refused = running.request("GET", "/connectors")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Basic ")
        assert refused.json() == {
            "error_code": 401,
            "message": "User cannot access the resource.",
        }
        assert code(running, "GET", "/connectors", auth=("alice", "wrong")) == 401
        assert code(running, "GET", "/nowhere") == 401
        assert code(running, "POST", "/connectors/c/tasks", json=[]) == 401  # it is alone
        preflight = {
            "Origin": "https://a.example",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization",
        }
        assert code(running, "OPTIONS", "/connectors", headers=preflight) == 200
        assert all(
            code(running, "GET", "/connectors", auth=who) == 200 for who in (ALICE, BOB, EVE)
        )
        assert all(code(running, "GET", "/admin/loggers", auth=who) == 200 for who in (ALICE, EVE))
        path, good = "/connectors/c/config", config(tmp_path, **{"my.password": "hush"})
        assert code(running, "PUT", path, json=good, auth=EVE) == 403
        assert code(running, "PUT", path, json=good, auth=BOB) == 403
        assert code(running, "PUT", path, json=good, auth=ALICE) == 201
        assert code(running, "PUT", "/connectors/c/pause", auth=EVE) == 403
        assert code(running, "PUT", "/connectors/c/pause", auth=BOB) == 202
        changed = {**good, "my.password": "hush-hush", "new.key": "x"}
        del changed["tasks.max"]
        assert code(running, "PUT", path, json=changed, auth=ALICE) == 200
        assert code(running, "DELETE", "/connectors/c", auth=ALICE) == 204
    lines, told = audit(running), running.log.read_text()
    assert [line[line.index("status=") :].split(" ")[0] for line in lines] == [
        f"status={number}" for number in (401, 403, 403, 201, 403, 202, 200, 204)
    ]
    assert 'user="eve"' in lines[1]
    assert 'user="alice"' in lines[3]
    assert 'action="PUT /connectors/c/config"' in lines[3]
    assert 'added=["connector.class", "file", "my.password", "tasks.max", "topic"]' in lines[3]
    assert 'user="bob"' in lines[5]
    for part in ('added=["new.key"]', 'changed=["my.password"]', 'removed=["tasks.max"]'):
        assert part in lines[6]
    assert "hush" not in "".join(lines)
    assert all(secret not in told for _, secret in (ALICE, BOB, EVE))


STRANGERS = [
    None,
    "Basic",
    "Basic !!!!",
    "Basic YWxpY2U=",  # no colon
    "Basic \xff\xfe",
    "Bearer YWxpY2U6YWxpY2Utc2VjcmV0",
    "Basic YWxpY2U6d3Jvbmc=",  # a wrong password
    "Basic bm9ib2R5OmFsaWNlLXNlY3JldA==",  # nobody with alice's password
    "Digest username=alice",
]


def test_strangers_get_one_and_the_same_answer_on_every_path(tmp_path: Path) -> None:
    with worker(
        f"embedded:{tmp_path / 'log.db'}",
        tmp_path,
        rest_extension_classes=EXTENSION,
        rest_basic_auth_file=str(users(tmp_path)),
    ) as running:
        paths = ["/", "/health", "/admin/loggers", "/metrics", "/connectors/c/tasks", "/nowhere"]
        answers = set()
        with httpx.Client(base_url=running.url, timeout=30) as client:
            # Each costs a hash, which is slow on purpose.
            asked = [*itertools.product(paths[:1], STRANGERS)]
            asked += itertools.product(paths[1:], (None, STRANGERS[6]))
            for path, word in asked:
                headers = {} if word is None else {"Authorization": word.encode("latin-1")}
                answer = client.get(path, headers=headers)
                answers.add((answer.status_code, answer.text, answer.headers["www-authenticate"]))
        ((status, text, _),) = answers
        assert status == 401
        assert "alice" not in text
        assert code(running, "GET", "/", auth=ALICE) == 200


def test_an_empty_file_lets_nobody_in(tmp_path: Path) -> None:
    file = tmp_path / "users.properties"
    file.write_text("")
    with worker(
        f"embedded:{tmp_path / 'log.db'}",
        tmp_path,
        rest_extension_classes=EXTENSION,
        rest_basic_auth_file=str(file),
    ) as running:
        assert code(running, "GET", "/connectors") == 401
        assert code(running, "GET", "/connectors", auth=("", "")) == 401
        assert code(running, "GET", "/connectors", auth=ALICE) == 401


def test_an_extension_that_is_missing_ends_the_start(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match=r"names 'com\.example\.Auth', which is not installed"),
        worker(
            f"embedded:{tmp_path / 'log.db'}",
            tmp_path,
            rest_extension_classes="com.example.Auth",
        ),
    ):
        pass


PLUGIN = """
from penstock.api import RestExtension, RestRefusal, RestUser


class Token(RestExtension):
    def configure(self, properties):
        self._token = properties["token.secret"]

    def check(self, request):
        if request.headers.get("x-token") == self._token:
            return RestUser("robot")
        return RestRefusal(418, "no token", {"X-Why": request.method})
"""


def test_an_installed_extension_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    info = site / "token_auth-1.dist-info"
    info.mkdir(parents=True)
    (site / "token_auth.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: token-auth\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[penstock.rest_extensions]\ncom.example.Token = token_auth:Token\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    with worker(
        f"embedded:{tmp_path / 'log.db'}",
        tmp_path,
        rest_extension_classes="com.example.Token",
        token_secret="t",  # noqa: S106 - of this test
    ) as running:
        refused = running.request("DELETE", "/connectors/c")
        assert (refused.status_code, refused.headers["x-why"]) == (418, "DELETE")
        good = {"X-Token": "t"}
        assert code(running, "GET", "/connectors", headers=good) == 200
        assert code(running, "DELETE", "/connectors/c", headers=good) == 404
    assert 'user="robot"' in audit(running)[-1]


def tasks_body(folder: Path, topic: str) -> str:
    stolen = {"task.class": "x", "file": "/etc/hostname", "topic": topic}
    return json.dumps([stolen])


@pytest.mark.parametrize("protocol", ["eager", "compatible", "sessioned"])
def test_what_workers_ask_of_each_other_is_closed_under_every_protocol(
    kafka_broker: KafkaBroker, tmp_path: Path, protocol: str
) -> None:
    """The original's filter exempts these, and only ``sessioned`` checks who signed them."""
    group = f"auth-{uuid.uuid4().hex[:8]}"
    properties = {
        "rest_extension_classes": EXTENSION,
        "rest_basic_auth_file": str(users(tmp_path)),
        "connect_protocol": protocol,
    }
    with cluster(kafka_broker.bootstrap_servers, tmp_path, group, 2, **properties) as pair:
        names = ["a", "b", "c", "d"]
        for number, name in enumerate(names):  # one of the two forwards, with the credentials
            answer = eventually(lambda n=number, m=name: created(pair[n % 2], m, tmp_path), 60)
            assert answer in (200, 201)
        # Who runs a connector hands its tasks to the leader: signed, under every protocol.
        eventually(lambda: all(running(pair[0], name) for name in names), 60, "all tasks run")
        assert len({running(pair[0], name) for name in names}) == 2
        for member in pair:
            before = member.request("GET", "/connectors/a/tasks", auth=ALICE).json()
            for how in (
                {},
                {"auth": ("eve", "wrong")},
                {"headers": {"X-Connect-Authorization": "AAAA"}},
                {
                    "headers": {
                        "X-Connect-Authorization": "AAAA",
                        "X-Connect-Request-Signature-Algorithm": "HmacSHA256",
                    }
                },
            ):
                more: dict[str, Any] = {**how}
                more["headers"] = {"Content-Type": "application/json", **more.get("headers", {})}
                body = tasks_body(tmp_path, group)
                stolen = member.request("POST", "/connectors/a/tasks", content=body, **more)
                assert stolen.status_code in (400, 401, 403), stolen.text
                fenced = member.request("PUT", "/connectors/a/fence", content=b"", **more)
                assert fenced.status_code in (400, 401, 403), fenced.text
            assert member.request("GET", "/connectors/a/tasks", auth=ALICE).json() == before
            assert code(member, "GET", "/connectors/a/tasks") == 401


def created(member: ClusterMember, name: str, folder: Path) -> int:
    found = code(member, "PUT", f"/connectors/{name}/config", json=config(folder), auth=ALICE)
    return found if found in (200, 201) else 0


def running(member: ClusterMember, name: str) -> str:
    answer: httpx.Response = member.request("GET", f"/connectors/{name}/status", auth=ALICE)
    tasks = answer.json().get("tasks", []) if answer.status_code == 200 else []
    return str(tasks[0]["worker_id"]) if tasks and tasks[0]["state"] == "RUNNING" else ""
