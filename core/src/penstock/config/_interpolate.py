"""Replace ``${provider:path:key}`` in configurations (source: ConfigTransformer)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from penstock.errors import ConfigError, Problem

__all__ = ["Lookup", "interpolate", "references"]

_REFERENCE: Final = re.compile(r"\$\{([^}]*?):(([^}]*?):)?([^}]*?)\}")
_REFERENCES_MAX: Final = 100

Lookup = Callable[[str, str], str | None]
"""``(path, key) -> value or None``; raises ConfigError when the path may not be read."""


def references(raw: Mapping[str, str | None]) -> list[tuple[str, str, str, str]]:
    """Return every reference as (configuration key, provider, path, key), in order."""
    return [
        (name, found[1], found[3] or "", found[4])
        for name, text in raw.items()
        if text is not None
        for found in _REFERENCE.finditer(text)
    ]


def interpolate(
    raw: Mapping[str, str | None], providers: Mapping[str, Lookup]
) -> dict[str, str | None]:
    """Return a copy with every reference replaced, in one pass; the result is not looked at again.

    A reference to a provider that is not configured stays as it is, as in the original; one that
    the provider does not know stays too.

    Raises:
        ConfigError: a provider refused or failed, or one value has more than 100 references.
    """
    problems: list[Problem] = []
    resolved: dict[str, str | None] = {}
    for name, text in raw.items():
        if text is None or "${" not in text:
            resolved[name] = text
            continue
        if len(_REFERENCE.findall(text)) > _REFERENCES_MAX:
            problems.append(
                Problem(name, f"{name}: more than {_REFERENCES_MAX} references in one value")
            )
            continue
        try:
            resolved[name] = _REFERENCE.sub(lambda found: _replaced(found, providers), text)
        except ConfigError as refused:
            problems.append(Problem(name, f"{name}: {refused}"))
    if problems:
        raise ConfigError(problems)
    return resolved


def _replaced(found: re.Match[str], providers: Mapping[str, Lookup]) -> str:
    lookup = providers.get(found[1])
    if lookup is None:
        return found[0]
    value = lookup(found[3] or "", found[4])
    return found[0] if value is None else value
