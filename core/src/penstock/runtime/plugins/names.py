"""The names of a plugin: what users may write for it. Pure (source: PluginUtils)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from penstock.api import Side

__all__ = ["KINDS", "SINGULAR", "aliases_of", "class_name_of", "side_of", "without_side"]

SINGULAR: Final[Mapping[str, str]] = {
    "connectors": "connector",
    "converters": "converter",
    "header_converters": "header converter",
    "transforms": "transform",
    "predicates": "predicate",
    "config_providers": "config provider",
    "client_override_policies": "client override policy",
}
"""Each kind and the word that messages use for one of it."""
KINDS: Final = tuple(SINGULAR)

_SUFFIXES: Final[Mapping[str, Sequence[str]]] = {
    "connectors": ("Connector",),
    "converters": ("Converter",),
    "header_converters": ("HeaderConverter", "Converter"),
    "transforms": ("Transformation", "Transform"),
    "predicates": ("Predicate",),
    "config_providers": ("ConfigProvider",),
    "client_override_policies": ("ConnectorClientConfigOverridePolicy", "ClientOverridePolicy"),
}
_SIDES: Final[Mapping[str, Side]] = {"$Key": Side.KEY, "$Value": Side.VALUE}


def aliases_of(kind: str, names: Sequence[str], reference: str) -> list[str]:
    """Return every name of a plugin, the registered ones first.

    Of each registered name and of the class: the simple name, that without the word for its kind,
    and both without a side. Last the dotted Python path.

    Args:
        kind: one of ``KINDS``.
        names: the names that are registered.
        reference: ``module:attribute``.
    """
    path = reference.replace(":", ".")
    found = list(names)
    for name in (*names, path):
        simple = name.rpartition(".")[2]
        for form in (simple, without_side(name), without_side(simple)):
            found.append(form)
            found.extend(_pruned(kind, form))
    found.append(path)
    return list(dict.fromkeys(found))


def _pruned(kind: str, simple: str) -> list[str]:
    if "." in simple:
        return []
    return [
        simple.removesuffix(suffix)
        for suffix in _SUFFIXES[kind]
        if simple.endswith(suffix) and simple != suffix
    ]


def class_name_of(names: Sequence[str], reference: str) -> str:
    """Return the name to show as the class: the Java one, if there is, else the Python path."""
    dotted = [name for name in names if "." in name]
    return min(dotted, key=len) if dotted else reference.replace(":", ".")


def side_of(name: str) -> Side | None:
    """Return the side that a name such as ``HoistField$Key`` gives, or None."""
    return next((side for suffix, side in _SIDES.items() if name.endswith(suffix)), None)


def without_side(name: str) -> str:
    """Return the name without ``$Key`` or ``$Value``."""
    return name if side_of(name) is None else name.rpartition("$")[0]
