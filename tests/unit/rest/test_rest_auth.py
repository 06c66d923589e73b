"""Who may use the REST API: passwords, files, roles, extensions; what is told of changes."""

from __future__ import annotations

import base64
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from penstock.api import RestRefusal, RestRequestHead, RestUser
from penstock.errors import ConfigError
from penstock.rest.audit import _keys
from penstock.rest.auth_basic import BasicAuthSecurityRestExtension
from penstock.rest.auth_login import credentials_path, read_credentials
from penstock.rest.auth_passwords import hashed, is_hash_wrong, matches
from penstock.rest.auth_roles import is_allowed, is_internal, needed_role, parse_roles
from penstock.rest.extensions import load_extensions
from penstock.rest.routes import all_routes

MODULE = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule"
ORIGINAL = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"


def header(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def asked(authorization: str | None) -> RestRequestHead:
    headers = {} if authorization is None else {"authorization": authorization}
    return RestRequestHead("GET", "/connectors", headers, "127.0.0.1:1")


def extension(file: Path) -> BasicAuthSecurityRestExtension:
    made = BasicAuthSecurityRestExtension()
    made.configure({"rest.basic.auth.file": str(file)})
    return made


def is_in(made: BasicAuthSecurityRestExtension, user: str, password: str) -> bool:
    return made.check(asked(header(user, password))) == RestUser(user)


def test_hashes_match_their_password_alone() -> None:
    stored = hashed("pässword")
    assert stored.startswith("{scrypt}ln=14,r=8,p=1$")
    assert stored != hashed("pässword")
    assert matches("pässword", stored)
    assert not matches("password", stored)
    assert not matches(stored, stored)
    assert matches("plain", "plain")
    assert not matches("plain ", "plain")


@pytest.mark.parametrize(
    "stored", ["{scrypt}", "{bcrypt}x", "{scrypt}ln=40,r=8,p=1$AA==$AA==", "{scrypt}ln=14,r=8$x"]
)
def test_a_hash_that_cannot_be_read_is_an_error_not_a_password(stored: str, tmp_path: Path) -> None:
    assert is_hash_wrong(stored)
    file = tmp_path / "users"
    file.write_text(f"eve={stored}\n")
    with pytest.raises(ConfigError, match="a hash that cannot be read, of eve"):
        read_credentials(file)


def test_users_of_the_file_get_in_and_nobody_else(tmp_path: Path) -> None:
    file = tmp_path / "users.properties"
    file.write_text(f"# users\nalice=secret\nbob={hashed('hidden')}\ncarol=\na\\ b=c:d\n")
    made = extension(file)
    assert is_in(made, "alice", "secret")
    assert is_in(made, "bob", "hidden")
    assert is_in(made, "bob", "hidden")
    assert is_in(made, "a b", "c:d")
    for user, password in [("alice", "hidden"), ("bob", "x"), ("carol", ""), ("eve", ""), ("", "")]:
        assert not is_in(made, user, password)
    for text in (
        None,
        "",
        "Basic",
        "Basic !",
        "Bearer x",
        "Basic " + base64.b64encode(b"a").decode(),
    ):
        refusal = made.check(asked(text))
        assert isinstance(refusal, RestRefusal)
        assert refusal.status == 401
        assert refusal.headers["WWW-Authenticate"].startswith("Basic realm=")


def test_an_empty_file_lets_nobody_in(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "users"
    file.write_text("# nobody\n")
    made = extension(file)
    assert "nobody is let in" in caplog.text
    for user, password in [("", ""), ("alice", "secret")]:
        assert not is_in(made, user, password)


def test_passwords_over_plain_http_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "users"
    file.write_text("alice=secret\n")
    near = "http://127.0.0.1:8083, http://localhost:1,http://[::1]:2,https://0.0.0.0:8443"
    for listeners, told in ((near, 0), (near + ",http://0.0.0.0:8083,HTTP://:9", 2), (None, 1)):
        caplog.clear()
        made = BasicAuthSecurityRestExtension()
        given = {} if listeners is None else {"listeners": listeners}
        made.configure({"rest.basic.auth.file": str(file), **given})
        assert caplog.text.count("passwords cross the network unencrypted") == told


def test_a_changed_file_counts_at_once_and_a_lost_one_closes(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text("alice=one\n")
    made = extension(file)
    assert is_in(made, "alice", "one")
    new = tmp_path / "new"
    new.write_text("alice=two\n")
    new.replace(file)
    assert not is_in(made, "alice", "one")
    assert is_in(made, "alice", "two")
    file.unlink()
    assert not is_in(made, "alice", "two")


def test_the_originals_login_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    login = tmp_path / "jaas.conf"
    login.write_text(
        "// users { of } Connect\n"
        'KafkaServer { some.Module required user="}"; };\n'
        f'KafkaConnect {{\n  {MODULE} required\n  file="/etc/connect {{1}}.properties";\n}};\n'
    )
    expected = Path("/etc/connect {1}.properties")
    assert credentials_path({"java.security.auth.login.config": str(login)}) == expected
    monkeypatch.setenv("KAFKA_OPTS", f"-Xmx1g -Djava.security.auth.login.config={login}")
    assert credentials_path({}) == expected
    assert credentials_path({"rest.basic.auth.file": "/own"}) == Path("/own")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("KafkaConnect { com.example.Other required; };", "login module is not PropertyFile"),
        (f"KafkaConnect {{ {MODULE} required; }};", "without file="),
        (f'Other {{ {MODULE} required file="x"; }};', "has no whole entry KafkaConnect"),
        (f'KafkaConnect {{ {MODULE} required file="x";', "has no whole entry KafkaConnect"),
    ],
)
def test_a_login_file_that_does_not_do_is_refused(text: str, expected: str, tmp_path: Path) -> None:
    login = tmp_path / "jaas.conf"
    login.write_text(text)
    with pytest.raises(ConfigError, match=expected):
        credentials_path({"java.security.auth.login.config": str(login)})


def test_no_file_at_all_ends_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_OPTS", raising=False)
    with pytest.raises(ConfigError, match=r"rest\.basic\.auth\.file is missing"):
        load_extensions({"rest.extension.classes": ORIGINAL})
    with pytest.raises(ConfigError, match="cannot be read"):
        load_extensions(
            {
                "rest.extension.classes": "BasicAuthSecurityRestExtension",
                "rest.basic.auth.file": str(tmp_path / "none"),
            }
        )


def test_an_extension_that_is_not_there_ends_the_start() -> None:
    with pytest.raises(ConfigError, match=r"'com\.example\.Auth', which is not installed"):
        load_extensions({"rest.extension.classes": "com.example.Auth"})
    assert load_extensions({}) == []


def test_roles_by_route() -> None:
    found = {
        (route.method, route.path): needed_role(route.method, route.path) for route in all_routes()
    }
    operator = {pair for pair, role in found.items() if role == "operator"}
    assert operator == {
        ("PUT", "/connectors/{name}/pause"),
        ("PUT", "/connectors/{name}/resume"),
        ("PUT", "/connectors/{name}/stop"),
        ("POST", "/connectors/{name}/restart"),
        ("POST", "/connectors/{name}/tasks/{task}/restart"),
        ("PUT", "/connector-plugins/{plugin}/config/validate"),
    }
    assert {method for (method, _), role in found.items() if role == "viewer"} == {"GET"}
    assert found["PUT", "/connectors/{name}/config"] == "admin"
    assert found["PUT", "/admin/loggers/{name}"] == "admin"
    assert needed_role("BREW", "/x") == "admin"


def test_roles_of_users() -> None:
    roles = parse_roles("alice:admin, bob:Operator,*:viewer")
    assert is_allowed(roles, "alice", "admin")
    assert is_allowed(roles, "bob", "operator")
    assert not is_allowed(roles, "bob", "admin")
    assert is_allowed(roles, "eve", "viewer")
    assert not is_allowed(roles, "eve", "operator")
    assert not is_allowed(parse_roles("alice:admin"), "eve", "viewer")
    assert is_allowed(parse_roles(""), "eve", "admin")
    for wrong in ("alice", "alice:root", ":admin"):
        with pytest.raises(ConfigError, match="is no user:role"):
            parse_roles(wrong)


def test_internal_requests_are_those_of_the_original() -> None:
    for method, path in [
        ("POST", "/connectors/a/tasks"),
        ("POST", "/connectors/a%2Fb/tasks/"),
        ("PUT", "/connectors/a/fence"),
    ]:
        assert is_internal(method, path)
    for method, path in [
        ("GET", "/connectors/a/tasks"),
        ("POST", "/connectors/a/tasks/0/restart"),
        ("POST", "/connectors//tasks"),
        ("PUT", "/connectors/a/fence/x"),
        ("POST", "/connectors"),
    ]:
        assert not is_internal(method, path)


@pytest.mark.parametrize(
    ("method", "path", "body", "before", "expected"),
    [
        (
            "PUT",
            "/connectors/a/config",
            '{"x": "2", "y": "same", "n": "new", "name": "a"}',
            {"x": "1", "y": "same", "gone": "1", "name": "a"},
            {"added": ["n"], "changed": ["x"], "removed": ["gone"]},
        ),
        (
            "PATCH",
            "/connectors/a/config",
            '{"x": null, "y": "2"}',
            {"x": "1", "y": "1", "z": "1"},
            {"changed": ["y"], "removed": ["x"]},
        ),
        (
            "POST",
            "/connectors",
            '{"name": "n", "config": {"password": "hush"}}',
            {},
            {"connector": "n", "added": ["password"]},
        ),
        ("PATCH", "/connectors/a/offsets", '{"offsets": []}', {}, {"keys": ["offsets"]}),
        ("PUT", "/connectors/a/config", '{"x": "1"}', None, {"keys": ["x"]}),
        ("PUT", "/connectors/a/config", "not json", {}, {}),
        ("PUT", "/connectors/a/pause", "", {}, {}),
        ("POST", "/connectors", '{"config": "no map"}', {}, {"connector": "None"}),
    ],
)
def test_the_audit_line_names_keys_alone(
    method: str, path: str, body: str, before: dict[str, str] | None, expected: dict[str, Any]
) -> None:
    assert _keys(method, path, body.encode(), before) == expected


def test_the_audit_logger_has_its_own_name() -> None:
    assert "penstock.audit" in logging.root.manager.loggerDict


def test_the_command_makes_a_hash_of_what_it_reads() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "penstock.rest.auth_passwords"],
        input="hidden\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert matches("hidden", made.stdout.strip())
