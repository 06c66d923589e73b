"""Any schema and value goes to Java and comes back as it went: drawn by hypothesis."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.test_jvm_columns import again

from penstock.data import Schema
from penstock.testing import columns, schemas
from penstock.testing._same import plain, same

pytestmark = pytest.mark.integration


@st.composite
def drawn(draw: st.DrawFn) -> tuple[Schema | None, Any, int]:
    schema = draw(st.none() | schemas())
    size = draw(st.integers(0, 5))
    return schema, draw(columns(schema, size)), size


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn())
def test_any_column_comes_back_from_java_as_it_went(
    column: tuple[Schema | None, Any, int],
) -> None:
    schema, values, size = column
    told, found = again(schema, values)
    assert told == schema
    assert len(found) == size
    for one, other in zip(list(values), found, strict=True):
        assert same(plain(one, schema), plain(other, schema)), (one, other)
