"""What a connector's configuration asks the runtime to build. Pure.

``plan`` reads the keys that every connector has and cuts out the parts that belong to converters,
transforms and predicates; the plugins' own keys are theirs to parse.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from penstock.api import Side
from penstock.config import ConfigSpec
from penstock.errors import ConfigError, Problem
from penstock.runtime.connector_keys import (
    CommonKeys,
    PredicateKeys,
    SinkKeys,
    SourceKeys,
    TransformKeys,
)
from penstock.runtime.pipeline.policy import ErrorPolicy

__all__ = [
    "ConnectorPlan",
    "ConverterPlan",
    "PredicatePlan",
    "TransformPlan",
    "cross_problems",
    "plan",
    "under",
]

CONVERTERS = ("key", "value", "header")
SIMPLE_HEADER = "org.apache.kafka.connect.storage.SimpleHeaderConverter"


@attrs.frozen
class ConverterPlan:
    """A converter's class name and its own keys."""

    type: str
    config: Mapping[str, str]


@attrs.frozen
class PredicatePlan:
    """A predicate's alias, class name and own keys."""

    alias: str
    type: str
    config: Mapping[str, str]


@attrs.frozen
class TransformPlan:
    """A transform: its alias, class name, side (None: its own default), condition and own keys."""

    alias: str
    type: str
    side: Side | None
    config: Mapping[str, str]
    predicate: PredicatePlan | None = None
    negate: bool = False


@attrs.frozen
class ConnectorPlan:
    """What to build for a connector's tasks."""

    name: str
    type: str
    tasks_max: int
    converters: Mapping[str, ConverterPlan]
    transforms: Sequence[TransformPlan]
    policy: ErrorPolicy
    log_errors: bool
    topics: Sequence[str]
    topics_regex: str


