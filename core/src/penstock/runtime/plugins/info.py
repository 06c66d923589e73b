"""What is known of a plugin without importing it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from penstock.api import Side
from penstock.runtime.plugins.names import side_of, without_side

__all__ = ["PluginCheck", "PluginInfo"]


@attrs.frozen
class PluginInfo:
    """One plugin, as its distribution's metadata tells.

    Attributes:
        kind: one of ``KINDS``.
        rest_type: what the REST API calls it: source, sink, transformation, predicate, converter...
        name: the shortest name.
        aliases: every name that may be written for it, the registered ones first.
        class_name: the Java class name where it has one, else the dotted Python path.
        distribution, version: where it comes from; ``in process`` when registered by a hook.
        reference: ``module:attribute``.
        group, entry_point: where in the metadata it stands; empty for one registered by a hook.
        registered: the names that its entry points have.
        side: the side that the name it was resolved by gives, if any.
        loaded: the class, of one registered by a hook.
    """

    kind: str
    rest_type: str
    name: str
    aliases: Sequence[str]
    class_name: str
    distribution: str
    version: str
    reference: str
    group: str = ""
    entry_point: str = ""
    registered: Sequence[str] = ()
    side: Side | None = None
    loaded: type[Any] | None = None

    @property
    def qualified_name(self) -> str:
        """The class name, of a sided transform with the side it was resolved by, if any."""
        if self.side is None:
            return without_side(self.class_name)
        sided = [name for name in self.registered if "." in name and side_of(name) is self.side]
        return min(sided, key=len) if sided else self.class_name


@attrs.frozen
class PluginCheck:
    """A plugin and what is wrong with it; ``error`` is empty when it works."""

    plugin: PluginInfo
    error: str = ""
