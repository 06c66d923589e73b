"""Finds what ``rest.extension.classes`` names: ours, and plug-ins by their entry points."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from typing import Final

from penstock.api import RestExtension
from penstock.errors import ConfigError, Problem

__all__ = ["EXTENSIONS_KEY", "extension_names", "load_extensions"]

EXTENSIONS_KEY: Final = "rest.extension.classes"
GROUP: Final = "penstock.rest_extensions"
_BASIC: Final = (
    "BasicAuthSecurityRestExtension",
    "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension",
)


def extension_names(properties: Mapping[str, str]) -> list[str]:
    """Return the names in ``rest.extension.classes``."""
    given = properties.get(EXTENSIONS_KEY, "")
    return [one.strip() for one in given.split(",") if one.strip()]


def load_extensions(properties: Mapping[str, str]) -> list[RestExtension]:
    """Return the worker's extensions, configured, in the order of the property.

    Raises:
        ConfigError: one is not installed, cannot be loaded or refuses the properties. A worker
            without an extension that was asked for would be an open door.
    """
    found = []
    for name in extension_names(properties):
        extension = _made(name)
        extension.configure(properties)
        found.append(extension)
    return found


def _refuse(name: str, fault: str, remedy: str) -> ConfigError:
    return ConfigError(
        Problem(EXTENSIONS_KEY, f"{EXTENSIONS_KEY} names '{name}', which {fault}; {remedy}")
    )


def _made(name: str) -> RestExtension:
    if name in _BASIC:
        from penstock.rest.auth_basic import (  # noqa: PLC0415 - only for who wants it
            BasicAuthSecurityRestExtension,
        )

        return BasicAuthSecurityRestExtension()
    points = list(importlib.metadata.entry_points(group=GROUP, name=name))
    if not points:
        known = sorted({one.name for one in importlib.metadata.entry_points(group=GROUP)})
        raise _refuse(
            name,
            "is not installed",
            f"install what has it in the entry-point group {GROUP}, or use one of "
            f"{', '.join([_BASIC[1], *known])}",
        )
    try:
        made = points[0].load()()
    except Exception as problem:
        kind = type(problem).__name__
        raise _refuse(name, f"cannot be loaded: {kind} {problem}", "mend or remove it") from problem
    if not isinstance(made, RestExtension):
        raise _refuse(name, "is no penstock.api.RestExtension", "make it one")
    return made
