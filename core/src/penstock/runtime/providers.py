"""The config providers of a worker, as look-ups for ``${provider:path:key}``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from penstock.api import ConfigProvider
from penstock.config import Lookup, interpolate, references
from penstock.errors import ConfigError, Problem
from penstock.runtime.connector_config import under
from penstock.runtime.plugins import registry
from penstock.runtime.redaction import note_secret

__all__ = ["reloads", "resolved", "resolved_worker"]


def reloads(config: Mapping[str, str]) -> bool:
    """Whether a connector is to start anew when values that it refers to expire."""
    return config.get("config.action.reload", "restart").strip().lower() != "none"


def resolved(
    raw: Mapping[str, str],
    worker: Mapping[str, str],
    expiring: Callable[[int], None] | None = None,
) -> dict[str, str]:
    """Return a configuration with its references replaced by the worker's providers.

    Called by: the host that needs the values, never by the worker itself.

    Args:
        raw: the configuration.
        worker: the worker's properties.
        expiring: told, in ms, how long the values live, if a provider says so: the shortest time.

    Raises:
        ConfigError: a provider is misconfigured or refuses; no value is ever told.
    """
    if not references(raw):
        return dict(raw)
    opened: list[ConfigProvider[Any]] = []
    try:
        providers = _opened(worker, opened)
        lookups = {name: _noting(provider.lookup) for name, provider in providers.items()}
        values = interpolate(raw, lookups)
        ttl_ms = None if expiring is None else _shortest_ttl_ms(raw, providers)
        if expiring is not None and ttl_ms is not None:
            expiring(ttl_ms)
        return {key: value for key, value in values.items() if value is not None}
    finally:
        for provider in opened:
            provider.close()


def resolved_worker(raw: Mapping[str, str]) -> dict[str, str]:
    """Return a worker's own properties with their references replaced (source: AbstractConfig).

    Done once, before the worker starts anything, in a process apart: a provider is plugin code.

    Raises:
        ConfigError: a provider is misconfigured, refuses or dies; no value is ever told.
    """
    if not references(raw) or not raw.get("config.providers", "").strip():
        return dict(raw)
    # Imported here: most workers have no references of their own.
    from concurrent.futures import ProcessPoolExecutor, process  # noqa: PLC0415
    from multiprocessing import get_context  # noqa: PLC0415

    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as apart:
        try:
            return apart.submit(resolved, dict(raw), dict(raw)).result()
        except process.BrokenProcessPool:
            text = "config.providers: a provider ended its process; look for what it wrote"
            raise ConfigError(Problem("config.providers", text)) from None


def _opened(
    worker: Mapping[str, str], opened: list[ConfigProvider[Any]]
) -> dict[str, ConfigProvider[Any]]:
    names = [name.strip() for name in worker.get("config.providers", "").split(",") if name.strip()]
    providers: dict[str, ConfigProvider[Any]] = {}
    for name in names:
        prefix = f"config.providers.{name}."
        own = under(worker, prefix)
        if "class" not in own:
            text = f'Missing required configuration "{prefix}class" which has no default value.'
            raise ConfigError(Problem(f"{prefix}class", text))
        cls = registry().load("config_providers", own["class"])
        provider = cls(cls.config_spec().parse(under(own, "param."), who=f"config provider {name}"))
        opened.append(provider)
        provider.open()
        providers[name] = provider
    return providers


def _shortest_ttl_ms(
    raw: Mapping[str, str], providers: Mapping[str, ConfigProvider[Any]]
) -> int | None:
    """Return how long the values of a configuration live; None: for ever.

    (source: WorkerConfigTransformer.scheduleReload)
    """
    told: list[int] = []
    for name, path in sorted({(name, path) for _, name, path, _ in references(raw)}):
        ttl_ms = providers[name].ttl_ms(path) if name in providers else None
        if ttl_ms is None:
            continue
        if not isinstance(ttl_ms, int) or isinstance(ttl_ms, bool):
            raise ConfigError(
                f"config provider {name}: ttl_ms must return a number of ms (int) or None, "
                f"got {type(ttl_ms).__name__}"
            )
        if ttl_ms >= 0:
            told.append(ttl_ms)
    return min(told, default=None)


def _noting(lookup: Lookup) -> Lookup:
    """Return a look-up whose values are hidden in what this process tells of failures."""

    def found(path: str, key: str) -> str | None:
        value = lookup(path, key)
        if value is not None:
            note_secret(value)
        return value

    return found
