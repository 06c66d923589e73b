"""Validate a connector's configuration (source: AbstractHerder.validateConnectorConfig).

Runs in a host, since it imports the plugins that the configuration names. Never raises for what
is wrong with single keys: that is in the report, all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from penstock.api import Connector, SinkConnector
from penstock.config import ConfigInfos, ConfigSpec, ConfigValue
from penstock.errors import BadRequestError, ConfigError, PluginError, Problem
from penstock.runtime.connector_config import CONVERTERS, cross_problems, missing_topics, under
from penstock.runtime.connector_keys import (
    CommonKeys,
    PredicateKeys,
    SinkKeys,
    SourceKeys,
    TransformKeys,
)
from penstock.runtime.plugins import registry
from penstock.runtime.providers import resolved

__all__ = ["connector_class", "validate"]


def connector_class(raw: Mapping[str, str | None]) -> type[Connector[Any]]:
    """Return the class of ``connector.class``.

    Raises:
        BadRequestError: the key is missing, or names no connector that can be loaded.
    """
    name = (raw.get("connector.class") or "").strip()
    if not name:
        raise BadRequestError("Connector config contains no connector type; set connector.class")
    try:
        return registry().load("connectors", name)
    except PluginError as problem:
        raise BadRequestError(
            f"Failed to find any class that implements Connector and which name matches {name}: "
            f"{problem}"
        ) from problem


def validate(raw: Mapping[str, str | None], worker: Mapping[str, str]) -> ConfigInfos:
    """Return every key of the configuration with all its errors.

    Raises:
        BadRequestError: ``connector.class`` is missing or names nothing.
    """
    cls = connector_class(raw)
    nulls = [key for key, value in raw.items() if value is None]
    given: dict[str, str | None] = {key: value for key, value in raw.items() if value is not None}
    refused: list[Problem] = []
    try:
        texts: dict[str, str | None] = dict(resolved(_solid(given), worker))
    except (ConfigError, PluginError) as problem:
        texts = given
        refused = list(problem.problems) if isinstance(problem, ConfigError) else []
        refused = refused or [Problem("", str(problem))]
    infos = ConfigInfos(name=(raw.get("connector.class") or "").strip())
    is_sink = issubclass(cls, SinkConnector)
    keys = ConfigSpec.of(SinkKeys if is_sink else SourceKeys)
    _add(infos, ConfigSpec.of(CommonKeys).check(texts))
    _add(infos, keys.check(texts))
    _add_parts(infos, texts, "transforms", ConfigSpec.of(TransformKeys))
    _add_parts(infos, texts, "predicates", ConfigSpec.of(PredicateKeys))
    _add(infos, cls.validate(texts))
    _add_converters(infos, texts)
    problems = [*cross_problems(texts), *(missing_topics(texts) if is_sink else ()), *refused]
    problems += [Problem(key, f"{key}: null value; leave the key out") for key in nulls]
    _add_problems(infos, problems)
    infos.change(lambda value: _hide_resolved(value, given))
    return infos


def _solid(given: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in given.items() if value is not None}


def _add(infos: ConfigInfos, values: Sequence[ConfigValue]) -> None:
    """Append keys that are not there yet; a connector's own win over nothing."""
    new = [value for value in values if infos.of(value.name) is None]
    groups = [value.spec.group for value in new if value.spec.group is not None]
    infos.add(new, groups)


def _aliases(raw: Mapping[str, str | None], key: str) -> list[str]:
    return list(
        dict.fromkeys(part.strip() for part in (raw.get(key) or "").split(",") if part.strip())
    )


def _add_parts(
    infos: ConfigInfos, raw: Mapping[str, str | None], kind: str, framework: ConfigSpec[Any]
) -> None:
    for alias in _aliases(raw, kind):
        prefix = f"{kind}.{alias}."
        group = f"{kind.capitalize()}: {alias}"
        own = under(raw, prefix)
        values = _prefixed(framework.check(own), prefix, group)
        _add(infos, values)
        chosen = infos.of(f"{prefix}type")
        if chosen is not None and not chosen.errors:
            _add_plugin(infos, chosen, kind, own, group=group)


def _add_converters(infos: ConfigInfos, raw: Mapping[str, str | None]) -> None:
    for side in CONVERTERS:
        key = f"{side}.converter"
        chosen = infos.of(key)
        if chosen is not None and raw.get(key) and not chosen.errors:
            kind = "header_converters" if side == "header" else "converters"
            own = under(raw, f"{key}.")
            _add_plugin(infos, chosen, kind, own, group=None)


def _add_plugin(
    infos: ConfigInfos,
    chosen: ConfigValue,
    kind: str,
    own: Mapping[str, str | None],
    *,
    group: str | None,
) -> None:
    """Append a plugin's own keys; that it cannot be loaded is an error of the key naming it."""
    name = str(chosen.parsed)
    try:
        cls = registry().load(kind, name)
    except PluginError as problem:
        chosen.errors.append(f"Invalid value {name} for configuration {chosen.name}: {problem}")
        return
    prefix = f"{chosen.name.removesuffix('.type')}."
    _add(infos, _prefixed(cls.config_spec().check(own), prefix, group))


def _prefixed(values: Sequence[ConfigValue], prefix: str, group: str | None) -> list[ConfigValue]:
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


def _add_problems(infos: ConfigInfos, problems: Sequence[Problem]) -> None:
    for problem in problems:
        value = infos.of(problem.key)
        if value is None:
            value = infos.of("connector.class")
        if value is not None and problem.message not in value.errors:
            value.errors.append(problem.message)


def _hide_resolved(value: ConfigValue, given: Mapping[str, str | None]) -> None:
    """Show the reference in place of what a provider answered, in value and errors alike."""
    text = given.get(value.name)
    if text is None or "${" not in text or (value.given == text and not value.errors):
        return
    value.given = text
    value.recommended = []
    if value.errors:
        value.errors = [f"Invalid value {text} for configuration {value.name}: see its provider"]
    else:
        value.parsed = text
