"""What becomes of a configuration that a user sends: patched, refused or taken. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.errors import BadRequestError
from penstock.runtime.herder import commands as cmd

__all__ = ["config_of", "patched", "refusal"]


def config_of(command: cmd.PutConnector) -> dict[str, str]:
    """Return the configuration to keep: without nulls, with its name."""
    return {**{k: v for k, v in command.config.items() if v is not None}, "name": command.name}


def patched(command: cmd.PatchConnector, now: Mapping[str, str]) -> cmd.PutConnector:
    """Return the whole configuration that a patch makes of the one there is; None removes a key."""
    config: dict[str, str | None] = {**now, **command.patch}
    kept = {name: value for name, value in config.items() if value is not None}
    return cmd.PutConnector(command.name, kept, replace=True)


_ENDPOINT: Final = "/connector-plugins/{connectorType}/config/validate"


def refusal(infos: Mapping[str, Any]) -> BadRequestError | None:
    """Return the error that names every problem of a validation, or None."""
    messages = [error for one in infos.get("configs", ()) for error in one["value"]["errors"]]
    if not messages:
        return None
    listed = "".join(f"\n{message}" for message in messages)
    return BadRequestError(
        f"Connector configuration is invalid and contains the following {len(messages)} "
        f"error(s):{listed}\nYou can also find the above list of errors at the endpoint "
        f"`{_ENDPOINT}`"
    )
