"""What the metadata of installed distributions says about plugins. Imports none of them.

One pass over all distributions, since each costs a file. Each is read on its own, so that one
with broken metadata is a row in a listing; ``importlib.metadata.entry_points`` would raise.
"""

from __future__ import annotations

import importlib.metadata
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs

from penstock.errors import did_you_mean

__all__ = [
    "GROUPS",
    "HOOKS_GROUP",
    "UNDEFINED",
    "BrokenDistribution",
    "EntryPointFound",
    "Installed",
    "scan",
]

log = logging.getLogger(__name__)

UNDEFINED: Final = "undefined"
HOOKS_GROUP: Final = "penstock.hooks"
GROUPS: Final[Mapping[str, tuple[str, str]]] = {
    # Two groups for connectors, so that a listing knows which way one copies without importing
    # it. In the third that is told by the name alone, where it says so.
    "penstock.source_connectors": ("connectors", "source"),
    "penstock.sink_connectors": ("connectors", "sink"),
    "penstock.connectors": ("connectors", ""),
    "penstock.transforms": ("transforms", "transformation"),
    "penstock.predicates": ("predicates", "predicate"),
    "penstock.converters": ("converters", "converter"),
    "penstock.header_converters": ("header_converters", "header_converter"),
    "penstock.config_providers": ("config_providers", "config_provider"),
    "penstock.client_override_policies": ("client_override_policies", "client_override_policy"),
}
"""Entry-point group -> kind, and the type that the REST API shows."""
_PREFIX: Final = "penstock."


@attrs.frozen
class EntryPointFound:
    """One line of a distribution's ``entry_points.txt``; ``reference`` is ``module:attribute``."""

    group: str
    name: str
    reference: str
    distribution: str
    version: str


@attrs.frozen
class BrokenDistribution:
    """A distribution that registers something which cannot be understood."""

    distribution: str
    version: str
    error: str


@attrs.frozen
class Installed:
    """What one pass found."""

    points: Sequence[EntryPointFound]
    broken: Sequence[BrokenDistribution]


def scan() -> Installed:
    """Return all entry points of ours that are installed; never raises for what is broken."""
    points: list[EntryPointFound] = []
    broken: list[BrokenDistribution] = []
    seen: set[str] = set()
    for distribution in importlib.metadata.distributions():
        if not _is_ours(distribution):
            continue
        name, version = _identity(distribution)
        canonical = re.sub(r"[-_.]+", "-", name).lower()
        if canonical in seen:  # further down the path: Python does not import that one either
            continue
        seen.add(canonical)
        try:
            read = [point for point in distribution.entry_points if _of_ours(point.group)]
        except Exception as problem:  # noqa: BLE001 - somebody else's file, whatever it holds
            told = f"its entry_points.txt cannot be read: {type(problem).__name__}: {problem}"
            broken.append(BrokenDistribution(name, version, told))
            continue
        points.extend(_known(read, name, version))
        broken.extend(_unknown(read, name, version))
    return Installed(points, broken)


def _is_ours(distribution: importlib.metadata.Distribution) -> bool:
    """Tell by the raw text: most distributions register nothing here and are not parsed."""
    try:
        return _PREFIX in (distribution.read_text("entry_points.txt") or "")
    except (OSError, ValueError) as problem:
        log.debug("the entry points of a distribution cannot be read: %s", problem)
        return False


def _of_ours(group: str) -> bool:
    return group.startswith(_PREFIX)


def _identity(distribution: importlib.metadata.Distribution) -> tuple[str, str]:
    """Return name and version; which of them a broken METADATA lacks depends on the Python."""
    found = []
    for field in ("Name", "Version"):
        try:
            text: str | None = distribution.metadata[field]
        except Exception:  # noqa: BLE001 - missing, not UTF-8, not readable: all the same here
            text = None
        found.append(text)
    return found[0] or "unknown", found[1] or UNDEFINED


def _known(
    points: Iterable[importlib.metadata.EntryPoint], name: str, version: str
) -> Iterable[EntryPointFound]:
    for point in points:
        if point.group in GROUPS or point.group == HOOKS_GROUP:
            reference = point.value.partition("[")[0].replace(" ", "")
            yield EntryPointFound(point.group, point.name, reference, name, version)


def _unknown(
    points: Iterable[importlib.metadata.EntryPoint], name: str, version: str
) -> Iterable[BrokenDistribution]:
    known = [*GROUPS, HOOKS_GROUP]
    for group in dict.fromkeys(point.group for point in points):
        if group not in known:
            told = f"unknown entry-point group '{group}'{did_you_mean(group, known)}"
            yield BrokenDistribution(name, version, f"{told}; what it registers is not used")
