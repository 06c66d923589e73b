"""Which settings the topics of a source connector are created with. Pure.

(source: TopicCreationConfig, TopicCreationGroup, SourceConnectorConfig; KIP-158)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import attrs

from penstock.config import (
    ConfigSpec,
    ConfigValue,
    Short,
    compile_java,
    config,
    key,
    regex_problem,
)
from penstock.errors import ConfigError
from penstock.runtime.broker import TopicSpec

__all__ = ["CREATE_KEY", "TopicCreation", "creation_notes", "creation_values"]

CREATE_KEY: Final = "topic.creation.enable"
"""The worker's key: whether its workers create topics at all."""
PREFIX: Final = "topic.creation."
_GROUPS: Final = f"{PREFIX}groups"
_DEFAULT: Final = "default"
_GROUP: Final = "Topic Creation"
_OWN: Final = frozenset({"include", "exclude", "replication.factor", "partitions"})


def _replicas(name: str, value: Any) -> str | None:
    text = (
        "Replication factor must be positive and not larger than the number of brokers in the "
        "Kafka cluster, or -1 to use the broker's default"
    )
    return None if value == -1 or value > 0 else text


def _partitions(name: str, value: Any) -> str | None:
    text = "Number of partitions must be positive, or -1 to use the broker's default"
    return None if value == -1 or value > 0 else text


def _patterns(name: str, value: Any) -> str | None:
    for pattern in value or ():
        problem = regex_problem(name, pattern)
        if problem is not None:
            return f"Syntax error in regular expression: '{pattern}': {problem}"
    return None


@config
class _DefaultKeys:
    """Keys of the group that takes what no other takes, under ``topic.creation.default.``."""

    replication_factor: Short = key(
        validator=_replicas,
        importance="low",
        group=_GROUP,
        order=2,
        width="long",
        display_name="Default Replication Factor",
        doc="Replicas of the topics that no other group takes; -1 for the broker's default.",
    )
    partitions: int = key(
        validator=_partitions,
        importance="low",
        group=_GROUP,
        order=3,
        width="long",
        display_name="Default Partitions",
        doc="Partitions of the topics that no other group takes; -1 for the broker's default.",
    )


@config
class _GroupKeys:
    """Keys of any other group, under ``topic.creation.<group>.``."""

    include: list[str] = key(
        default=[],
        validator=_patterns,
        importance="low",
        order=1,
        width="long",
        display_name="Inclusion Topic Pattern",
        doc="Regular expressions, as Java's, of the topics that the group takes; none without any.",
    )
    exclude: list[str] = key(
        default=[],
        validator=_patterns,
        importance="low",
        order=2,
        width="long",
        display_name="Exclusion Topic Pattern",
        doc="Regular expressions of topics that it leaves alone nevertheless.",
    )
    replication_factor: Short | None = key(
        default=None,
        validator=lambda name, value: None if value is None else _replicas(name, value),
        importance="low",
        order=3,
        width="long",
        display_name="Replication Factor",
        doc="Replicas of its topics; those of the default group when left out.",
    )
    partitions: int | None = key(
        default=None,
        validator=lambda name, value: None if value is None else _partitions(name, value),
        importance="low",
        order=4,
        width="long",
        display_name="Partitions",
        doc="Partitions of its topics; those of the default group when left out.",
    )


@attrs.frozen
class _Group:
    name: str
    include: Sequence[re.Pattern[str]] | None
    exclude: Sequence[re.Pattern[str]]
    partitions: int
    replication_factor: int
    config: Mapping[str, str]

    def takes(self, topic: str) -> bool:
        """Return whether the group's settings are for a topic."""
        if any(one.fullmatch(topic) for one in self.exclude):
            return False
        return self.include is None or any(one.fullmatch(topic) for one in self.include)