def under(raw: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the keys that begin with ``prefix``, without it."""
    return {name[len(prefix) :]: value for name, value in raw.items() if name.startswith(prefix)}


def plan(raw: Mapping[str, str], worker: Mapping[str, str]) -> ConnectorPlan:
    """Return the plan of a connector's configuration, with the worker's converters as defaults.

    Raises:
        ConfigError: with every problem found.
    """
    who = f"connector '{raw.get('name', '')}'"
    specs: list[ConfigSpec[Any]] = [
        ConfigSpec.of(keys) for keys in (CommonKeys, SinkKeys, SourceKeys)
    ]
    problems = [
        Problem(value.name, text)
        for spec in specs
        for value in spec.check(raw)
        for text in value.errors
    ]
    problems.extend(cross_problems(raw))
    if problems:
        raise ConfigError(problems, who=who)
    common: CommonKeys = specs[0].parse(raw)
    sink: SinkKeys = specs[1].parse(raw)
    return ConnectorPlan(
        name=common.name,
        type=common.connector_class,
        tasks_max=common.tasks_max,
        converters={side: _converter(side, raw, worker) for side in CONVERTERS},
        transforms=_transforms(common, raw),
        policy=ErrorPolicy(
            tolerate_all=common.errors_tolerance.lower() == "all",
            retry_timeout_ms=common.errors_retry_timeout,
            retry_delay_max_ms=common.errors_retry_delay_max_ms,
        ),
        log_errors=common.errors_log_enable,
        topics=sink.topics,
        topics_regex=sink.topics_regex,
    )


def _converter(side: str, raw: Mapping[str, str], worker: Mapping[str, str]) -> ConverterPlan:
    """The connector's converter with the connector's keys, or the worker's with the worker's."""
    name = f"{side}.converter"
    chosen = raw if raw.get(name) else worker
    default = SIMPLE_HEADER if side == "header" else ""
    kind = chosen.get(name, default).strip()
    if not kind:
        text = f"{name}: neither the connector nor the worker names one; set {name}"
        raise ConfigError(Problem(name, text))
    return ConverterPlan(kind, under(chosen, f"{name}."))


def _transforms(common: CommonKeys, raw: Mapping[str, str]) -> list[TransformPlan]:
    predicates = {alias: _predicate(alias, raw) for alias in common.predicates}
    found = []
    for alias in common.transforms:
        own = under(raw, f"transforms.{alias}.")
        keys = ConfigSpec.of(TransformKeys).parse(own)
        rest = {k: v for k, v in own.items() if k not in ConfigSpec.of(TransformKeys).by_name}
        side = _side(keys)
        predicate = predicates.get(keys.predicate)
        found.append(TransformPlan(alias, keys.type, side, rest, predicate, keys.negate))
    return found


def _side(keys: TransformKeys) -> Side | None:
    for suffix, side in (("$Key", Side.KEY), ("$Value", Side.VALUE)):
        if keys.type.endswith(suffix):
            return side
    return None if keys.target is None else Side(keys.target)


def _predicate(alias: str, raw: Mapping[str, str]) -> PredicatePlan:
    own = under(raw, f"predicates.{alias}.")
    keys = ConfigSpec.of(PredicateKeys).parse(own)
    rest = {k: v for k, v in own.items() if k not in ConfigSpec.of(PredicateKeys).by_name}
    return PredicatePlan(alias, keys.type, rest)


def cross_problems(raw: Mapping[str, str | None]) -> list[Problem]:
    """Return what is wrong with keys taken together: aliases, predicates, topics, dead letters."""
    problems = []
    for key in ("transforms", "predicates"):
        aliases = [alias.strip() for alias in (raw.get(key) or "").split(",") if alias.strip()]
        twice = sorted({alias for alias in aliases if aliases.count(alias) > 1})
        if twice:
            problems.append(
                Problem(
                    key,
                    f"Invalid value {raw[key]} for configuration {key}: duplicate alias "
                    f"{', '.join(twice)}",
                )
            )
        if key == "transforms":
            problems.extend(_transform_problems(raw, list(dict.fromkeys(aliases))))
    return problems + _topic_problems(raw)


def _transform_problems(raw: Mapping[str, str | None], aliases: Sequence[str]) -> list[Problem]:
    declared = {alias.strip() for alias in (raw.get("predicates") or "").split(",")}
    problems = []
    for alias in aliases:
        prefix = f"transforms.{alias}."
        predicate = (raw.get(f"{prefix}predicate") or "").strip()
        if predicate and predicate not in declared:
            key = f"{prefix}predicate"
            text = (
                f"Invalid value {predicate} for configuration {key}: no predicate of that alias "
                f"is declared; add it to 'predicates' and give predicates.{predicate}.type"
            )
            problems.append(Problem(key, text))
        if f"{prefix}negate" in raw and not predicate:
            key = f"{prefix}negate"
            text = (
                f"Invalid value {raw[key]} for configuration {key}: negate needs a predicate; "
                f"set {prefix}predicate or remove it"
            )
            problems.append(Problem(key, text))
    return problems


def _topic_problems(raw: Mapping[str, str | None]) -> list[Problem]:
    """Only of keys that are there: that a sink needs topics at all is the sink's check."""
    topics = [topic.strip() for topic in (raw.get("topics") or "").split(",") if topic.strip()]
    pattern = (raw.get("topics.regex") or "").strip()
    problems = []
    if topics and pattern:
        text = "Must configure only one of topics or topics.regex; remove the other"
        problems.append(Problem("topics", text))
    dead = (raw.get("errors.deadletterqueue.topic.name") or "").strip()
    if dead and (dead in topics or (pattern and _matches(pattern, dead))):
        key = "errors.deadletterqueue.topic.name"
        text = (
            f"Invalid value {dead} for configuration {key}: the connector reads this topic, so "
            "its dead letters would come back; choose another topic"
        )
        problems.append(Problem(key, text))
    return problems


def _matches(pattern: str, topic: str) -> bool:
    try:
        return re.fullmatch(pattern, topic) is not None
    except re.error:
        return False


def missing_topics(raw: Mapping[str, str | None]) -> list[Problem]:
    """Return the problem of a sink that names no topics at all."""
    if (raw.get("topics") or "").strip() or (raw.get("topics.regex") or "").strip():
        return []
    return [Problem("topics", "Must configure one of topics or topics.regex; set topics")]
