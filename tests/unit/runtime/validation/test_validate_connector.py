from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from penstock.errors import BadRequestError, NotFoundError
from penstock.runtime.validation import unknown_keys, validate
from penstock.runtime.validation.calls import connector_type, describe_plugin, validate_connector

BASE = {"name": "orders", "connector.class": "Lines", "path": "in.txt"}
SINK = {**BASE, "connector.class": "Out", "topics": "a"}
COMMON_KEYS = {
    "name",
    "connector.class",
    "connector.plugin.version",
    "tasks.max",
    "tasks.max.enforce",
    "key.converter",
    "key.converter.plugin.version",
    "value.converter",
    "value.converter.plugin.version",
    "header.converter",
    "header.converter.plugin.version",
    "transforms",
    "predicates",
    "config.action.reload",
    "errors.retry.timeout",
    "errors.retry.delay.max.ms",
    "errors.tolerance",
    "errors.log.enable",
    "errors.log.include.messages",
}
SOURCE_KEYS = {
    "topic.creation.groups",
    "exactly.once.support",
    "transaction.boundary",
    "transaction.boundary.interval.ms",
    "offsets.storage.topic",
}
SINK_KEYS = {
    "topics",
    "topics.regex",
    "errors.deadletterqueue.topic.name",
    "errors.deadletterqueue.topic.replication.factor",
    "errors.deadletterqueue.context.headers.enable",
}


def errors(raw: dict[str, str | None], worker: dict[str, str] | None = None) -> dict[str, str]:
    infos = validate(raw, worker or {})
    return {value.name: "\n".join(value.errors) for value in infos.values if value.errors}


def config_of(raw: dict[str, str | None], name: str, worker: Any = None) -> dict[str, Any]:
    found = validate(raw, worker or {}).to_json()["configs"]
    return next(one for one in found if one["definition"]["name"] == name)


def test_file_source_has_the_originals_keys_and_three_of_its_own() -> None:
    raw = {"name": "a", "connector.class": "FileStreamSource", "topic": "t"}
    keys = {value.name for value in validate(raw, {}).values}
    ours = {"file.glob", "file.compression", "file.line.bytes.max"}
    assert keys - ours == COMMON_KEYS | SOURCE_KEYS | {"file", "topic", "batch.size"}
    assert len(keys - ours) == 27


def test_file_sink_has_exactly_the_originals_25_keys() -> None:
    raw = {"name": "a", "connector.class": "FileStreamSink", "topics": "t"}
    keys = [value.name for value in validate(raw, {}).values]
    assert set(keys) == COMMON_KEYS | SINK_KEYS | {"file"}
    assert len(keys) == 25


def test_shape_is_that_of_the_original() -> None:
    told = validate(dict(BASE), {}).to_json()
    assert list(told) == ["name", "error_count", "groups", "configs"]
    assert (told["name"], told["error_count"]) == ("Lines", 0)
    assert told["groups"] == [
        "Common",
        "Transforms",
        "Predicates",
        "Error Handling",
        "Topic Creation",
        "Exactly Once Support",
        "offsets.topic",
        "Files",
    ]
    one = next(one for one in told["configs"] if one["definition"]["name"] == "tasks.max")
    assert one["value"] == {
        "name": "tasks.max",
        "value": "1",
        "recommended_values": [],
        "errors": [],
        "visible": True,
    }
    assert (
        one["definition"].items()
        >= {
            "type": "INT",
            "required": False,
            "default_value": "1",
            "importance": "HIGH",
            "group": "Common",
            "order_in_group": 4,
            "width": "SHORT",
            "dependents": [],
        }.items()
    )
    assert json.loads(json.dumps(told)) == told


def test_types_and_order_of_the_common_group() -> None:
    told = validate(dict(BASE), {}).to_json()["configs"]
    common = [one["definition"] for one in told if one["definition"]["group"] == "Common"]
    assert [one["name"] for one in common][:4] == [
        "name",
        "connector.class",
        "connector.plugin.version",
        "tasks.max",
    ]
    assert [one["order_in_group"] for one in common] == [*range(1, 12), 14]
    assert {one["name"]: one["type"] for one in common}["connector.class"] == "STRING"
    assert {one["name"]: one["type"] for one in common}["key.converter"] == "CLASS"


