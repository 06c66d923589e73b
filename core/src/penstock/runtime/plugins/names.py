"""The names of a plugin: what users may write for it. Pure (source: PluginUtils)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from penstock.api import Side

__all__ = ["KINDS", "aliases_of", "side_of"]

KINDS: Final = (
    "connectors",
    "converters",
    "header_converters",
    "transforms",
    "predicates",
    "config_providers",
)
_SUFFIXES: Final = (
    "SourceConnector",
    "SinkConnector",
    "Connector",
    "HeaderConverter",
    "Converter",
    "Transformation",
    "Transform",
    "Predicate",
    "ConfigProvider",
)


def aliases_of(names: Sequence[str], reference: str) -> list[str]:
    """Return every name of a plugin: as registered, simple, without the kind, as Python path."""
    found = list(names)
    for name in names:
        simple = name.rpartition(".")[2]
        found.append(simple)
        found.extend(
            simple.removesuffix(suffix)
            for suffix in _SUFFIXES
            if simple.endswith(suffix) and simple != suffix
        )
    found.append(reference.replace(":", "."))
    return list(dict.fromkeys(found))


def side_of(name: str) -> Side | None:
    """Return the side that a name such as ``HoistField$Key`` gives, or None."""
    if name.endswith("$Key"):
        return Side.KEY
    return Side.VALUE if name.endswith("$Value") else None
