"""Which plugins there are, and the class behind a name.

Listing reads the metadata of installed distributions and imports nothing. Loading imports the one
plugin that was named, by stevedore, and nothing that is not a discovered plugin: a name in a
configuration never reaches the import machinery by itself.
"""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import attrs

from penstock import api
from penstock.errors import NotFoundError, PluginError, did_you_mean
from penstock.runtime.plugins.hooks import registered_classes
from penstock.runtime.plugins.names import KINDS, aliases_of

__all__ = ["PluginInfo", "PluginRegistry", "registry"]

_BASES: Final[Mapping[str, type[Any]]] = {
    "connectors": api.Connector,
    "converters": api.Converter,
    "header_converters": api.HeaderConverter,
    "transforms": api.Transform,
    "predicates": api.Predicate,
    "config_providers": api.ConfigProvider,
}
_SINGULAR: Final[Mapping[str, str]] = {
    "connectors": "connector",
    "converters": "converter",
    "header_converters": "header converter",
    "transforms": "transform",
    "predicates": "predicate",
    "config_providers": "config provider",
}
_GROUPS: Final[Mapping[str, tuple[str, str]]] = {
    # Two groups for connectors, so that a listing knows which way one copies without importing it.
    "penstock.source_connectors": ("connectors", "source"),
    "penstock.sink_connectors": ("connectors", "sink"),
    "penstock.transforms": ("transforms", "transformation"),
    "penstock.predicates": ("predicates", "predicate"),
    "penstock.converters": ("converters", "converter"),
    "penstock.header_converters": ("header_converters", "header_converter"),
    "penstock.config_providers": ("config_providers", "config_provider"),
}
_LISTING_ORDER: Final = (
    "sink",
    "source",
    "transformation",
    "predicate",
    "converter",
    "header_converter",
)
_NAMED_MAX: Final = 40


