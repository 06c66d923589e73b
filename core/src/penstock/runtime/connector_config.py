"""What a connector's configuration asks the runtime to build.

``plan`` reads the keys that every connector has and cuts out the parts that belong to converters,
transforms and predicates; the plugins' own keys are theirs to parse. Pure, but for the worker's
policy for client overrides, which may be a plugin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from penstock.api import Side
from penstock.config import ConfigSpec, ConfigValue
from penstock.errors import ConfigError, Problem
from penstock.runtime.connector_checks import cross_problems
from penstock.runtime.connector_keys import (
    CommonKeys,
    ConditionKeys,
    PredicateKeys,
    SinkKeys,
    SourceKeys,
    TransformKeys,
)
from penstock.runtime.isolation_keys import isolation_values
from penstock.runtime.override_policies import override_problems
from penstock.runtime.pipeline.policy import ErrorPolicy
from penstock.runtime.plugins.names import side_of
from penstock.runtime.restart_keys import restart_values
from penstock.runtime.topic_creation import creation_values

__all__ = [
    "ConnectorPlan",
    "ConverterPlan",
    "DeadLetterPlan",
    "PredicatePlan",
    "TransformPlan",
    "plan",
    "prefixed",
    "under",
]

CONVERTERS: Final = ("key", "value", "header")
SIMPLE_HEADER: Final = "org.apache.kafka.connect.storage.SimpleHeaderConverter"
# Anything else is an error of a sided transform's validation, or another transform's own key.
_TARGETS: Final = {side.value: side for side in Side}
_OF_TRANSFORMS: Final = frozenset({"type", "plugin.version", "negate", "predicate"})


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
class DeadLetterPlan:
    """The topic that takes a sink's failed records, and how it is made and filled."""

    topic: str
    replication_factor: int
    context_headers: bool


@attrs.frozen
class ConnectorPlan:
    """What to build for a connector's tasks.

    ``log_errors`` logs each failed record, ``log_messages`` with the record itself;
    ``dead_letters`` is None when failed records are not kept.
    """

    name: str
    type: str
    tasks_max: int
    converters: Mapping[str, ConverterPlan]
    transforms: Sequence[TransformPlan]
    policy: ErrorPolicy
    log_errors: bool
    topics: Sequence[str]
    topics_regex: str
    log_messages: bool = False
    dead_letters: DeadLetterPlan | None = None


