"""What becomes of a configuration that a user sends: patched, refused or taken. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.errors import BadRequestError
from penstock.runtime.herder import commands as cmd
from penstock.runtime.herder.state import ConnectorEntry, OffsetsWork
from penstock.runtime.model import TargetState

__all__ = ["config_of", "offsets_work", "patched", "refusal"]


def config_of(command: cmd.PutConnector) -> dict[str, str]:
    """Return the configuration to keep: without nulls, with its name."""
    return {**{k: v for k, v in command.config.items() if v is not None}, "name": command.name}


def patched(command: cmd.PatchConnector, now: Mapping[str, str]) -> cmd.PutConnector:
    """Return the whole configuration that a patch makes of the one there is; None removes a key."""
    config: dict[str, str | None] = {**now, **command.patch}
    kept = {name: value for name, value in config.items() if value is not None}
    return cmd.PutConnector(command.name, kept, replace=True)


def offsets_work(request: int, command: cmd.AlterOffsets, entry: ConnectorEntry) -> OffsetsWork:
    """Return the change of a connector's offsets, once nothing of it runs.

    Raises:
        BadRequestError: the connector is not stopped, or still has tasks.
    """
    if entry.target is not TargetState.STOPPED or entry.task_configs:
        raise BadRequestError(
            "Connectors must be in the STOPPED state before their offsets can be modified. This "
            "can be done for the specified connector by issuing a 'PUT' request to the "
            f"'/connectors/{entry.name}/stop' endpoint"
        )
    return OffsetsWork(
        request, entry.name, dict(entry.config), entry.type, change=True, offsets=command.offsets
    )


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
