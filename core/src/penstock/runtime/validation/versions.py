"""``connector.plugin.version`` and its siblings: Maven's version ranges, held against plugins.

(source: KIP-891; Maven's VersionRange and ComparableVersion)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs

from penstock.errors import BadRequestError, PluginError, Problem
from penstock.runtime.plugins import registry

__all__ = [
    "VersionRange",
    "check_version",
    "compare_versions",
    "named_by",
    "parse_range",
    "version_problems",
]

_SUFFIX: Final = ".plugin.version"
_KINDS: Final = {
    "connector": ("connectors", "connector.class"),
    "key.converter": ("converters", "key.converter"),
    "value.converter": ("converters", "value.converter"),
    "header.converter": ("header_converters", "header.converter"),
}
_LATEST: Final = "latest"
_RANGE: Final = re.compile(r"([\[(])([^\[\]()]*)([\])])")
_TOKENS: Final = re.compile(r"[0-9]+|[a-z]+")
_RANKS: Final = {
    "undefined": -8,
    "dev": -7,
    "alpha": -6,
    "a": -6,
    "beta": -5,
    "b": -5,
    "milestone": -4,
    "m": -4,
    "rc": -3,
    "cr": -3,
    "snapshot": -2,
    "": 0,
    "ga": 0,
    "final": 0,
    "release": 0,
    "sp": 1,
    "post": 1,
}
_OTHER_WORD: Final = 2


@attrs.frozen
class _Interval:
    low: str
    high: str
    has_low: bool
    has_high: bool

    def contains(self, version: str) -> bool:
        if self.low and compare_versions(version, self.low) < (0 if self.has_low else 1):
            return False
        return not self.high or compare_versions(version, self.high) <= (0 if self.has_high else -1)


@attrs.frozen
class VersionRange:
    """A union of intervals; a version satisfies it when one of them contains it."""

    intervals: tuple[_Interval, ...]

    def contains(self, version: str) -> bool:
        """Return whether the version is in the range."""
        return any(interval.contains(version) for interval in self.intervals)


def parse_range(text: str) -> VersionRange | None:
    """Return the range of a text: ``1.2`` is exactly that; None for ``latest`` or nothing.

    Raises:
        ValueError: it is no range.
    """
    bare = text.strip()
    if not bare or bare.lower() == _LATEST:
        return None
    if bare[0] not in "[(":
        if re.search(r"[\[\](),\s]", bare):
            raise ValueError(f"not a version or version range: {text}")
        return VersionRange((_Interval(bare, bare, has_low=True, has_high=True),))
    intervals = []
    rest = bare
    while rest:
        found = _RANGE.match(rest)
        if found is None:
            raise ValueError(f"not a version range: {text}")
        intervals.append(_interval(text, *found.groups()))
        rest = rest[found.end() :].strip()
        if rest.startswith(","):
            rest = rest[1:].strip()
            if not rest:
                raise ValueError(f"not a version range: {text}")
        elif rest:
            raise ValueError(f"not a version range: {text}")
    return VersionRange(tuple(intervals))


def _interval(text: str, opening: str, inside: str, closing: str) -> _Interval:
    has_low, has_high = opening == "[", closing == "]"
    if "," not in inside:
        exact = inside.strip()
        if not (exact and has_low and has_high):
            raise ValueError(f"not a version range: {text}")
        return _Interval(exact, exact, has_low=True, has_high=True)
    low, _, high = (part.strip() for part in inside.partition(","))
    if "," in high or (low and high and compare_versions(low, high) > 0):
        raise ValueError(f"not a version range: {text}")
    return _Interval(low, high, has_low, has_high)


def compare_versions(left: str, right: str) -> int:
    """Return -1, 0 or 1. Numbers by value, words by stage: ``1.0-rc1 < 1.0 = 1 < 1.0.1``."""
    first, second = _sortable(left), _sortable(right)
    length = max(len(first), len(second))
    padding = (0, 0, "")
    first += [padding] * (length - len(first))
    second += [padding] * (length - len(second))
    return (first > second) - (first < second)


def _sortable(version: str) -> list[tuple[int, int, str]]:
    """Return parts as (rank, number, word): a word before a release < nothing < a number."""
    parts: list[tuple[int, int, str]] = []
    for token in _TOKENS.findall(version.lower()):
        if token.isdigit():
            parts.append((3, int(token), "") if int(token) else (0, 0, ""))
        elif token in _RANKS:
            parts.append((_RANKS[token], 0, ""))
        else:
            parts.append((_OTHER_WORD, 0, token))
    return parts


def version_problems(raw: Mapping[str, str | None]) -> list[Problem]:
    """Return each plugin that is not installed in the version that the configuration wants."""
    problems = []
    for key, wanted in raw.items():
        named = named_by(key) if wanted is not None else None
        if wanted is None or named is None:
            continue
        kind, class_key = named
        try:
            versions = parse_range(wanted)
            installed = registry().resolve(kind, raw.get(class_key) or "").version
        except ValueError as problem:
            problems.append(
                Problem(key, f"Invalid value {wanted} for configuration {key}: {problem}")
            )
            continue
        except PluginError:  # told on the key that names the plugin
            continue
        if versions is not None and not versions.contains(installed):
            why = f"installed is {installed}; install another version with pip or leave the key out"
            problems.append(Problem(key, f"Invalid value {wanted} for configuration {key}: {why}"))
    return problems


def check_version(name: str, installed: str, wanted: str) -> None:
    """Check a plugin's version against a range; raises BadRequestError where it is another."""
    try:
        versions = parse_range(wanted)
    except ValueError as problem:
        raise BadRequestError(f"Invalid version range {wanted} for plugin {name}: {problem}") from (
            problem
        )
    if versions is not None and not versions.contains(installed):
        bare = wanted.strip()
        shown = bare if bare[0] in "[(" else f"[{bare},{bare}]"
        raise BadRequestError(
            f"Plugin {name} not found that matches the version range {shown}, "
            f"available versions: [{installed}]"
        )


def named_by(key: str) -> tuple[str, str] | None:
    """Return the kind of plugin whose version a key tells, and the key that names the plugin."""
    part = key.removesuffix(_SUFFIX)
    if part == key:
        return None
    if part in _KINDS:
        return _KINDS[part]
    kind, _, alias = part.partition(".")
    if kind in ("transforms", "predicates") and alias and "." not in alias:
        return kind, f"{part}.type"
    return None
