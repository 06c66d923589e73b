"""Configuration files: ``.properties`` as Java reads them, JSON and YAML, with clear errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from penstock.errors import ConfigError, did_you_mean
from penstock.runtime.model import TargetState

__all__ = ["ConnectorFile", "read_connector", "read_pipeline", "read_properties"]

FILE_BYTES_MAX: Final = 16 * 1024 * 1024
_STATES: Final = {
    "RUNNING": TargetState.STARTED,
    "PAUSED": TargetState.PAUSED,
    "STOPPED": TargetState.STOPPED,
}


@attrs.frozen
class ConnectorFile:
    """A connector as a file describes it; ``target`` None leaves its state alone."""

    path: str
    name: str
    config: Mapping[str, str]
    target: TargetState | None = None


def _text(path: Path) -> str:
    try:
        if path.is_dir():
            raise ConfigError(f"{path} is a directory; name a file")
        data = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; check the path") from None
    except OSError as problem:
        raise ConfigError(f"{path} cannot be read: {problem.strerror}") from problem
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError(f"{path} has {len(data)} bytes, at most {FILE_BYTES_MAX} are read")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def read_properties(path: Path) -> dict[str, str]:
    """Return the keys of a worker's file: ``.properties``, ``.json`` or ``.yaml``.

    Raises:
        ConfigError: the file is missing, unreadable or not what its name says.
    """
    if path.suffix in (".json", ".yaml", ".yml"):
        return _flat(path, _structured(path), "")
    import javaproperties  # noqa: PLC0415 - only for the files that need it

    try:
        return dict(javaproperties.loads(_text(path)))
    except ValueError as problem:
        raise ConfigError(f"{path}: {problem}") from problem


def _no_duplicates(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ConfigError(f"{path}: the key '{name}' stands twice; keep one")
        found[name] = value
    return found


def _structured(path: Path) -> Any:
    text = _text(path)
    if path.suffix == ".json":
        try:
            return json.loads(text, object_pairs_hook=lambda pairs: _no_duplicates(path, pairs))
        except (json.JSONDecodeError, RecursionError) as problem:
            raise ConfigError(f"{path} is not JSON: {problem}") from problem
    import yaml  # noqa: PLC0415 - only for the files that need it

    class Loader(yaml.SafeLoader):
        """Refuses duplicate keys; everything else as the safe loader."""

    def mapping(loader: Any, node: Any) -> dict[str, Any]:
        loader.flatten_mapping(node)
        pairs = [
            (loader.construct_object(key, deep=True), loader.construct_object(value, deep=True))
            for key, value in node.value
        ]
        return _no_duplicates(path, pairs)

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    try:
        return Loader(text).get_single_data()
    except yaml.YAMLError as problem:
        raise ConfigError(f"{path} is not YAML: {problem}") from problem


def _flat(path: Path, value: Any, where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        kind = type(value).__name__
        raise ConfigError(f"{path}: {where or 'the file'} must be a mapping of keys, got {kind}")
    return {str(name): _scalar(path, f"{where}{name}", one) for name, one in value.items()}


def _scalar(path: Path, name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(_scalar(path, name, one) for one in value)
    if isinstance(value, str | int | float):
        return str(value)
    kind = "nothing" if value is None else type(value).__name__
    raise ConfigError(f"{path}: '{name}' must be a text, number, boolean or list, got {kind}")


def read_connector(path: Path) -> ConnectorFile:
    """Return the connector of a file.

    ``.properties``, or JSON or YAML: a flat mapping with ``name``, or ``{name, config,
    initial_state}`` as ``POST /connectors`` takes it.

    Raises:
        ConfigError: as for :func:`read_properties`, or it names no connector.
    """
    if path.suffix not in (".json", ".yaml", ".yml"):
        config = read_properties(path)
        return _connector(path, config.get("name", ""), config, None)
    value = _structured(path)
    if not isinstance(value, dict) or not isinstance(value.get("config"), dict):
        config = _flat(path, value, "")
        return _connector(path, config.get("name", ""), config, None)
    for name in value:
        if name not in ("name", "config", "initial_state"):
            near = did_you_mean(str(name), ["name", "config", "initial_state"])
            raise ConfigError(f"{path}: unknown field '{name}'{near}")
    config = _flat(path, value["config"], "config.")
    name = str(value.get("name") or config.get("name", ""))
    return _connector(path, name, config, value.get("initial_state"))


def _connector(path: Path, name: str, config: dict[str, str], state: Any) -> ConnectorFile:
    if not name:
        raise ConfigError(f"{path} names no connector; add a 'name'")
    if config.get("name", name) != name:
        raise ConfigError(
            f"{path}: the connector is named '{name}' and, in its config, '{config['name']}'; "
            "keep one name"
        )
    if state is not None and str(state).upper() not in _STATES:
        raise ConfigError(
            f"{path}: initial_state must be RUNNING, PAUSED or STOPPED, got {state!r}"
        )
    target = None if state is None else _STATES[str(state).upper()]
    return ConnectorFile(str(path), name, {**config, "name": name}, target)


def read_pipeline(path: Path) -> tuple[dict[str, str], list[ConnectorFile]]:
    """Return the worker's properties and the connectors of one file for ``penstock run``.

    ``{worker: {...}, connectors: {name: {...}} or [{name, ...}, ...]}``.

    Raises:
        ConfigError: with the place in the file that is wrong.
    """
    value = _structured(path)
    if not isinstance(value, dict) or "worker" not in value or "connectors" not in value:
        raise ConfigError(f"{path} must have the two parts 'worker' and 'connectors'")
    for name in value:
        if name not in ("worker", "connectors"):
            near = did_you_mean(str(name), ["worker", "connectors"])
            raise ConfigError(f"{path}: unknown part '{name}'{near}")
    worker = _flat(path, value["worker"], "worker.")
    given = value["connectors"]
    connectors = []
    if isinstance(given, dict):
        for name, config in given.items():
            flat = _flat(path, config, f"connectors.{name}.")
            connectors.append(_connector(path, str(name), flat, None))
    elif isinstance(given, list):
        for number, config in enumerate(given):
            flat = _flat(path, config, f"connectors[{number}].")
            connectors.append(_connector(path, flat.get("name", ""), flat, None))
    else:
        raise ConfigError(f"{path}: 'connectors' must be a mapping or a list")
    return worker, connectors
