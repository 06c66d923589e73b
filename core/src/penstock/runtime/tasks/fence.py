"""Takes the transactional ids of a connector's tasks over, so that who has them sends no more.

(source: Worker.fenceZombies, Admin.fenceProducers)
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from penstock.errors import TimedOutError
from penstock.runtime.brokers import connect_broker
from penstock.runtime.kafka.client_settings import ClientRole, split_prefix
from penstock.runtime.providers import resolved

__all__ = ["fence_tasks", "transactional_id"]

FENCE_TIMEOUT_S: Final = 60.0
"""For all tasks of a connector."""
SLICE_S: Final = 5.0


def transactional_id(worker: Mapping[str, str], connector: str, task: int) -> str:
    """Return the id of a task's producer, as the original names it: its ACLs fit."""
    return f"{worker.get('group.id', '').strip()}-{connector}-{task}"


def fence_tasks(config: Mapping[str, str], worker: Mapping[str, str], tasks: int) -> None:
    """Fence the producers of tasks 0 to ``tasks - 1``. Called in a host of its own.

    Each id is taken over by a producer that sends nothing: its transaction, if one is open, is
    aborted, and its owner's next call is refused.

    Raises:
        TimedOutError: the brokers did not answer in time.
        BrokerError: refused.
    """
    connector = config.get("name", "")
    broker = connect_broker(worker)
    known = resolved(config, worker)
    until_s = time.monotonic() + FENCE_TIMEOUT_S
    for task in range(tasks):
        own = transactional_id(worker, connector, task)
        settings = split_prefix(
            worker,
            known,
            role=ClientRole.SOURCE_PRODUCER,
            connector=connector,
            task=task,
            transactional_id=own,
        )
        producer = broker.transactional_producer(
            settings.properties, client_id=f"{settings.client_id}-fence"
        )
        try:
            while not producer.init(SLICE_S):
                if time.monotonic() > until_s:
                    raise TimedOutError(
                        f"transactional id '{own}' could not be fenced within "
                        f"{FENCE_TIMEOUT_S:g} s: is the transaction coordinator there?"
                    )
        finally:
            producer.close(0)