@attrs.frozen
class PluginInfo:
    """One plugin, as its distribution's metadata tells.

    Attributes:
        kind: one of ``KINDS``.
        rest_type: what the REST API calls it: source, sink, transformation, predicate, converter...
        name: the shortest name.
        aliases: every name that may be written for it.
        class_name: the Java class name where it has one, else the dotted Python path.
        distribution, version: where it comes from; both ``in process`` when registered by a hook.
        reference: ``module:attribute``.
        others: further distributions that claim one of its names; then it cannot be loaded.
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
    loaded: type[Any] | None = None
    others: Sequence[str] = ()


class PluginRegistry:
    """Looks plugins up by name. Not changed once made; safe from any thread."""

    def __init__(self, plugins: Iterable[PluginInfo]) -> None:
        self._plugins = _without_ambiguity(list(plugins))
        self._names: dict[tuple[str, str], PluginInfo] = {}
        for plugin in self._plugins:
            for alias in plugin.aliases:
                self._names.setdefault((plugin.kind, alias), plugin)

    @classmethod
    def installed(cls) -> PluginRegistry:
        """Return the registry of all installed distributions and of hooks in this process."""
        return cls([*_from_hooks(), *_from_metadata()])

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
        """Return the short names of a kind."""
        return [plugin.name for plugin in self.list(kind)]

    def resolve(self, kind: str, name: str) -> PluginInfo:
        """Return the plugin of a name; imports nothing.

        Raises:
            PluginError: there is none, with the nearest names, or several distributions claim it.
        """
        bare = name.strip()
        found = self._names.get((kind, bare))
        if found is None and bare.endswith(("$Key", "$Value")):
            found = self._names.get((kind, bare.rpartition("$")[0]))
        if found is None:
            aliases = [alias for known, alias in self._names if known == kind]
            known = ", ".join(self.names(kind)[:_NAMED_MAX])
            raise PluginError(
                f"no {_SINGULAR[kind]} '{name}' is installed{did_you_mean(bare, aliases)}; "
                f"installed: {known or 'none'}"
            )
        if found.others:
            claimed = ", ".join([found.distribution, *found.others])
            raise PluginError(
                f"the {_SINGULAR[kind]} name '{name}' is claimed by several distributions "
                f"({claimed}); uninstall all but one"
            )
        return found

    def rest_listing(self) -> Sequence[Mapping[str, str]]:
        """Return ``{class, type, version}`` of each, as ``GET /connector-plugins`` orders them.

        A sided transform is listed once a side, as in the original, where they are two classes.
        """
        rows: list[tuple[int, str, dict[str, str]]] = []
        for plugin in self._plugins:
            if plugin.rest_type not in _LISTING_ORDER:
                continue
            sides = [alias for alias in plugin.aliases if "." in alias and "$" in alias]
            for class_name in sides or [plugin.class_name]:
                row = {"class": class_name, "type": plugin.rest_type}
                if plugin.version != "undefined":
                    row["version"] = plugin.version
                rows.append((_LISTING_ORDER.index(plugin.rest_type), class_name, row))
        return [row for _, _, row in sorted(rows, key=lambda found: found[:2])]

    def load(self, kind: str, name: str) -> type[Any]:
        """Return the class of a name.

        Raises:
            PluginError: unknown, ambiguous, broken at import, or not a class of that kind.
        """
        return self.load_plugin(self.resolve(kind, name))

    def load_plugin(self, plugin: PluginInfo) -> type[Any]:
        """Return the class of a plugin; see :meth:`load`."""
        cls = plugin.loaded if plugin.loaded is not None else _import(plugin)
        base = _BASES[plugin.kind]
        if not inspect.isclass(cls) or not issubclass(cls, base):
            raise PluginError(
                f"{_label(plugin)} is not a {_SINGULAR[plugin.kind]}: expected a subclass of "
                f"{base.__module__.partition('._')[0]}.{base.__name__}, found {cls!r}"
            )
        return cls

    def find(self, name: str, kind: str | None = None) -> PluginInfo:
        """Return the plugin of a name among all kinds.

        Raises:
            NotFoundError: there is none.
        """
        for one in KINDS if kind is None else (kind,):
            try:
                return self.resolve(one, name)
            except PluginError:
                continue
        aliases = [alias for _, alias in self._names]
        raise NotFoundError(f"Unknown plugin {name}.{did_you_mean(name, aliases)}")


def _label(plugin: PluginInfo) -> str:
    return (
        f"plugin '{plugin.name}' ({plugin.reference}) of distribution "
        f"{plugin.distribution} {plugin.version}"
    )


def _import(plugin: PluginInfo) -> Any:
    from stevedore import DriverManager  # noqa: PLC0415 - its import costs as much as a start-up

    try:
        manager: Any = DriverManager(plugin.group, plugin.entry_point, invoke_on_load=False)
        found = manager.driver
        if _reference_of(manager.extensions[0].entry_point.value) == plugin.reference:
            return found
        # Stevedore's cache on disk may be older than the installation.
        return importlib.metadata.EntryPoint(
            plugin.entry_point, plugin.reference, plugin.group
        ).load()
    except Exception as problem:
        cause = f"{type(problem).__name__}: {problem}".splitlines()[0]
        raise PluginError(f"{_label(plugin)} cannot be loaded: {cause}") from problem


def _reference_of(value: str) -> str:
    return value.partition("[")[0].replace(" ", "")


def _from_metadata() -> Iterable[PluginInfo]:
    for group, (kind, shown) in _GROUPS.items():
        grouped: dict[tuple[str, str, str], list[str]] = {}
        for point in importlib.metadata.entry_points(group=group):
            distribution = point.dist.name if point.dist is not None else "unknown"
            version = point.dist.version if point.dist is not None else "undefined"
            key = (_reference_of(point.value), distribution, version)
            names = grouped.setdefault(key, [])
            if point.name not in names:
                names.append(point.name)
        for (reference, distribution, version), names in grouped.items():
            yield PluginInfo(
                kind=kind,
                rest_type=shown,
                name=min(names, key=lambda name: ("$" in name, len(name))),
                aliases=aliases_of(names, reference),
                class_name=_class_name(names, reference),
                distribution=distribution,
                version=version,
                reference=reference,
                group=group,
                entry_point=names[0],
            )


def _class_name(names: Sequence[str], reference: str) -> str:
    dotted = [name for name in names if "." in name]
    return min(dotted, key=len) if dotted else reference.replace(":", ".")


def _from_hooks() -> Iterable[PluginInfo]:
    for kind, name, cls in registered_classes(_BASES):
        yield _of_class(kind, name, cls)


def _of_class(kind: str, name: str, cls: type[Any]) -> PluginInfo:
    reference = f"{cls.__module__}:{cls.__qualname__}"
    shown = next(shown for known, shown in _GROUPS.values() if known == kind)
    if kind == "connectors":
        shown = "source" if issubclass(cls, api.SourceConnector) else "sink"
    return PluginInfo(
        kind=kind,
        rest_type=shown,
        name=name,
        aliases=aliases_of([name], reference),
        class_name=reference.replace(":", "."),
        distribution="in process",
        version=cls.version(),
        reference=reference,
        loaded=cls,
    )


def _without_ambiguity(plugins: list[PluginInfo]) -> list[PluginInfo]:
    """Mark plugins whose registered name another distribution registers too."""
    owners: dict[tuple[str, str], set[str]] = {}
    for plugin in plugins:
        for name in {plugin.name, plugin.class_name}:
            owners.setdefault((plugin.kind, name), set()).add(plugin.distribution)
    marked = []
    for plugin in plugins:
        claims = owners[plugin.kind, plugin.name] | owners[plugin.kind, plugin.class_name]
        others = sorted(claims - {plugin.distribution})
        marked.append(attrs.evolve(plugin, others=others) if others else plugin)
    return marked


@functools.cache
def registry() -> PluginRegistry:
    """Return the registry of this process, made when first asked for."""
    return PluginRegistry.installed()
