"""What one JMS source task moves from Artemis to Kafka.

``python -m tests.bench.mq [messages [batch]]``

Messages of 1 kB wait on the queue before the task starts; the time runs from the first record that
is in the topic to the last.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from penstock.runtime.broker import TopicSpec
from tests.parts.artemis import Artemis, JmsClient, jars_folder
from tests.parts.broker import KafkaBroker
from tests.parts.task_lab import TaskLab, end_of

BODY: Final = "x" * 1000
WAIT_S: Final = 120.0


def main(messages: int, batch: str) -> None:
    """Fill a queue, run the task, and tell messages a second."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        artemis = stack.enter_context(Artemis(folder / "artemis"))
        kafka = stack.enter_context(contextlib.closing(KafkaBroker()))
        kafka.start()
        lab = stack.enter_context(TaskLab(kafka.bootstrap_servers, folder))
        lab.admin.create_topics([TopicSpec(lab.name)], 30)
        with JmsClient(artemis.url) as client:
            for _ in range(messages // 5000):
                client.put("q", [BODY] * 5000)
        config = {
            "connector.class": "JmsSource",
            "topic": lab.name,
            "jms.url": artemis.url,
            "jms.destination": "q",
            "mq.client.jars": str(jars_folder(folder / "jars")),
            "mq.batch.size": batch,
        }
        lab.start("mq", config, exactly_once=False)
        until_s = time.monotonic() + WAIT_S
        began_s, first, end = 0.0, 0, 0
        while end < messages and time.monotonic() < until_s and not lab.failed:
            end = end_of(lab.bootstrap, lab.name, "read_uncommitted")
            if end and not began_s:
                began_s, first = time.monotonic(), end
            time.sleep(0.02)
        rate = (end - first) / max(time.monotonic() - began_s, 0.001)
        sys.stdout.write(f"{end} of {messages} messages, {rate:,.0f}/s from Artemis to Kafka\n")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 50_000, given[1] if len(given) > 1 else "1000")
