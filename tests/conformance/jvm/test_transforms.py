"""Every transform and predicate beside the Java original, on the same generated records."""

from __future__ import annotations

from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.data import Header, Headers, Record, Repeat, Schema
from penstock.runtime.plugins import registry
from tests.conformance.jvm.javadata import text, to_java_record
from tests.conformance.jvm.transform_kit import (
    JAVA,
    batch_of,
    java_outcome,
    our_outcomes,
    records,
)
from tests.parts.jvm_classes import java_class, java_map

pytestmark = pytest.mark.integration

NULLS = {"replace.null.with.default": "false"}
CASES: list[tuple[str, dict[str, str]]] = [
    ("HoistField$Value", {"field": "a"}),
    ("HoistField$Key", {"field": "magic"}),
    ("ExtractField$Value", {"field": "a"}),
    ("ExtractField$Key", {"field": "a", **NULLS}),
    ("ExtractField$Value", {"field": "a.b", "field.syntax.version": "V2"}),
    ("ExtractField$Value", {"field": "`c.d`.name", "field.syntax.version": "V2", **NULLS}),
    ("InsertField$Value", {"static.field": "s", "static.value": "v"}),
    ("InsertField$Key", {"topic.field": "t!", "partition.field": "p?", "timestamp.field": "ts"}),
    ("InsertField$Value", {"offset.field": "o!"}),
    ("InsertField$Value", {"static.field": "s!", "static.value": "v", **NULLS}),
    ("ReplaceField$Value", {"exclude": "a"}),
    ("ReplaceField$Value", {"include": "a,b", "renames": "a:z"}),
    ("ReplaceField$Key", {"renames": "a:x,b:y"}),
    ("ReplaceField$Value", {"exclude": "b", "renames": "c.d:cd", **NULLS}),
    ("RegexRouter", {"regex": "orders-(.*)", "replacement": "all-$1"}),
    ("RegexRouter", {"regex": "(?<kind>[a-z]+)\\.us", "replacement": "${kind}\\$x"}),
    ("RegexRouter", {"regex": ".*", "replacement": "fixed"}),
    ("Filter", {}),
]


@pytest.mark.parametrize(
    ("name", "config"), CASES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(CASES)]
)
@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(record=records())
def test_same_as_java_by_row_and_by_batch(
    jvm: ModuleType, name: str, config: dict[str, str], record: Record
) -> None:
    expected = java_outcome(name, config, record)
    by_row, by_batch = our_outcomes(name, config, record)
    assert by_row == expected
    assert by_batch == expected


PREDICATES: list[tuple[str, dict[str, str]]] = [
    ("TopicNameMatches", {"pattern": "orders.*"}),
    ("TopicNameMatches", {"pattern": "\\Qorders.us\\E|x"}),
    ("RecordIsTombstone", {}),
    ("HasHeaderKey", {"name": "h"}),
]


@pytest.mark.parametrize(("name", "config"), PREDICATES)
@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=30)
@given(record=records(), keys=st.lists(st.sampled_from(["h", "other"]), max_size=2))
def test_predicates_answer_as_java_does(
    jvm: ModuleType, name: str, config: dict[str, str], record: Record, keys: list[str]
) -> None:
    record = record.with_headers(Headers(Header(key, "x", Schema.STRING) for key in keys))
    theirs = java_class(f"{JAVA}predicates.{name}")()
    theirs.configure(java_map({k: text(v) for k, v in config.items()}))
    java_record = to_java_record(record)
    for key in keys:
        java_record.headers().addString(text(key), text("x"))
    expected = bool(theirs.test(java_record))
    cls = registry().load("predicates", f"{JAVA}predicates.{name}")
    ours = cls(cls.config_spec().parse(config))
    ours.open()
    answer = ours.test_batch(batch_of(record))
    assert ours.test(record) == expected
    assert (answer if isinstance(answer, bool) else next(iter(answer))) == expected
    assert not isinstance(answer, Repeat)