@pytest.mark.parametrize("raw", [{}, {"connector.class": None}, {"connector.class": " "}])
def test_missing_connector_class_is_a_bad_request(raw: dict[str, str | None]) -> None:
    with pytest.raises(BadRequestError, match="contains no connector type"):
        validate(raw, {})


@pytest.mark.parametrize("name", ["Linse", "os:system", "subprocess.Popen", "builtins"])
def test_unknown_connector_class_is_a_bad_request(name: str) -> None:
    with pytest.raises(BadRequestError, match="Failed to find any class that implements Connector"):
        validate({"connector.class": name}, {})


def test_all_errors_come_at_once() -> None:
    raw: dict[str, str | None] = {
        "connector.class": "Lines",
        "tasks.max": "0",
        "modes": "fast,loud",
        "errors.tolerance": "some",
    }
    assert set(errors(raw)) == {"name", "path", "tasks.max", "modes", "errors.tolerance"}


def test_null_values_are_flagged() -> None:
    found = errors({**BASE, "secret": None, "nobody.knows": None})
    assert found == {
        "secret": "secret: null value; leave the key out",
        "connector.class": "nobody.knows: null value; leave the key out",
    }


def test_transforms_have_groups_and_whole_names() -> None:
    raw = {
        **BASE,
        "transforms": "c",
        "transforms.c.type": "Case$Key",
        "transforms.c.predicate": "m",
        "predicates": "m",
        "predicates.m.type": "Match",
        "predicates.m.pattern": "",
    }
    infos = validate(raw, {})
    assert infos.groups[-3:] == ["Transforms: c", "Predicates: m", "Files"]
    names = [value.name for value in infos.values if value.name.startswith("transforms.c.")]
    assert names == [
        "transforms.c.type",
        "transforms.c.plugin.version",
        "transforms.c.field",
        "transforms.c.locale",
        "transforms.c.negate",
        "transforms.c.predicate",
    ]
    orders = [one.spec.order for one in infos.values if one.name in names]
    assert orders == list(range(6))
    kind, field = config_of(raw, "transforms.c.type"), config_of(raw, "transforms.c.field")
    assert kind["value"]["value"] == "com.x.Case$Key"
    assert "com.x.Case$Key" in kind["value"]["recommended_values"]
    assert field["definition"]["group"] == "Transforms: c"
    assert field["definition"]["dependents"] == ["transforms.c.locale"]
    assert field["value"]["errors"] == [
        'Missing required configuration "transforms.c.field" which has no default value.'
    ]
    assert "for configuration predicates.m.pattern:" in errors(raw)["predicates.m.pattern"]


@pytest.mark.parametrize(
    ("kind", "has_target"), [("Case", True), ("Case$Value", False), ("Route", False)]
)
def test_target_is_a_key_of_sided_transforms_without_a_side(kind: str, has_target: bool) -> None:
    raw = {**BASE, "transforms": "c", "transforms.c.type": kind, "transforms.c.field": "f"}
    names = {value.name for value in validate(raw, {}).values}
    assert ("transforms.c.target" in names) == has_target
    assert ("transforms.c.target" in errors({**raw, "transforms.c.target": "both"})) == has_target


@pytest.mark.parametrize(
    ("raw", "key", "part"),
    [
        ({"transforms": "a"}, "transforms.a.type", "Missing required"),
        ({"transforms": "a", "transforms.a.type": "Casse"}, "transforms.a.type", "'Case'"),
        ({"transforms": "a", "transforms.a.type": "Match"}, "transforms.a.type", "no transform"),
        ({"transforms": "a", "transforms.a.type": "Route$Key"}, "transforms.a.type", "alone"),
        ({"transforms": "a,a"}, "transforms", "duplicate alias a"),
        ({"predicates": "p,p"}, "predicates", "duplicate alias p"),
        ({"predicates": "p", "predicates.p.type": "os:system"}, "predicates.p.type", "predicate"),
        ({"key.converter": "Txt"}, "key.converter", "did you mean 'Text'"),
        ({"header.converter": "Text"}, "header.converter", "no header converter"),
        ({"value.converter": "Text"}, "value.converter.field", '"value.converter.field"'),
        ({"exactly.once.support": "required"}, "exactly.once.support", "cannot deliver"),
        ({"connector.plugin.version": "[2,)"}, "connector.plugin.version", "installed is 1.5.0"),
        ({"connector.plugin.version": "[2"}, "connector.plugin.version", "not a version range"),
        ({"path": "a\0b"}, "path", "NUL"),
        ({"producer.override.acks": "some"}, "producer.override.acks", "acks"),
    ],
)
def test_what_is_wrong_stands_on_its_key(raw: dict[str, str], key: str, part: str) -> None:
    assert part in errors({**BASE, **raw})[key]


