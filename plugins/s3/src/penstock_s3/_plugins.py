"""Custom partitioners by entry point, and the converters that write JSON and texts of headers."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, cast

from penstock.api import Converter, HeaderConverter
from penstock.errors import ConfigError, ConnectError, PluginError, Problem
from penstock_s3._border import Partitioner

__all__ = ["custom_partitioner", "header_converter", "json_converter", "partitioner_names"]

_GROUP: Final = "penstock_s3.partitioners"


@cache
def _partitioners() -> Mapping[str, importlib.metadata.EntryPoint]:
    return {one.name: one for one in importlib.metadata.entry_points(group=_GROUP)}


def partitioner_names() -> list[str]:
    """Return the names of the custom partitioners that are installed."""
    return sorted(_partitioners())


def custom_partitioner(name: str, raw: Mapping[str, str]) -> Partitioner:
    """Return a custom partitioner, made with the connector's raw configuration.

    Raises:
        ConfigError: there is none of that name. PluginError: it cannot be loaded or made.
    """
    entry = _partitioners().get(name)
    if entry is None:
        known = ", ".join(_partitioners()) or "none"
        problem = f"partitioner.class: no partitioner '{name}'; custom ones installed: {known}"
        raise ConfigError([Problem("partitioner.class", problem)])
    try:
        return cast("Partitioner", entry.load()(dict(raw)))
    except ConnectError:
        raise
    except Exception as problem:
        raise PluginError(f"partitioner '{name}' ({entry.value}) failed: {problem}") from problem


def _converter(group: str, name: str, settings: Mapping[str, str]) -> Any:
    """Return a converter by its role, as a worker does: no package of it is known here."""
    found = importlib.metadata.entry_points(group=group, name=name)
    if not found:
        raise PluginError(
            f"the S3 sink needs the {name} converter to write values, and no {group} has it:"
            " install penstock-converters"
        )
    made = next(iter(found)).load()
    return made(made.config_spec().parse(settings))


def json_converter(*, numeric_decimals: bool, cached: int) -> Converter[Any]:
    """Return the JSON converter, without schemas beside the values (source: JsonFormat)."""
    settings = {
        "schemas.enable": "false",
        "schemas.cache.size": str(cached),
        "decimal.format": "NUMERIC" if numeric_decimals else "BASE64",
    }
    return cast("Converter[Any]", _converter("penstock.converters", "Json", settings))


def header_converter() -> HeaderConverter[Any]:
    """Return the converter that makes a header's value text (source: Values.convertToString)."""
    found = _converter("penstock.header_converters", _SIMPLE, {})
    return cast("HeaderConverter[Any]", found)


_SIMPLE: Final = "org.apache.kafka.connect.storage.SimpleHeaderConverter"