def under(raw: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the keys that begin with ``prefix``, without it."""
    return {name[len(prefix) :]: value for name, value in raw.items() if name.startswith(prefix)}


def plan(
    raw: Mapping[str, str], worker: Mapping[str, str], *, is_sink: bool | None = None
) -> ConnectorPlan:
    """Return the plan of a connector's configuration, with the worker's converters as defaults.

    Args:
        raw: the connector's configuration, references replaced.
        worker: the worker's properties.
        is_sink: which way the connector copies. None when that is not known: then the keys of
            both ways must be right, also those that one way's connectors may use as they like.

    Raises:
        ConfigError: with every problem found.
    """
    who = f"connector '{raw.get('name', '')}'"
    problems = _problems(raw, worker, is_sink)
    if problems:
        raise ConfigError(problems, who=who)
    common = ConfigSpec.of(CommonKeys).parse(raw)
    sink = ConfigSpec.of(SinkKeys).parse({} if is_sink is False else raw)
    return ConnectorPlan(
        name=common.name,
        type=common.connector_class.strip(),
        tasks_max=common.tasks_max,
        converters={side: _converter(side, raw, worker) for side in CONVERTERS},
        transforms=_transforms(common, raw),
        policy=ErrorPolicy(
            tolerate_all=common.errors_tolerance.lower() == "all",
            retry_timeout_ms=common.errors_retry_timeout,
            retry_delay_max_ms=common.errors_retry_delay_max_ms,
        ),
        log_errors=common.errors_log_enable,
        log_messages=common.errors_log_include_messages,
        topics=sink.topics,
        topics_regex=sink.topics_regex,
        dead_letters=_dead_letters(sink),
    )


def _problems(
    raw: Mapping[str, str], worker: Mapping[str, str], is_sink: bool | None
) -> list[Problem]:
    """Return everything that is wrong, each thing once, in the order of the keys' definition."""
    checked = ConfigSpec.of(CommonKeys).check(raw)
    aliases = {value.name: value.parsed or [] for value in checked}
    if is_sink is not False:
        checked += ConfigSpec.of(SinkKeys).check(raw)
    if is_sink is not True:
        checked += ConfigSpec.of(SourceKeys).check(raw)
    checked += [*restart_values(raw), *isolation_values(raw)]
    checked += [] if is_sink else creation_values(raw, worker)
    for kind, keys in (
        ("transforms", TransformKeys),
        ("transforms", ConditionKeys),
        ("predicates", PredicateKeys),
    ):
        for alias in aliases[kind]:
            prefix = f"{kind}.{alias}."
            checked += prefixed(ConfigSpec.of(keys).check(under(raw, prefix)), prefix)
    found = [Problem(value.name, text) for value in checked for text in value.errors]
    found += cross_problems(raw, is_sink=is_sink)
    found += override_problems(raw, worker, is_sink=is_sink)
    found += [
        Problem(key, f"{key}: neither the connector nor the worker names one; set {key}")
        for key in ("key.converter", "value.converter")
        if not _names(raw, key) and not _names(worker, key)
    ]
    return list(dict.fromkeys(found))


def _names(raw: Mapping[str, str], key: str) -> bool:
    return bool(raw.get(key, "").strip())


def prefixed(
    values: Sequence[ConfigValue], prefix: str, group: str | None = None
) -> list[ConfigValue]:
    """Return checked keys of a part under the names that the user wrote (source: embed).

    Args:
        values: the part's keys, without the prefix.
        prefix: such as ``transforms.x.``.
        group: replaces the keys' own group.
    """
    moved = []
    for value in values:
        name = f"{prefix}{value.name}"
        spec = attrs.evolve(
            value.spec,
            name=name,
            display_name=value.spec.display_name or value.name,
            group=group if group is not None else value.spec.group,
            dependents=tuple(f"{prefix}{one}" for one in value.spec.dependents),
        )
        errors = [_renamed(error, value.name, name) for error in value.errors]
        moved.append(attrs.evolve(value, spec=spec, errors=errors))
    return moved


def _renamed(error: str, key: str, name: str) -> str:
    for form in (f"for configuration {key}:", f'configuration "{key}"', f"{key}:"):
        if form in error:
            return error.replace(form, form.replace(key, name), 1)
    return error


def _dead_letters(sink: SinkKeys) -> DeadLetterPlan | None:
    topic = sink.errors_deadletterqueue_topic_name.strip()
    if not topic:
        return None
    return DeadLetterPlan(
        topic=topic,
        replication_factor=sink.errors_deadletterqueue_topic_replication_factor,
        context_headers=sink.errors_deadletterqueue_context_headers_enable,
    )


def _converter(side: str, raw: Mapping[str, str], worker: Mapping[str, str]) -> ConverterPlan:
    """The connector's converter with the connector's keys, or the worker's with the worker's."""
    name = f"{side}.converter"
    chosen = raw if _names(raw, name) else worker
    default = SIMPLE_HEADER if side == "header" else ""
    kind = chosen.get(name, "").strip() or default
    return ConverterPlan(kind, under(chosen, f"{name}."))


def _transforms(common: CommonKeys, raw: Mapping[str, str]) -> list[TransformPlan]:
    predicates = {alias: _predicate(alias, raw) for alias in common.predicates}
    found = []
    for alias in common.transforms:
        own = under(raw, f"transforms.{alias}.")
        keys = ConfigSpec.of(TransformKeys).parse(own)
        condition = ConfigSpec.of(ConditionKeys).parse(own)
        rest = {k: v for k, v in own.items() if k not in _OF_TRANSFORMS}
        predicate = predicates.get(condition.predicate or "")
        side = side_of(keys.type) or _TARGETS.get(own.get("target", "").strip())
        found.append(TransformPlan(alias, keys.type, side, rest, predicate, condition.negate))
    return found


def _predicate(alias: str, raw: Mapping[str, str]) -> PredicatePlan:
    own = under(raw, f"predicates.{alias}.")
    keys = ConfigSpec.of(PredicateKeys).parse(own)
    rest = {k: v for k, v in own.items() if k not in ConfigSpec.of(PredicateKeys).by_name}
    return PredicatePlan(alias, keys.type, rest)
