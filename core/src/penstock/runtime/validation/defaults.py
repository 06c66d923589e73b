"""What applies where the connector says nothing: the worker's converters, what is installed.

(source: KIP-891, EnrichedConnectorConfig and its PluginsRecommenders)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from penstock.config import ConfigInfos, ConfigValue
from penstock.errors import PluginError
from penstock.runtime.connector_config import SIMPLE_HEADER
from penstock.runtime.plugins import registry
from penstock.runtime.validation.versions import named_by

__all__ = ["show_defaults"]

_KINDS: Final = {
    "key.converter": "converters",
    "value.converter": "converters",
    "header.converter": "header_converters",
}


def show_defaults(infos: ConfigInfos, worker: Mapping[str, str]) -> None:
    """Give converters the worker's class as default, and versions the one that is installed."""
    for key, kind in _KINDS.items():
        fallback = SIMPLE_HEADER if kind == "header_converters" else ""
        name = worker.get(key, "").strip() or fallback
        value = infos.of(key)
        if value is not None and name:
            _set_default(value, _class_of(kind, name))
    for value in infos.values:
        named = named_by(value.name)
        chosen = infos.of(named[1]) if named is not None else None
        if named is None or chosen is None or chosen.errors or not chosen.parsed:
            continue
        try:
            version = registry().resolve(named[0], str(chosen.parsed)).version
        except PluginError:  # told on the key that names the plugin
            continue
        value.recommended = [version]
        _set_default(value, version)


def _class_of(kind: str, name: str) -> str:
    try:
        return registry().resolve(kind, name).qualified_name
    except PluginError:  # the worker's mistake, and told when a task starts
        return name


def _set_default(value: ConfigValue, default: str) -> None:
    value.spec = attrs.evolve(value.spec, default=default)
    if value.given is None or not value.given.strip():
        value.parsed = default
