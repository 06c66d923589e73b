"""The bare client's own rate: librdkafka from Python with nothing around it.

``python -m tests.bench.bare produce|consume BOOTSTRAP TOPIC RECORDS [FILE]`` prints one JSON line.
The settings are those that Penstock's connectors use.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import uuid

from confluent_kafka import Consumer, Message, Producer

from penstock.runtime.kafka.properties import ClientKind, translate

ROWS = 2000


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def produce(bootstrap: str, topic: str, records: int, path: str) -> dict[str, float]:
    config = translate({"bootstrap.servers": bootstrap, "acks": "all"}, ClientKind.PRODUCER).config
    failures: list[object] = []
    client = Producer(
        {
            **config,
            "delivery.report.only.error": True,
            "queue.buffering.max.messages": 10_000_000,
            "queue.buffering.max.kbytes": 2_097_151,
        }
    )
    client.list_topics(topic, timeout=10)
    with open(path, "rb") as file:  # noqa: PTH123 - lines are read as a client would
        lines = [line[:-1] for line, _ in zip(file, range(ROWS), strict=False)]
    began, cpu = time.monotonic(), _cpu_s()
    sent = 0
    while sent < records:
        while len(client) > 100_000:
            client.poll(0.01)
        rows = [{"value": line} for line in lines]
        client.produce_batch(topic, rows, partition=0, on_delivery=lambda *a: failures.append(a))
        sent += len(rows)
        client.poll(0)
    client.flush()
    taken = time.monotonic() - began
    if failures:
        raise RuntimeError(f"{len(failures)} deliveries failed")
    return {"records_s": sent / taken, "cpu_us": (_cpu_s() - cpu) / sent * 1e6}


def consume(bootstrap: str, topic: str, records: int) -> dict[str, float]:
    properties = {
        "bootstrap.servers": bootstrap,
        "auto.offset.reset": "earliest",
        "group.id": str(uuid.uuid4()),
    }
    client = Consumer(dict(translate(properties, ClientKind.CONSUMER).config))
    client.subscribe([topic])
    read = 0
    began = cpu = 0.0
    while read < records:
        messages = client.consume(1000, 0.05)
        if messages and not began:
            began, cpu = time.monotonic(), _cpu_s()
        if any(map(Message.error, messages)):
            raise RuntimeError("an error was read")
        read += len(list(map(Message.value, messages)))
    taken = time.monotonic() - began
    result = {"records_s": read / taken, "cpu_us": (_cpu_s() - cpu) / read * 1e6}
    client.close()
    return result


if __name__ == "__main__":
    what, bootstrap, topic, count = sys.argv[1:5]
    if what == "produce":
        print(json.dumps(produce(bootstrap, topic, int(count), sys.argv[5])))
    else:
        print(json.dumps(consume(bootstrap, topic, int(count))))
