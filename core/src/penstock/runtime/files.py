"""Configuration files: ``.properties`` as Java reads them, JSON and YAML, with clear errors.

Numbers keep the text that they have in the file: ``1.10`` is not 1.1 and ``0755`` not 493.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from penstock.errors import ConfigError, did_you_mean
from penstock.runtime.model import TargetState

__all__ = ["ConnectorFile", "read_connector", "read_pipeline", "read_properties"]

FILE_BYTES_MAX: Final = 16 * 1024 * 1024
_YAML: Final = (".yaml", ".yml")
_STATES: Final = {
    "RUNNING": TargetState.STARTED,
    "PAUSED": TargetState.PAUSED,
    "STOPPED": TargetState.STOPPED,
}
_FIELDS: Final = ("name", "config", "initial_state")
_PARTS: Final = ("worker", "connectors")
_BAD_ESCAPE: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u(?![0-9a-fA-F]{4})")


class _Number(str):
    """A number by the text it had."""

    __slots__ = ()


@attrs.frozen
class ConnectorFile:
    """A connector as a file describes it; ``target`` None leaves its state alone."""

    path: str
    name: str
    config: Mapping[str, str]
    target: TargetState | None = None


def _text(path: Path) -> str:
    """Return the text of a file, which may be a pipe; Java's Latin-1 where it is not UTF-8."""
    try:
        if path.is_dir():
            raise ConfigError(f"{path} is a directory; name a file")
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; check the path") from None
    except OSError as problem:
        raise ConfigError(f"{path} cannot be read: {problem.strerror}") from problem
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError(f"{path} has more than {FILE_BYTES_MAX} bytes; name a configuration file")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError(f"{path} is UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        if path.suffix in (".json", *_YAML):
            line = data.count(b"\n", 0, problem.start) + 1
            raise ConfigError(f"{path}, line {line}: not UTF-8; save it as UTF-8") from problem
        return data.decode("latin-1")


def _read(path: Path) -> Any:
    """Return a file's content: JSON or YAML as its suffix says, JSON also where it looks so."""
    text = _text(path)
    if path.suffix in _YAML:
        return _from_yaml(path, text)
    if path.suffix == ".json" or text.lstrip().startswith("{"):
        return _from_json(path, text)
    return _from_properties(path, text)


def _from_properties(path: Path, text: str) -> dict[str, str]:
    import javaproperties  # noqa: PLC0415 - only for the files that need it

    try:
        return dict(javaproperties.loads(text))
    except ValueError as problem:
        found = _BAD_ESCAPE.search(text)
        line = f", line {text.count(chr(10), 0, found.end()) + 1}" if found else ""
        raise ConfigError(
            f"{path}{line}: {problem}; write \\u with four hexadecimal digits, or \\\\u"
        ) from problem


def _unique(path: Path, pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ConfigError(f"{path}: the key '{name}' stands twice; keep one")
        found[name] = value
    return found


def _from_json(path: Path, text: str) -> Any:
    def constant(name: str) -> Any:
        raise ConfigError(f"{path}: {name} is no JSON number")

    try:
        return json.loads(
            text,
            object_pairs_hook=lambda pairs: _unique(path, pairs),
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=constant,
        )
    except json.JSONDecodeError as problem:
        place = f"line {problem.lineno}, column {problem.colno}"
        raise ConfigError(f"{path}, {place}: not JSON: {problem.msg}") from problem
    except RecursionError as problem:
        raise ConfigError(f"{path} is nested too deeply for a configuration") from problem


def _from_yaml(path: Path, text: str) -> Any:
    import yaml  # noqa: PLC0415 - only for the files that need it

    class Loader(yaml.SafeLoader):
        """Refuses duplicate keys and keeps the text of numbers; else as the safe loader."""

    def mapping(loader: Any, node: Any) -> dict[Any, Any]:
        written: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # no text; told below
            if key.value in written:
                place = f"{path}, line {key.start_mark.line + 1}"
                raise ConfigError(f"{place}: the key '{key.value}' stands twice; keep one")
            written.add(key.value)
        loader.flatten_mapping(node)  # what '<<' brings in, the mapping's own keys replace
        found: dict[Any, Any] = {}
        for key, value in node.value:
            name = loader.construct_object(key, deep=True)
            if not isinstance(name, str) or isinstance(name, _Number):
                place = f"{path}, line {key.start_mark.line + 1}"
                raise ConfigError(f"{place}: the key {name!r} is no text; put it in quotes")
            found[name] = loader.construct_object(value, deep=True)
        return found

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    for kind in ("int", "float", "timestamp"):
        Loader.add_constructor(f"tag:yaml.org,2002:{kind}", lambda _, node: _Number(node.value))
    try:
        return Loader(text).get_single_data()
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise ConfigError(f"{path}{place}: not YAML: {problem.problem}") from problem
    except (yaml.YAMLError, RecursionError, ValueError) as problem:
        raise ConfigError(f"{path} is not YAML: {problem}") from problem


def _flat(path: Path, value: Any, where: str) -> dict[str, str]:
    """Return a mapping with its values as texts, as the REST API takes them, lists joined."""
    if not isinstance(value, dict):
        what = where.rstrip(".") or "the file"
        raise ConfigError(f"{path}: {what} must be a mapping of keys to values, got {_kind(value)}")
    return {name: _scalar(path, f"{where}{name}", one) for name, one in value.items()}


def _scalar(path: Path, name: str, value: Any) -> str:
    if isinstance(value, list):
        elements = [_element(path, name, one) for one in value]
        return ",".join(elements)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return str(value)
    remedy = "leave it out to use its default" if value is None else "write the dotted keys flat"
    raise ConfigError(
        f"{path}: '{name}' must be a text, number, boolean or list, got {_kind(value)}; {remedy}"
    )


def _element(path: Path, name: str, value: Any) -> str:
    if isinstance(value, list):
        raise ConfigError(f"{path}: '{name}' is a list in a list; write one list")
    text = _scalar(path, name, value)
    if "," in text:
        raise ConfigError(
            f"{path}: an element of '{name}' has a comma, which parts elements: {text!r}; "
            "write the whole value as one text"
        )
    return text


def _kind(value: Any) -> str:
    if isinstance(value, _Number):
        return "a number"
    kinds = {dict: "a mapping", list: "a list", bool: "a boolean", type(None): "nothing"}
    return kinds.get(type(value), "a text" if isinstance(value, str) else type(value).__name__)


def read_properties(path: Path) -> dict[str, str]:
    """Return the keys of a worker's file: ``.properties``, ``.json`` or ``.yaml``.

    Raises:
        ConfigError: the file is missing, unreadable or not what its name says.
    """
    return _flat(path, _read(path), "")


def read_connector(path: Path) -> ConnectorFile:
    """Return the connector of a file.

    ``.properties``, or JSON or YAML: a flat mapping with ``name``, or ``{name, config,
    initial_state}`` as ``POST /connectors`` takes it.

    Raises:
        ConfigError: as for :func:`read_properties`, or it names no connector.
    """
    return _described(path, _read(path), "", "")


def _described(path: Path, value: Any, where: str, name: str) -> ConnectorFile:
    """Return the connector of one description, in either shape.

    Args:
        path: the file, for messages.
        value: what the file says.
        where: its place in the file, with a dot at the end; empty for the whole file.
        name: the name that it has by its place; empty when it must tell itself.
    """
    if not isinstance(value, dict) or not isinstance(value.get("config"), dict):
        config = _flat(path, value, where)
        return _connector(path, where, name or config.get("name", ""), config, None)
    for field in value:
        if field not in _FIELDS:
            near = did_you_mean(field, _FIELDS)
            raise ConfigError(
                f"{path}: unknown field '{where}{field}'{near}; beside 'config' there may be "
                "'name' and 'initial_state'"
            )
    config = _flat(path, value["config"], f"{where}config.")
    own = value.get("name")
    if own is not None and (not isinstance(own, str) or (name and own != name)):
        raise ConfigError(f"{path}: '{where}name' must be the name, as a text, got {own!r}")
    given = name or own or config.get("name", "")
    return _connector(path, where, given, config, value.get("initial_state"))


def _connector(
    path: Path, where: str, name: str, config: dict[str, str], state: Any
) -> ConnectorFile:
    place = where.rstrip(".")
    if not name.strip():
        raise ConfigError(f"{path}{': ' if place else ''}{place} names no connector; add a 'name'")
    if config.get("name", name) != name:
        raise ConfigError(
            f"{path}: the connector is named '{name}' and, in its config, '{config['name']}'; "
            "keep one name"
        )
    if state is not None and (not isinstance(state, str) or state.upper() not in _STATES):
        raise ConfigError(
            f"{path}: '{where}initial_state' must be RUNNING, PAUSED or STOPPED, got {state!r}"
        )
    target = None if state is None else _STATES[state.upper()]
    return ConnectorFile(str(path), str(name), {**config, "name": str(name)}, target)


def read_pipeline(path: Path) -> tuple[dict[str, str], list[ConnectorFile]]:
    """Return the worker's properties and the connectors of one file for ``penstock run``.

    ``{worker: {...}, connectors: ...}``, where connectors are a mapping ``{name: ...}`` or a list
    of ``{name, ...}`` or ``{name: {...}}``; each flat or with ``config`` and ``initial_state``.

    Raises:
        ConfigError: with the place in the file that is wrong.
    """
    value = _read(path)
    if not isinstance(value, dict):
        raise ConfigError(f"{path} must have the parts 'worker' and 'connectors'")
    for part in value:
        if part not in _PARTS:
            near = did_you_mean(part, _PARTS)
            raise ConfigError(f"{path}: unknown part '{part}'{near}; there may be {_PARTS}")
    for part in _PARTS:
        if part not in value:
            raise ConfigError(f"{path} has no part '{part}'; add it")
    worker = _flat(path, value["worker"], "worker.")
    connectors = [_described(path, one, *at) for one, *at in _places(path, value["connectors"])]
    names = [one.name for one in connectors]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"{path}: the connector '{twice[0]}' stands twice; give each its name")
    return worker, connectors


def _places(path: Path, given: Any) -> Iterable[tuple[Any, str, str]]:
    """Yield each connector's description, its place and the name that it has by its place."""
    if isinstance(given, dict):
        for name, one in given.items():
            yield one, f"connectors.{name}.", name
    elif isinstance(given, list):
        for number, one in enumerate(given):
            where = f"connectors[{number}]."
            if (
                isinstance(one, dict)
                and len(one) == 1
                and isinstance(next(iter(one.values())), dict)
            ):
                name, inner = next(iter(one.items()))
                yield (one, where, "") if name == "config" else (inner, f"{where}{name}.", name)
            else:
                yield one, where, ""
    else:
        raise ConfigError(f"{path}: 'connectors' must be a mapping or a list, got {_kind(given)}")
