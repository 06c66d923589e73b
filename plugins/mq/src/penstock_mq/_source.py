"""The sources: what they check, and how many tasks they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from penstock.api import SourceConnector
from penstock.config import ConfigValue
from penstock.errors import ConnectError
from penstock_mq._source_keys import JmsSourceConfig, MQSourceConfig, SourceKeys
from penstock_mq._source_task import JmsSourceTask, MQSourceTask
from penstock_mq._state import OFFSET_KEY

__all__ = ["JmsSourceConnector", "MQSourceConnector"]

C = TypeVar("C", bound=SourceKeys)


class _QueueConnector(SourceConnector[C]):
    """As many tasks as are wanted take from one queue, each its own messages."""

    own_process = True  # a process has one Java machine

    @classmethod
    def validate(cls, raw: Mapping[str, str | None]) -> list[ConfigValue]:
        """Check the keys, and then those that depend on each other."""
        values = super().validate(raw)
        by_name = {value.name: value for value in values}
        if any(value.errors for value in values):
            return values
        given = {name: text for name, text in raw.items() if text is not None}
        keys: Any = cls.config_spec().parse(given)
        if keys.mq_reconnect_delay_max_ms < keys.mq_reconnect_delay_min_ms:
            by_name["mq.reconnect.delay.max.ms"].errors.append(
                "mq.reconnect.delay.max.ms must be at least mq.reconnect.delay.min.ms, which is "
                f"{keys.mq_reconnect_delay_min_ms}"
            )
        if keys.mq_exactly_once_state_queue is not None:
            cls._check_exactly_once(keys, given, by_name)
        return values

    @classmethod
    def _check_exactly_once(
        cls, keys: Any, given: Mapping[str, str], by_name: Mapping[str, ConfigValue]
    ) -> None:
        state = by_name["mq.exactly.once.state.queue"]
        if given.get("tasks.max", "1") != "1":
            state.errors.append(
                "exactly-once has one task: set tasks.max to 1, or leave out "
                "mq.exactly.once.state.queue"
            )
        if not keys.mq_exactly_once_state_queue:
            state.errors.append("the name of the state queue is empty; name one, or leave it out")
        options = getattr(keys, "mq_client_reconnect_options", "QMGR")
        if options != "QMGR":
            by_name["mq.client.reconnect.options"].errors.append(
                "with mq.exactly.once.state.queue it must be QMGR: the state is kept on one queue "
                "manager"
            )

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        """All tasks are the same; exactly-once has one."""
        keys: Any = self.config
        if keys.mq_exactly_once_state_queue is not None and max_tasks != 1:
            raise ConnectError("mq.exactly.once.state.queue: set tasks.max to 1")
        return [self.context.raw_config] * max_tasks

    def exactly_once_support(self) -> bool:
        """Only with a state queue."""
        keys: Any = self.config
        return keys.mq_exactly_once_state_queue is not None

    def alter_offsets(
        self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]
    ) -> bool:
        """Accept a number of exactly-once; the position itself is the queue's."""
        for _, offset in offsets:
            if offset is not None and type(offset.get(OFFSET_KEY)) is not int:
                raise ConnectError(f"an offset of this connector is {{'{OFFSET_KEY}': a number}}")
        return False


class MQSourceConnector(_QueueConnector[MQSourceConfig]):
    """Takes the configuration of IBM's connector, with IBM's own Java client."""

    task_class = MQSourceTask


class JmsSourceConnector(_QueueConnector[JmsSourceConfig]):
    """Reads a queue of any JMS provider."""

    task_class = JmsSourceTask