@pytest.mark.parametrize(
    ("raw", "key", "part"),
    [
        ({"topics": ""}, "topics", "Must configure one of"),
        ({"topics.regex": "b"}, "topics", "only one of"),
        ({"topics": "", "topics.regex": "(["}, "topics.regex", "regular expression"),
        (
            {"errors.deadletterqueue.topic.name": "a"},
            "errors.deadletterqueue.topic.name",
            "come back",
        ),
    ],
)
def test_topics_of_sinks(raw: dict[str, str], key: str, part: str) -> None:
    found = errors({**SINK, **raw})
    assert list(found) == [key]
    assert part in found[key]
    assert found[key].count(part) == 1


def test_converter_keys_stand_only_where_the_connector_names_one() -> None:
    raw = {**BASE, "key.converter": "Text", "key.converter.field": "f"}
    names = [value.name for value in validate(raw, {}).values]
    assert "key.converter.locale" in names
    assert "value.converter.locale" not in names


def test_what_applies_without_a_word_is_shown() -> None:
    worker = {"key.converter": "Text", "value.converter": "com.x.Missing"}
    told = {name: config_of(dict(BASE), name, worker) for name in COMMON_KEYS}
    text = "validation_doubles.Text"
    assert told["key.converter"]["definition"]["default_value"] == text
    assert told["key.converter"]["value"]["value"] == text
    assert told["value.converter"]["value"]["value"] == "com.x.Missing"
    assert told["header.converter"]["value"]["value"].endswith(".SimpleHeaderConverter")
    assert told["connector.plugin.version"]["value"]["value"] == "1.5.0"
    assert told["connector.plugin.version"]["value"]["recommended_values"] == ["1.5.0"]
    assert text in told["key.converter"]["value"]["recommended_values"]


def test_version_that_is_satisfied_is_no_problem() -> None:
    assert errors({**BASE, "connector.plugin.version": "[1.0,2.0)"}) == {}


def test_password_is_never_shown() -> None:
    told = json.dumps(validate({**BASE, "secret": "hunter2"}, {}).to_json())
    assert "hunter2" not in told
    assert "[hidden]" in told


@pytest.mark.parametrize(
    ("path", "key", "part"),
    [
        ("raise", "connector.class", "Faulty.validate failed: RuntimeError: author's mistake"),
        ("none", "connector.class", "Faulty.validate failed: TypeError"),
        ("texts", "connector.class", "must return ConfigValues, got a str"),
        ("config", "path", "path: not there"),
        ("config", "modes", "modes: too slow"),
    ],
)
def test_authors_code_that_fails_is_an_error_of_a_key(
    caplog: pytest.LogCaptureFixture, path: str, key: str, part: str
) -> None:
    with caplog.at_level(logging.CRITICAL):
        infos = validate({**BASE, "connector.class": "Faulty", "path": path}, {})
    value = infos.of(key)
    assert value is not None
    assert part in "\n".join(value.errors)
    assert infos.of("modes") is not None


def test_policy_of_the_worker_is_kept() -> None:
    raw = {**BASE, "producer.override.sasl.jaas.config": "hunter2"}
    worker = {"connector.client.config.override.policy": "None"}
    (told,) = errors(raw, worker).values()
    assert told.startswith("The 'None' policy does not allow 'sasl.jaas.config' to be overridden")
    assert "hunter2" not in json.dumps(validate(raw, worker).to_json())


