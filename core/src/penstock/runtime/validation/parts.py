"""The keys of the plugins that a connector's configuration names: transforms, converters.

(source: ConnectorConfig.enrich, AbstractHerder.validateConverterConfig)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from penstock.config import ConfigInfos, ConfigSpec, ConfigValue
from penstock.errors import PluginError
from penstock.runtime.connector_config import prefixed, under
from penstock.runtime.connector_keys import (
    ConditionKeys,
    PredicateKeys,
    SidedKeys,
    TransformKeys,
)
from penstock.runtime.plugins import registry
from penstock.runtime.plugins.names import side_of

__all__ = ["add_converters", "add_transforms", "add_values"]

_LISTED_AS: Final = {
    "transforms": "transformation",
    "predicates": "predicate",
    "converters": "converter",
    "header_converters": "header_converter",
}

Raw = Mapping[str, str | None]


def add_values(infos: ConfigInfos, values: Sequence[ConfigValue]) -> None:
    """Append keys; one that is there already keeps its place and gains the new one's errors."""
    new = []
    for value in values:
        there = infos.of(value.name)
        if there is None:
            new.append(value)
        else:
            there.errors.extend(one for one in value.errors if one not in there.errors)
    infos.add(new, [value.spec.group for value in new if value.spec.group is not None])


def add_transforms(infos: ConfigInfos, raw: Raw) -> None:
    """Append the keys of each transform and predicate, in groups of their own."""
    for kind, keys in (("transforms", TransformKeys), ("predicates", PredicateKeys)):
        declared = infos.of(kind)
        for alias in (declared.parsed if declared is not None else None) or []:
            prefix = f"{kind}.{alias}."
            own = under(raw, prefix)
            named = ConfigSpec.of(keys).check(own)
            values = [*named, *_plugin_keys(named[0], kind, own)]
            if kind == "transforms":
                values += ConfigSpec.of(ConditionKeys).check(own)
            _label(values, kind, alias)
            add_values(infos, prefixed(values, prefix, f"{kind.capitalize()}: {alias}"))


def _label(values: Sequence[ConfigValue], kind: str, alias: str) -> None:
    """Number the keys in their group and name the first two after their alias."""
    word = _LISTED_AS[kind].capitalize()
    for order, value in enumerate(values):
        value.spec = attrs.evolve(value.spec, order=order)
    for value, part in zip(values, ("type", "version"), strict=False):
        value.spec = attrs.evolve(value.spec, display_name=f"{word} {part} for {alias}")


def add_converters(infos: ConfigInfos, raw: Raw) -> None:
    """Append the keys of each converter that the connector names itself."""
    for side in ("header", "key", "value"):
        key = f"{side}.converter"
        chosen = infos.of(key)
        if chosen is None:
            continue
        kind = "header_converters" if side == "header" else "converters"
        if (raw.get(key) or "").strip():
            own = {"converter.type": side, **under(raw, f"{key}.")}
            add_values(infos, prefixed(_plugin_keys(chosen, kind, own), f"{key}."))
        else:
            chosen.recommended = _listed(kind)


def _listed(kind: str) -> list[str]:
    rows = registry().rest_listing()
    return [row["class"] for row in rows if row["type"] == _LISTED_AS[kind]]


def _plugin_keys(chosen: ConfigValue, kind: str, own: Raw) -> list[ConfigValue]:
    """Return a plugin's own keys; that it cannot be loaded is an error of the key naming it."""
    chosen.recommended = _listed(kind)
    if chosen.errors:
        return []
    name = str(chosen.parsed)
    try:
        plugin = registry().resolve(kind, name)
        cls = registry().load_plugin(plugin)
        values = list(_keys_of(cls, name).check(own))
    except PluginError as problem:
        chosen.errors.append(f"Invalid value {name} for configuration {chosen.name}: {problem}")
        return []
    chosen.parsed = plugin.qualified_name
    if getattr(cls, "sided", False) and side_of(name) is None:
        values += ConfigSpec.of(SidedKeys).check(own)
    return values


def _keys_of(cls: type[Any], name: str) -> ConfigSpec[Any]:
    try:
        spec: ConfigSpec[Any] = cls.config_spec()
    except Exception as problem:
        cause = f"{type(problem).__name__}: {problem}".splitlines()[0]
        raise PluginError(
            f"the configuration keys of '{name}' cannot be read: {cause}"
        ) from problem
    return spec