@attrs.frozen
class TopicCreation:
    """The groups of a connector, in the order in which they are asked; the default is last."""

    groups: Sequence[_Group]

    @classmethod
    def of(cls, raw: Mapping[str, str], worker: Mapping[str, str]) -> Self | None:
        """Return a connector's groups; None when its topics are left to the broker.

        That is so unless the connector has any key of this kind, and its worker allows it.

        Raises:
            ConfigError: with every problem of the keys.
        """
        if not _is_used(raw, worker):
            return None
        problems = [text for value in creation_values(raw) for text in value.errors]
        if problems:
            raise ConfigError("; ".join(problems), who=f"connector '{raw.get('name', '')}'")
        default = _under(raw, _DEFAULT)
        own = ConfigSpec.of(_DefaultKeys).parse(default)
        last = _Group(
            _DEFAULT, None, (), own.partitions, own.replication_factor, _settings(default)
        )
        return cls([*(_group(raw, name, last) for name in dict.fromkeys(_names(raw))), last])

    def spec(self, topic: str) -> tuple[TopicSpec, str]:
        """Return what to create a topic as, and the group that says so."""
        group = next(one for one in self.groups if one.takes(topic))
        return (
            TopicSpec(topic, group.partitions, group.replication_factor, group.config),
            group.name,
        )


def _group(raw: Mapping[str, str], name: str, default: _Group) -> _Group:
    keys = _under(raw, name)
    own = ConfigSpec.of(_GroupKeys).parse(keys)
    replicas, partitions = own.replication_factor, own.partitions
    return _Group(
        name,
        [compile_java(pattern) for pattern in own.include],
        [compile_java(pattern) for pattern in own.exclude],
        default.partitions if partitions is None else partitions,
        default.replication_factor if replicas is None else replicas,
        _settings(keys),
    )


def _under(raw: Mapping[str, Any], group: str) -> dict[str, Any]:
    prefix = f"{PREFIX}{group}."
    return {name[len(prefix) :]: text for name, text in raw.items() if name.startswith(prefix)}


def _settings(keys: Mapping[str, str]) -> dict[str, str]:
    """Return the topic's own settings, such as ``cleanup.policy``."""
    return {name: text for name, text in keys.items() if name not in _OWN}


def _names(raw: Mapping[str, str | None]) -> list[str]:
    names = [name.strip() for name in (raw.get(_GROUPS) or "").split(",")]
    return [name for name in names if name and name != _DEFAULT]


def _is_used(raw: Mapping[str, str | None], worker: Mapping[str, str]) -> bool:
    if worker.get(CREATE_KEY, "true").strip().lower() == "false":
        return False
    return any(name.startswith(PREFIX) for name in raw)


def creation_notes(raw: Mapping[str, str | None]) -> list[str]:
    """Return a sentence for each key of a group that has no effect."""
    listed = [name.strip() for name in (raw.get(_GROUPS) or "").split(",")]
    found = []
    if _DEFAULT in listed:
        found.append(
            "'default' topic creation group always exists and does not need to be listed explicitly"
        )
    known = tuple(f"{PREFIX}{name}." for name in (*_names(raw), _DEFAULT))
    found += [
        f"{name} is for no group that {_GROUPS} names; it is ignored"
        for name in raw
        if name.startswith(PREFIX) and name != _GROUPS and not name.startswith(known)
    ]
    found += [
        f"topic creation group '{name}' takes no topic; set {PREFIX}{name}.include"
        for name in dict.fromkeys(_names(raw))
        if not (raw.get(f"{PREFIX}{name}.include") or "").strip()
    ]
    return found


def creation_values(
    raw: Mapping[str, str | None], worker: Mapping[str, str] | None = None
) -> list[ConfigValue]:
    """Return the keys of all groups, checked; none when no key of the kind is set or heeded.

    The original tells of them only when a task starts.
    """
    if not _is_used(raw, worker or {}):
        return []
    found = _checked(raw, _DEFAULT, ConfigSpec.of(_DefaultKeys), _GROUP)
    for name in dict.fromkeys(_names(raw)):
        found += _checked(raw, name, ConfigSpec.of(_GroupKeys), f"{_GROUP}: {name}")
    return found


def _checked(
    raw: Mapping[str, str | None], group: str, spec: ConfigSpec[Any], shown: str
) -> list[ConfigValue]:
    prefix = f"{PREFIX}{group}."
    values = []
    for value in spec.check(_under(raw, group)):
        errors = [one.replace(value.name, f"{prefix}{value.name}", 1) for one in value.errors]
        named = attrs.evolve(value.spec, name=f"{prefix}{value.name}", group=shown)
        values.append(attrs.evolve(value, spec=named, errors=errors))
    return values