@pytest.mark.parametrize("module", ["JndiLoginModule", "LdapLoginModule"])
def test_login_modules_that_reach_out_are_refused_before_anything_runs(module: str) -> None:
    key = "producer.override.sasl.jaas.config"
    raw = {
        **BASE,
        "producer.override.security.protocol": "SASL_PLAINTEXT",
        "producer.override.sasl.mechanism": "PLAIN",
        key: f"com.sun.security.auth.module.{module} required a='b';",
    }
    assert key in errors(raw, {"bootstrap.servers": "localhost:9092"})


PROVIDERS = {"config.providers": "vault", "config.providers.vault.class": "Vault"}


def test_answers_of_providers_are_shown_as_references() -> None:
    raw = {**SINK, "path": "dir/${vault:a:password}.txt", "neighbour": "${vault:a:password}"}
    told = validate(raw, PROVIDERS)
    assert told.error_count == 0
    assert "hunter2secret" not in json.dumps(told.to_json())
    assert config_of(raw, "path", PROVIDERS)["value"]["value"] == "dir/${vault:a:password}.txt"


@pytest.mark.parametrize(
    ("key", "answer", "leak"), [("tasks.max", "number", "three"), ("modes", "two", "verysecret")]
)
def test_answers_of_providers_stay_out_of_errors(key: str, answer: str, leak: str) -> None:
    raw = {**BASE, key: f"${{vault:a:{answer}}}"}
    (told,) = errors(raw, PROVIDERS).values()
    assert f"${{vault:a:{answer}}}" in told
    assert leak not in json.dumps(validate(raw, PROVIDERS).to_json())


def test_answers_of_providers_stay_out_of_errors_of_other_keys() -> None:
    raw = {**SINK, "path": "leak", "neighbour": "x${vault:a:password}y"}
    (told,) = errors(raw, PROVIDERS).values()
    assert "hunter2secret" not in told
    assert told == "path: not beside x${vault:a:password}y"


def test_path_that_a_provider_refuses_is_an_error_of_the_key() -> None:
    found = errors({**BASE, "path": "${vault:forbidden:x}"}, PROVIDERS)
    assert "not allowed" in found["path"]


def test_provider_that_fails_is_told_without_its_message() -> None:
    (told,) = errors({**BASE, "secret": "${vault:broken:x}"}, PROVIDERS).values()
    assert "failed with OSError" in told
    assert "hunter2secret" not in told


def test_provider_that_is_not_installed_is_told() -> None:
    worker = {"config.providers": "v", "config.providers.v.class": "Vaultt"}
    found = errors({**BASE, "path": "${v:x}"}, worker)
    assert "no config provider 'Vaultt' is installed" in found["connector.class"]


def test_connector_cannot_bring_a_provider() -> None:
    raw = {**BASE, **PROVIDERS, "path": "${vault:a:password}"}
    assert "hunter2secret" not in json.dumps(validate(raw, {}).to_json())
    assert config_of(raw, "path")["value"]["value"] == "${vault:a:password}"


def test_misspelt_keys_are_named_and_others_are_not() -> None:
    raw = {**BASE, "errors.tolerence": "all", "zzz": "1", "producer.override.ack": "1"}
    (sentence,) = unknown_keys(raw, validate(raw, {}))
    assert sentence.startswith("unknown key 'errors.tolerence' (did you mean 'errors.tolerance'")


def test_calls_take_and_return_json() -> None:
    told = validate_connector(config=dict(SINK), worker={})
    assert told["type"] == "sink"
    assert json.loads(json.dumps(told)) == told
    assert connector_type("Lines") == "source"
    with pytest.raises(BadRequestError):
        connector_type("Linse")
    keys = describe_plugin("Lines")
    assert json.loads(json.dumps(keys)) == keys
    assert {key["name"] for key in keys} == COMMON_KEYS | SOURCE_KEYS | {"path", "secret", "modes"}
    assert [key["name"] for key in describe_plugin("Case", "transforms")] == ["field", "locale"]
    with pytest.raises(NotFoundError, match="Unknown plugin Linez"):
        describe_plugin("Linez")
