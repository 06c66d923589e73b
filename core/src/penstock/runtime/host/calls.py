"""The functions that the worker has run in a host of their own, since they touch plugin code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.errors import BadRequestError, ConfigError
from penstock.runtime.brokers import connect_broker, is_embedded
from penstock.runtime.host.control import HostControl
from penstock.runtime.host.entry import load_function
from penstock.runtime.host.failures import failure
from penstock.runtime.host.messages import Answer, Call
from penstock.runtime.redaction import without_secrets

__all__ = ["CALLS", "cluster_id", "ping", "run_call"]

CALLS: Final[dict[str, str]] = {
    "fence_tasks": "penstock.runtime.tasks.fence:fence_tasks",
    "ping": "penstock.runtime.host.calls:ping",
    "cluster_id": "penstock.runtime.host.calls:cluster_id",
    "describe_plugin": "penstock.runtime.validation.calls:describe_plugin",
    "own_offsets": "penstock.runtime.tasks.own_offsets:own_offsets",
    "sink_offsets": "penstock.runtime.validation.offsets:sink_offsets",
    "source_offsets": "penstock.runtime.validation.offsets:source_offsets",
    "validate_connector": "penstock.runtime.validation.calls:validate_connector",
}
"""Name -> ``module:function``. A function takes JSON data by keyword and returns JSON data."""

CLUSTER_ID_TIMEOUT_S: Final = 10.0


def run_call(command: Call, control: HostControl) -> None:
    """Run a function of the table and send its Answer. Called by: :func:`..entry.run`."""
    try:
        target = CALLS.get(command.function)
        if target is None:
            raise BadRequestError(f"there is no function '{command.function}' to call")
        control.send(Answer(result=load_function(target)(**command.arguments)))
    except BaseException as problem:  # noqa: BLE001 - a plugin's SystemExit is an answer too
        control.send(_refusal(problem))


def _refusal(problem: BaseException) -> Answer:
    told = failure(problem)
    kind = type(problem).__name__
    if not isinstance(problem, ConfigError):
        return Answer(error=without_secrets(str(problem)) or told.reason, kind=kind)
    return Answer(
        error=without_secrets(str(problem)),
        kind=kind,
        problems=[[one.key, without_secrets(one.message)] for one in problem.problems],
    )


def ping(text: str = "pong") -> str:
    """Return ``text``: tells that hosts can be started and heard."""
    return text


def cluster_id(worker: Mapping[str, str]) -> str:
    """Return the id of the cluster that the worker's properties name.

    Raises:
        BrokerError: nobody answers.
        ConfigError: properties that cannot be honoured.
    """
    properties = worker
    if not is_embedded(worker):
        # Imported here: an embedded worker need not have a Kafka client.
        from penstock.runtime.kafka import client_settings  # noqa: PLC0415

        role = client_settings.ClientRole.ADMIN
        properties = client_settings.split_prefix(
            worker, {}, role=role, connector="worker", task=0
        ).properties
    admin = connect_broker(worker).admin(properties, client_id="penstock-worker")
    try:
        return admin.cluster_id(CLUSTER_ID_TIMEOUT_S)
    finally:
        admin.close()
