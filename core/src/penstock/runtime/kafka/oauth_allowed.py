"""What the worker allows its clients, and those of its connectors, for OAUTHBEARER.

The lists are properties of the worker alone: ``client_settings`` puts them over whatever a
connector says. ``-D<property>=...`` in KAFKA_OPTS is heard too, as with the original's scripts,
where they are system properties. Nothing is allowed by default (CVE-2025-27817).
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping

import attrs

from penstock.runtime.kafka.oauth import ALLOWED_FILES_PROPERTY, ALLOWED_URLS_PROPERTY

__all__ = ["Allowed", "split_allowed"]


@attrs.frozen
class Allowed:
    """Token endpoints, and files that assertions may be made of; compared as whole texts."""

    urls: frozenset[str]
    files: frozenset[str]


def split_allowed(properties: Mapping[str, str]) -> tuple[dict[str, str], Allowed]:
    """Return a client's properties without the worker's lists, and the lists."""
    names = (ALLOWED_URLS_PROPERTY, ALLOWED_FILES_PROPERTY)
    own = {key: value for key, value in properties.items() if key not in names}
    return own, Allowed(*(_listed(properties.get(name, "") or _option(name)) for name in names))


def _listed(text: str) -> frozenset[str]:
    return frozenset(one.strip() for one in text.split(",") if one.strip())


def _option(name: str) -> str:
    try:
        words = shlex.split(os.environ.get("KAFKA_OPTS", ""))
    except ValueError:
        return ""
    start = f"-D{name}="
    return next((one.removeprefix(start) for one in words if one.startswith(start)), "")
