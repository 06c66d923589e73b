"""Which handler a path finds, and what no handler may ever be given."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.errors import BadRequestError
from penstock.rest.errors import HttpError
from penstock.rest.routes import all_routes
from penstock.rest.routing import Router

ROUTER = Router(all_routes())


def found(method: str, path: str) -> tuple[str, dict[str, Any]]:
    match = ROUTER.find(method, path)
    return match.handler.__name__, dict(match.parameters)


@pytest.mark.parametrize(
    ("method", "path", "handler", "parameters"),
    [
        ("GET", "/", "get_root", {}),
        ("GET", "", "get_root", {}),
        ("GET", "/connectors", "list_connectors", {}),
        ("GET", "/connectors/", "list_connectors", {}),
        ("HEAD", "/connectors", "list_connectors", {}),
        ("POST", "/connectors", "create_connector", {}),
        ("GET", "/connectors/x", "get_connector", {"name": "x"}),
        ("GET", "/connectors/x/", "get_connector", {"name": "x"}),
        ("GET", "/connectors/x?expand=/a/b", "get_connector", {"name": "x"}),
        ("GET", "/connectors/x/status/", "get_status", {"name": "x"}),
        ("GET", "/connectors/status/status", "get_status", {"name": "status"}),
        ("GET", "/connectors/a%2Fb/status", "get_status", {"name": "a/b"}),
        ("GET", "/connectors/a%2fstatus", "get_connector", {"name": "a/status"}),
        ("GET", "/connectors/%2F", "get_connector", {"name": "/"}),
        ("GET", "/connectors/%2E%2E", "get_connector", {"name": ".."}),
        ("GET", "/connectors/%2e", "get_connector", {"name": "."}),
        ("GET", "/connectors/...", "get_connector", {"name": "..."}),
        ("GET", "/connectors/a%252Fb", "get_connector", {"name": "a%2Fb"}),
        ("GET", "/connectors/a%20b", "get_connector", {"name": "a b"}),
        ("GET", "/connectors/a+b", "get_connector", {"name": "a+b"}),
        ("GET", "/connectors/%C3%A9", "get_connector", {"name": "é"}),
        ("GET", "/connectors/a%3Fb%23c", "get_connector", {"name": "a?b#c"}),
        ("GET", "/connectors/x;v=1", "get_connector", {"name": "x;v=1"}),
        ("GET", "/connectors/x/tasks/0/status", "get_task_status", {"name": "x", "task": "0"}),
        ("POST", "/connectors/x/tasks/0/restart", "restart_task", {"name": "x", "task": "0"}),
    ],
)
def test_path_finds_its_handler(
    method: str, path: str, handler: str, parameters: dict[str, str]
) -> None:
    assert found(method, path) == (handler, parameters)


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/connectorss",
        "/Connectors",
        "/connectors/x/y",
        "/connectors/x/status/more",
        "/connectors/../admin/loggers",
        "/connectors/x/..",
        "/connectors/./x",
        "/..",
        "/connectors%2Fx",  # an encoded slash separates nothing
        "/connectors%2Fx%2Fstatus",
    ],
)
def test_unknown_path_is_404(path: str) -> None:
    with pytest.raises(HttpError) as raised:
        ROUTER.find("GET", path)
    assert raised.value.status == 404


@pytest.mark.parametrize(
    "part",
    ["%", "%2", "%zz", "%2x", "a%", "%ff", "%C3", "%00", "a%0Ab", "%0D%0A", "%7F", "%1b", "a%09b"],
)
def test_badly_encoded_path_is_400(part: str) -> None:
    for path in (f"/connectors/{part}", f"/connectors/{part}/status"):
        with pytest.raises(BadRequestError, match="path part"):
            ROUTER.find("GET", path)


@pytest.mark.parametrize(
    "path", ["//connectors", "/connectors//", "/connectors//config", "/connectors/x//tasks"]
)
def test_empty_part_is_400_and_never_stands_for_its_neighbour(path: str) -> None:
    with pytest.raises(BadRequestError, match="empty part"):
        ROUTER.find("GET", path)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/connectors", "GET,HEAD,OPTIONS,POST"),
        ("TRACE", "/connectors/x", "DELETE,GET,HEAD,OPTIONS"),
        ("POST", "/connectors/x/config", "GET,HEAD,OPTIONS,PATCH,PUT"),
        ("GET", "/connectors/x/pause", "OPTIONS,PUT"),
        ("HEAD", "/connectors/x/pause", "OPTIONS,PUT"),
        ("BREW", "/", "GET,HEAD,OPTIONS"),
        ("get", "/", "GET,HEAD,OPTIONS"),
    ],
)
def test_other_method_is_405_and_told_the_methods(method: str, path: str, allow: str) -> None:
    with pytest.raises(HttpError) as raised:
        ROUTER.find(method, path)
    assert (raised.value.status, raised.value.allow) == (405, allow)


def test_no_two_routes_serve_the_same_path() -> None:
    seen = [(route.method, route.path) for route in all_routes()]
    assert len(seen) == len(set(seen))


NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("/%.\\?#;+ &"), min_size=1
)


@given(NAMES)
@example(".")
@example("..")
@example("%2F")
def test_any_encoded_name_comes_back_as_it_was(name: str) -> None:
    encoded = quote(name, safe="").replace(".", "%2E")
    assert found("GET", f"/connectors/{encoded}/status") == ("get_status", {"name": name})


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_any_path_finds_something_or_is_refused(path: str) -> None:
    try:
        match = ROUTER.find("GET", path)
    except (HttpError, BadRequestError):
        return
    assert all(part.isprintable() or part for part in match.parameters.values())
