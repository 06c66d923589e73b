"""The OpenAPI document says what there is: every route, and shapes that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import PenstockError
from penstock.rest.openapi import document
from penstock.rest.openapi_schemas import SCHEMAS
from penstock.rest.openapi_table import DESCRIPTIONS
from penstock.rest.routes import all_routes
from penstock.rest.routing import Route


def made() -> dict[str, Any]:
    return document(all_routes(), "4.3.1")


def test_every_route_is_described_in_the_table() -> None:
    paths = made()["paths"]
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert described == {(route.method, route.path) for route in all_routes()}


def test_a_route_without_a_row_is_told() -> None:
    async def serve() -> None: ...

    with pytest.raises(PenstockError, match="GET /nowhere has no row"):
        document([Route("GET", "/nowhere", serve)], "1")


def test_every_row_is_of_a_route_that_there_may_be() -> None:
    # The figures of Prometheus may be served elsewhere.
    known = {(route.method, route.path) for route in all_routes()} | {("GET", "/metrics")}
    assert set(DESCRIPTIONS) <= known


def test_every_schema_that_is_named_exists_and_is_used() -> None:
    named = set(re.findall(r"#/components/schemas/(\w+)", str(made())))
    assert named == set(SCHEMAS)


def test_operations_have_names_of_their_own() -> None:
    names = [one["operationId"] for path in made()["paths"].values() for one in path.values()]
    assert len(set(names)) == len(names)


def test_parameters_of_a_path_are_declared() -> None:
    for path, methods in made()["paths"].items():
        for one in methods.values():
            declared = {part["name"] for part in one["parameters"] if part["in"] == "path"}
            assert declared == set(re.findall(r"\{(\w+)\}", path))


def test_every_route_is_shown_in_the_manual() -> None:
    manual = (Path(__file__).parents[3] / "docs" / "rest.md").read_text()
    missing = [
        f"{route.method} {route.path}"
        for route in all_routes()
        if f"{route.method} {route.path}\n" not in manual
        and f"{route.method} {route.path}`" not in manual
    ]
    assert missing == []
