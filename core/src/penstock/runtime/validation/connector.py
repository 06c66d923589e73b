"""Validate a connector's configuration (source: AbstractHerder.validateConnectorConfig).

Runs in a host, since it imports the plugins that the configuration names. Never raises for what
is wrong with single keys: that is in the report, all of it.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.api import Connector, SinkConnector
from penstock.config import ConfigInfos, ConfigSpec, ConfigValue
from penstock.errors import BadRequestError, ConfigError, PluginError, Problem, did_you_mean
from penstock.runtime.connector_checks import cross_problems, missing_topics
from penstock.runtime.connector_keys import CommonKeys, SinkKeys, SourceKeys
from penstock.runtime.isolation_keys import isolation_values
from penstock.runtime.override_policies import OVERRIDES, override_problems
from penstock.runtime.plugins import registry
from penstock.runtime.providers import resolved
from penstock.runtime.restart_keys import restart_values
from penstock.runtime.topic_creation import creation_notes, creation_values
from penstock.runtime.validation.clients import add_overrides, client_problems
from penstock.runtime.validation.defaults import show_defaults
from penstock.runtime.validation.exactly_once import exactly_once_problems
from penstock.runtime.validation.hiding import hide_resolved
from penstock.runtime.validation.parts import add_converters, add_transforms, add_values
from penstock.runtime.validation.versions import version_problems

__all__ = ["connector_class", "unknown_keys", "validate"]

log = logging.getLogger(__name__)


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

    Args:
        raw: the connector's configuration as the user wrote it, references not replaced.
        worker: the worker's properties; empty when there is no worker.

    Raises:
        BadRequestError: ``connector.class`` is missing or names nothing.
    """
    cls = connector_class(raw)
    is_sink = issubclass(cls, SinkConnector)
    nulls = [key for key, value in raw.items() if value is None]
    given = {key: value for key, value in raw.items() if value is not None}
    # As in the original: a connector cannot bring providers of its own.
    given = {key: text for key, text in given.items() if not key.startswith("config.providers")}
    texts, problems = _resolved(given, worker)
    infos = ConfigInfos(name=(raw.get("connector.class") or "").strip())
    keys: ConfigSpec[Any] = ConfigSpec.of(SinkKeys if is_sink else SourceKeys)
    add_values(infos, ConfigSpec.of(CommonKeys).check(texts))
    add_values(infos, keys.check(texts))
    add_values(infos, [*restart_values(texts), *isolation_values(texts)])
    if not is_sink:
        add_values(infos, creation_values(texts, worker))
    add_transforms(infos, texts)
    own, failed = _own_values(cls, texts)
    add_values(infos, own)
    add_converters(infos, texts)
    add_overrides(infos, texts, is_sink=is_sink)
    problems += failed
    problems += cross_problems(texts, is_sink=is_sink)
    problems += exactly_once_problems(cls, texts, worker)
    problems += override_problems(texts, worker, is_sink=is_sink)
    problems += client_problems(texts, worker, is_sink=is_sink)
    problems += missing_topics(texts) if is_sink else []
    problems += version_problems(texts)
    problems += [Problem(key, f"{key}: null value; leave the key out") for key in nulls]
    _add_problems(infos, problems)
    show_defaults(infos, worker)
    hide_resolved(infos, given, texts)
    return infos


def _resolved(
    given: Mapping[str, str], worker: Mapping[str, str]
) -> tuple[dict[str, str | None], list[Problem]]:
    """Return the configuration with its references replaced, or as it is with the reason."""
    try:
        return dict(resolved(given, worker)), []
    except ConfigError as refused:
        return dict(given), list(refused.problems)
    except PluginError as missing:
        return dict(given), [Problem("", str(missing))]
    except Exception as problem:  # noqa: BLE001 - an author's provider, whatever it raises
        # Without the message, which may tell what must not be told.
        why = f"a config provider of the worker failed with {type(problem).__name__}"
        return dict(given), [Problem("", f"connector.class: {why}; see 'config.providers'")]


def _own_values(
    cls: type[Connector[Any]], texts: Mapping[str, str | None]
) -> tuple[Sequence[ConfigValue], list[Problem]]:
    """Ask the connector; what its own code raises is told on ``connector.class``."""
    try:
        values = list(cls.validate(texts))
        strange = next((one for one in values if not isinstance(one, ConfigValue)), None)
        if strange is None:
            return values, []
        why = f"{cls.__name__}.validate must return ConfigValues, got a {type(strange).__name__}"
    except ConfigError as refused:
        return _checked(cls, texts), list(refused.problems)
    except Exception as problem:  # noqa: BLE001 - an author's code, whatever it raises
        # The place, not the trace: its messages may hold what a config provider answered.
        place = traceback.extract_tb(problem.__traceback__)[-1]
        log.error("%s.validate failed at %s:%d", cls.__name__, place.filename, place.lineno)  # noqa: TRY400
        why = f"{cls.__name__}.validate failed: {type(problem).__name__}: {problem}"
    return _checked(cls, texts), [Problem("connector.class", f"connector.class: {why}")]


def _checked(cls: type[Connector[Any]], texts: Mapping[str, str | None]) -> Sequence[ConfigValue]:
    try:
        return cls.config_spec().check(texts)
    except Exception:  # noqa: BLE001 - told already
        return []


def _add_problems(infos: ConfigInfos, problems: Sequence[Problem]) -> None:
    for problem in problems:
        value = infos.of(problem.key) or infos.of("connector.class")
        if value is not None and problem.message not in value.errors:
            value.errors.append(problem.message)


def unknown_keys(raw: Mapping[str, str | None], infos: ConfigInfos) -> list[str]:
    """Return a sentence for each key that nobody knows but that looks like a known one.

    The original ignores what it does not know, and so do we; a misspelt key is worth a word.
    """
    known = [value.name for value in infos.values]
    found = []
    for key in raw:
        if key in known or key.startswith((*OVERRIDES, "topic.creation.")):
            continue
        near = did_you_mean(key, known)
        if near:
            found.append(f"unknown key '{key}'{near}; it is ignored")
    return found if infos.of("topic.creation.groups") is None else found + creation_notes(raw)
