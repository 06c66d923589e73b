"""From request bodies to commands' arguments. Pure; every fault is a BadRequestError."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from penstock.errors import BadRequestError
from penstock.runtime.model import TargetState

__all__ = [
    "BODY_BYTES_MAX",
    "HEADER_BYTES_MAX",
    "config_of",
    "create_request",
    "named_config",
    "offsets_of",
    "parse_json",
    "patch_of",
    "task_configs_of",
]

BODY_BYTES_MAX: Final = 10 * 1024 * 1024
HEADER_BYTES_MAX: Final = 16 * 1024
DEPTH_MAX: Final = 200
NAME_BYTES_MAX: Final = 8000
NUMBER_DIGITS_MAX: Final = 1000

_STATES: Final = {
    "RUNNING": TargetState.STARTED,
    "PAUSED": TargetState.PAUSED,
    "STOPPED": TargetState.STOPPED,
}


class _Number(str):
    """A JSON number by the text it had, so that a config value keeps it."""

    __slots__ = ()


def _refuse_constant(name: str) -> NoReturn:
    raise BadRequestError(f"the body is not JSON: {name} is no JSON number")


def _number(text: str) -> _Number:
    if len(text) > NUMBER_DIGITS_MAX:
        raise BadRequestError(f"a number in the body has more than {NUMBER_DIGITS_MAX} digits")
    return _Number(text)


def parse_json(body: bytes) -> Any:
    """Return the JSON value of a body; numbers come as texts.

    Raises:
        BadRequestError: empty, not JSON, not UTF-8, nested deeper than 200, or more than one value.
    """
    if not body.strip():
        raise BadRequestError("the request needs a JSON body")
    try:
        text = body.decode(json.detect_encoding(body))
        _check_depth(text)
        value = json.loads(
            text, parse_int=_number, parse_float=_number, parse_constant=_refuse_constant
        )
        # A lone surrogate could not be written to a topic or an answer again.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (UnicodeError, RecursionError) as problem:
        raise BadRequestError("the body is not valid UTF-8 text") from problem
    except json.JSONDecodeError as problem:
        raise BadRequestError(f"the body is not JSON: {problem}") from problem
    return value


def _check_depth(text: str) -> None:
    depth = 0
    in_string = escaped = False
    if text.count("[") + text.count("{") <= DEPTH_MAX:
        return
    for char in text:
        if in_string:
            in_string = escaped or char != '"'
            escaped = not escaped and char == "\\"
        elif char == '"':
            in_string = True
        elif char in "[{":
            depth += 1
            if depth > DEPTH_MAX:
                raise BadRequestError(f"the body is nested deeper than {DEPTH_MAX} levels")
        elif char in "]}":
            depth -= 1


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRequestError(f"{what} must be a JSON object, got {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "an array", bool: "a boolean", type(None): "null"}
    return "a number" if isinstance(value, _Number) else kinds.get(type(value), "a text")


def _text(key: str, value: Any) -> str | None:
    """Return a config value as the text that the original makes of it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    raise BadRequestError(
        f"the value of '{key}' must be a text, a number or a boolean, got {_kind(value)}"
    )


def patch_of(body: bytes) -> dict[str, str | None]:
    """Return the patch of ``PATCH .../config``: texts, and None for keys to remove."""
    return {key: _text(key, value) for key, value in _object(parse_json(body), "a patch").items()}


def config_of(body: bytes) -> dict[str, str | None]:
    """Return the config of ``validate``; a null value stays, to be reported on its key."""
    given = _object(parse_json(body), "the configuration")
    return {key: _text(key, value) for key, value in given.items()}


def named_config(config: dict[str, str | None], name: str) -> dict[str, str | None]:
    """Return a config with its ``name``, checked against the one in the path or body.

    Raises:
        BadRequestError: another name, one that cannot be kept, or a null value, all named.
    """
    given = config.get("name")
    if given is not None and given.strip() != name:
        raise BadRequestError(
            f"Connector name configuration ({given}) doesn't match connector name in the URL "
            f"({name})"
        )
    if len(name.encode("utf-8")) > NAME_BYTES_MAX:
        raise BadRequestError(
            f"a connector name has at most {NAME_BYTES_MAX} bytes, got {len(name.encode())}"
        )
    nulls = [key for key, value in config.items() if value is None]
    if nulls:
        listed = ", ".join(f"'{key}'" for key in nulls)
        raise BadRequestError(f"null value for {listed}; leave the key out to use its default")
    return {**config, "name": name}


def create_request(body: bytes) -> tuple[str, dict[str, str | None], TargetState | None]:
    """Return name, config and initial state of ``POST /connectors``."""
    request = _object(parse_json(body), "the request")
    unknown = [key for key in request if key not in ("name", "config", "initial_state")]
    if unknown:
        raise BadRequestError(
            f"unknown field '{unknown[0]}'; a request has 'name', 'config' and 'initial_state'"
        )
    if "config" not in request:
        raise BadRequestError("the request needs a 'config' object")
    config = {
        key: _text(key, value) for key, value in _object(request["config"], "'config'").items()
    }
    name = (_text("name", request.get("name")) or "").strip()
    state = request.get("initial_state")
    if state is None:
        return name, named_config(config, name), None
    if not isinstance(state, str) or state.upper() not in _STATES:
        raise BadRequestError(f"initial_state must be RUNNING, PAUSED or STOPPED, got {state!r}")
    return name, named_config(config, name), _STATES[state.upper()]


def task_configs_of(body: bytes) -> list[dict[str, str]]:
    """Return the task configurations that another worker sends; nulls are left out.

    Raises:
        BadRequestError: no JSON array of objects of texts.
    """
    value = parse_json(body)
    if not isinstance(value, list):
        raise BadRequestError(f"task configurations must be a JSON array, got {_kind(value)}")
    configs = []
    for one in value:
        texts = {key: _text(key, text) for key, text in _object(one, "a task's").items()}
        configs.append({key: text for key, text in texts.items() if text is not None})
    return configs


def offsets_of(body: bytes) -> list[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Return the pairs of partition and offset that a user wants to store; None forgets one.

    Raises:
        BadRequestError: not ``{"offsets": [{"partition": {...}, "offset": {...} or null}]}``.
    """
    unknown = [key for key in _object(parse_json(body), "the body") if key != "offsets"]
    if unknown:
        raise BadRequestError(f"unknown field '{unknown[0]}'; the body has 'offsets' alone")
    listed = json.loads(body).get("offsets")  # again: here numbers are wanted as numbers
    if not isinstance(listed, list) or not listed:
        raise BadRequestError(
            "Partitions / offsets need to be provided for an alter offsets request"
        )
    pairs = []
    for one in listed:
        pair = _object(one, "each of the offsets")
        if set(pair) - {"partition", "offset"}:
            raise BadRequestError("each of the offsets has a partition and an offset, nothing else")
        offset = pair.get("offset")
        if offset is not None:
            _object(offset, "an offset")
        pairs.append((_object(pair.get("partition"), "a partition"), offset))
    return pairs
