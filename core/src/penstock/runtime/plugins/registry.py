"""Which plugins there are, and the class behind a name.

Listing reads the metadata of installed distributions and imports nothing. Loading imports the one
plugin that was named, by stevedore, and nothing that is not a discovered plugin: a name in a
configuration never reaches the import machinery by itself.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from penstock import api
from penstock.errors import NotFoundError, PluginError, did_you_mean
from penstock.runtime.plugins.discovery import (
    GROUPS,
    HOOKS_GROUP,
    UNDEFINED,
    BrokenDistribution,
    EntryPointFound,
    scan,
)
from penstock.runtime.plugins.hooks import registered_classes
from penstock.runtime.plugins.info import PluginCheck, PluginInfo
from penstock.runtime.plugins.loading import BASES, checked_class, import_plugin, label
from penstock.runtime.plugins.names import (
    KINDS,
    SINGULAR,
    aliases_of,
    class_name_of,
    side_of,
    without_side,
)

__all__ = ["PluginRegistry", "registry", "tell_plugin_path"]

PATH_VARIABLE: Final = "PENSTOCK_PLUGIN_PATH"

_LISTING_ORDER: Final = (
    "sink",
    "source",
    "unknown",
    "transformation",
    "predicate",
    "converter",
    "header_converter",
)
_NAMED_MAX: Final = 40
_IN_PROCESS: Final = "in process"


class PluginRegistry:
    """Looks plugins up by name. Not changed once made; safe from any thread.

    Attributes:
        broken: distributions that register something which cannot be understood.
    """

    def __init__(
        self, plugins: Iterable[PluginInfo], broken: Iterable[BrokenDistribution] = ()
    ) -> None:
        """Use :meth:`installed`, :meth:`from_classes` or :func:`registry`."""
        self._plugins = tuple(plugins)
        self.broken = tuple(broken)
        self._names = _index(self._plugins)

    @classmethod
    def installed(cls) -> PluginRegistry:
        """Return the registry of all installed distributions and of hooks in this process."""
        found = scan()
        plugins = [*_from_hooks(), *_from_metadata(found.points)]
        return cls(plugins, found.broken)

    @classmethod
    def from_classes(cls, classes: Mapping[str, Mapping[str, type[Any]]]) -> PluginRegistry:
        """Return a registry of ``{kind: {name: class}}``, for tests."""
        return cls(
            _of_class(kind, name, found)
            for kind, members in classes.items()
            for name, found in members.items()
        )

    def list(self, kind: str | None = None) -> Sequence[PluginInfo]:
        """Return the plugins, of one kind or all, by kind and name; imports nothing."""
        chosen = [plugin for plugin in self._plugins if kind in (None, plugin.kind)]
        return sorted(chosen, key=lambda plugin: (KINDS.index(plugin.kind), plugin.name))

    def names(self, kind: str) -> Sequence[str]:
        """Return the short names of a kind, each once."""
        return list(dict.fromkeys(plugin.name for plugin in self.list(kind)))

    def resolve(self, kind: str, name: str) -> PluginInfo:
        """Return the plugin of a name; imports nothing.

        Raises:
            PluginError: there is none, with the nearest names, or several have that name.
        """
        bare = name.strip()
        found = self._names.get((kind, bare)) or self._names.get((kind, without_side(bare)))
        if found is None:
            aliases = [alias for known, alias in self._names if known == kind]
            names = self.names(kind)
            more = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
            raise PluginError(
                f"no {SINGULAR[kind]} '{name}' is installed{did_you_mean(bare, aliases)}; "
                f"installed: {', '.join(names[:_NAMED_MAX]) or 'none'}{more}"
            )
        if len(found) > 1:
            raise PluginError(_contested(kind, bare, found))
        side = side_of(bare)
        return found[0] if side is None else attrs.evolve(found[0], side=side)

    def find(self, name: str, kind: str | None = None) -> PluginInfo:
        """Return the plugin of a name, of one kind or of the first kind that has one.

        Raises:
            NotFoundError: there is none.
            PluginError: several have that name.
        """
        bare = name.strip()
        for one in KINDS if kind is None else (kind,):
            if (one, bare) in self._names or (one, without_side(bare)) in self._names:
                return self.resolve(one, name)
        aliases = [alias for known, alias in self._names if kind in (None, known)]
        raise NotFoundError(f"Unknown plugin {name}.{did_you_mean(name, aliases)}")

    def load(self, kind: str, name: str) -> type[Any]:
        """Return the class of a name.

        Raises:
            PluginError: unknown, ambiguous, broken at import, or not a class of that kind.
        """
        return self.load_plugin(self.resolve(kind, name))

    def load_plugin(self, plugin: PluginInfo) -> type[Any]:
        """Return the class of a plugin; see :meth:`load`."""
        found = plugin.loaded if plugin.loaded is not None else import_plugin(plugin)
        cls = checked_class(plugin, found)
        if plugin.side is not None and not getattr(cls, "sided", False):
            raise PluginError(
                f"{label(plugin)} does not work on the key or the value alone; "
                "leave $Key and $Value out of its name"
            )
        return cls

    def check(self, kind: str | None = None) -> Sequence[PluginCheck]:
        """Return every plugin with what is wrong with it; imports all of them, never raises."""
        return [PluginCheck(plugin, self._error_of(plugin)) for plugin in self.list(kind)]

    def _error_of(self, plugin: PluginInfo) -> str:
        for name in plugin.registered:
            claims = self._names[plugin.kind, name]
            if len(claims) > 1:
                return _contested(plugin.kind, name, claims)
        try:
            self.load_plugin(plugin).config_spec()
        except PluginError as problem:
            return str(problem)
        except Exception as problem:  # noqa: BLE001 - somebody else's class
            cause = f"{type(problem).__name__}: {problem}".splitlines()[0]
            return f"the configuration keys of {label(plugin)} cannot be read: {cause}"
        return ""

    def rest_listing(self) -> Sequence[Mapping[str, str]]:
        """Return ``{class, type, version}`` of each, as ``GET /connector-plugins`` orders them.

        A sided transform is listed once a side, as in the original, where they are two classes.
        """
        rows: list[tuple[int, str, dict[str, str]]] = []
        for plugin in self._plugins:
            if plugin.rest_type not in _LISTING_ORDER:
                continue
            sides = [name for name in plugin.registered if "." in name and side_of(name)]
            for class_name in sides or [plugin.class_name]:
                row = {"class": class_name, "type": plugin.rest_type}
                if plugin.version != UNDEFINED:
                    row["version"] = plugin.version
                rows.append((_LISTING_ORDER.index(plugin.rest_type), class_name, row))
        return [row for _, _, row in sorted(rows, key=lambda found: found[:2])]


def _contested(kind: str, name: str, claims: Sequence[PluginInfo]) -> str:
    listed = ", ".join(f"{one.distribution} {one.version} ({one.reference})" for one in claims)
    if any(name in one.registered for one in claims):
        remedy = "uninstall all but one"
    else:
        remedy = "write one of " + ", ".join(f"'{one.class_name}'" for one in claims)
    return f"the {SINGULAR[kind]} name '{name}' is claimed by several plugins: {listed}; {remedy}"


def _index(plugins: Sequence[PluginInfo]) -> Mapping[tuple[str, str], Sequence[PluginInfo]]:
    """Return who claims a name. What is registered comes before what only follows from it."""
    registered: dict[tuple[str, str], list[PluginInfo]] = {}
    implied: dict[tuple[str, str], list[PluginInfo]] = {}
    for plugin in plugins:
        for name in plugin.registered:
            registered.setdefault((plugin.kind, name), []).append(plugin)
    for plugin in plugins:
        for alias in plugin.aliases:
            if (plugin.kind, alias) not in registered:
                implied.setdefault((plugin.kind, alias), []).append(plugin)
    known = {key: _distinct(claims) for key, claims in registered.items()}
    return known | {key: _by_reference(claims) for key, claims in implied.items()}


def _distinct(claims: Sequence[PluginInfo]) -> Sequence[PluginInfo]:
    """Leave one of several claims that mean one object of one distribution, or of this process."""
    single = _by_reference(claims)
    installed = {one.distribution for one in claims if one.distribution != _IN_PROCESS}
    return single if len(installed) <= 1 else claims


def _by_reference(claims: Sequence[PluginInfo]) -> Sequence[PluginInfo]:
    by_reference: dict[str, PluginInfo] = {}
    for one in claims:
        by_reference.setdefault(one.reference, one)
    return tuple(by_reference.values())


def _from_metadata(points: Sequence[EntryPointFound]) -> Iterable[PluginInfo]:
    grouped: dict[tuple[str, str, str, str], list[str]] = {}
    for point in points:
        if point.group != HOOKS_GROUP:
            key = (point.group, point.reference, point.distribution, point.version)
            names = grouped.setdefault(key, [])
            if point.name not in names:
                names.append(point.name)
    claims: dict[tuple[str, str], set[str]] = {}
    for point in points:
        claims.setdefault((point.group, point.name), set()).add(point.reference)
    for (group, reference, distribution, version), names in grouped.items():
        kind, shown = GROUPS[group]
        # Loaded by a name that nobody else has, or stevedore might import somebody else's.
        own = [name for name in names if len(claims[group, name]) == 1]
        yield PluginInfo(
            kind=kind,
            rest_type=shown or _direction(names, reference),
            name=min(names, key=lambda name: ("$" in name, len(name))),
            aliases=aliases_of(kind, names, reference),
            class_name=class_name_of(names, reference),
            distribution=distribution,
            version=version,
            reference=reference,
            group=group,
            entry_point=(own or names)[0],
            registered=tuple(names),
        )


def _direction(names: Sequence[str], reference: str) -> str:
    """Return which way a connector copies, as far as its names tell."""
    simple = [name.rpartition(".")[2].lower() for name in (*names, reference.replace(":", "."))]
    said = {word for word in ("source", "sink") if any(word in one for one in simple)}
    return said.pop() if len(said) == 1 else "unknown"


def _from_hooks() -> Iterable[PluginInfo]:
    for kind, name, cls in registered_classes(BASES):
        yield _of_class(kind, name, cls)


def _of_class(kind: str, name: str, cls: type[Any]) -> PluginInfo:
    reference = f"{cls.__module__}:{cls.__qualname__}"
    shown = next(shown for known, shown in GROUPS.values() if known == kind)
    if kind == "connectors":
        shown = "source" if issubclass(cls, api.SourceConnector) else "sink"
    return PluginInfo(
        kind=kind,
        rest_type=shown,
        name=name,
        aliases=aliases_of(kind, [name], reference),
        class_name=class_name_of([name], reference),
        distribution=_IN_PROCESS,
        version=_version_of(cls),
        reference=reference,
        registered=(name,),
        loaded=cls,
    )


def _version_of(cls: type[Any]) -> str:
    try:
        return str(cls.version())
    except Exception:  # noqa: BLE001 - an author's code; the class may work all the same
        return UNDEFINED


@functools.cache
def registry() -> PluginRegistry:
    """Return the registry of this process, made when first asked for."""
    return PluginRegistry.installed()


def tell_plugin_path(path: str | None) -> None:
    """Tell hook plugins, of this process and of those it starts, the worker's ``plugin.path``.

    They look there for what no distribution names, such as connectors written in Java.
    """
    if path and path != os.environ.get(PATH_VARIABLE):
        os.environ[PATH_VARIABLE] = path
        registry.cache_clear()
