"""Chains of 1, 3 and 8 transforms, and each built-in transform alone, end to end.

Sources read the lines of a text and write JSON with schemas; sinks read JSON with schemas and
write a file. Every record of the sinks' topic gives a line of the same length, so that the size
of the file tells how far a worker is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from tests.bench.peers import Peer
from tests.bench.scenarios import (
    JSON,
    SINK,
    SMT,
    STRING,
    Result,
    Run,
    Scenario,
    counter,
    fill,
    following,
    measured,
    source,
)

__all__ = ["JSONS", "SCENARIOS", "chain", "orders", "sink"]

JSONS: Final = {
    "key.converter": STRING,
    "value.converter": JSON,
    "value.converter.schemas.enable": "true",
}
Steps = Mapping[str, Mapping[str, str]]
"""The configuration of each transform by its class, without the package."""

FORMAT: Final = "yyyy-MM-dd HH:mm:ss"
CITIES: Final = ("Lyon", "Graz", "Cork", "Oulu", "Bari")
RAW: Final = "raw-"
_TYPES: Final = {
    "id": "int64",
    "customer": "string",
    "city": "string",
    "amount": "double",
    "count": "int32",
    "active": "boolean",
    "at": "int64",
}


def chain(steps: Steps) -> dict[str, str]:
    """Return the keys of a chain; the aliases are t0, t1 and so on."""
    config = {"transforms": ",".join(f"t{i}" for i in range(len(steps)))}
    for i, (name, own) in enumerate(steps.items()):
        config[f"transforms.t{i}.type"] = f"{SMT}{name}"
        config.update({f"transforms.t{i}.{key}": value for key, value in own.items()})
    return config


def _fields(types: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"type": kind, "optional": False, "field": name} for name, kind in types.items()]


def orders(lines: int, *, nested: bool = False) -> Iterator[bytes]:
    """Yield orders as JSON with their schema, all of one length."""
    fields = _fields(_TYPES)
    if nested:
        address = _fields({"street": "string", "zip": "int32"})
        fields.append({"type": "struct", "optional": False, "fields": address, "field": "address"})
    schema = {"type": "struct", "name": "order", "optional": False, "fields": fields}
    prefix = '{"schema":' + json.dumps(schema, separators=(",", ":")) + ',"payload":'
    more = ',"address":{"street":"Millstream 7","zip":71000}' if nested else ""
    for n in range(lines):
        yield (
            f'{prefix}{{"id":{1_000_000_000 + n},"customer":"customer {n % 10_000:04d}",'
            f'"city":"{CITIES[n % 5]}","amount":{1000 + n % 9000}.25,"count":{100 + n % 900},'
            f'"active":true,"at":{1_700_000_000_000 + n * 1000}{more}}}}}'
        ).encode()


def _topic(run: Run, content: str) -> str:
    """Return the topic with this content, filled when it is first asked for."""
    if content not in run.topics:
        run.topics[content] = f"loaded-{content}"
        headers = [("trace", b"4bf92f35"), ("origin", b"bench")] if content == "headers" else None
        values = orders(run.lines, nested=content == "nested")
        fill(run, run.topics[content], values, headers)
    return run.topics[content]


def sink(extra: Mapping[str, str], content: str = "orders") -> Callable[[Run, Peer], Result]:
    """Return a run of the file sink over a topic of orders."""

    def run(run: Run, peer: Peer) -> Result:
        topic = _topic(run, content)
        name = following("sink-json")
        out = run.folder / f"{name}.txt"
        config = {
            "connector.class": SINK,
            "tasks.max": "1",
            "file": str(out),
            "topics": topic,
            **JSONS,
            **extra,
        }
        result = measured(peer, name, config, run.lines, counter(out))
        out.unlink()
        return result

    return run


SOURCE_STEPS: Final[dict[str, Mapping[str, str]]] = {
    "HoistField$Value": {"field": "line"},
    "InsertField$Value": {
        "topic.field": "origin",
        "timestamp.field": "at",
        "static.field": "version",
        "static.value": "7",
    },
    "ReplaceField$Value": {"renames": "line:text"},
    "Cast$Value": {"spec": "version:int32"},
    "MaskField$Value": {"fields": "origin", "replacement": "hidden"},
    "TimestampConverter$Value": {"field": "at", "target.type": "string", "format": FORMAT},
    "RegexRouter": {"regex": f"{RAW}(.*)", "replacement": "$1"},
    "SetSchemaMetadata$Value": {"schema.name": "line", "schema.version": "2"},
}
SINK_STEPS: Final[dict[str, Mapping[str, str]]] = {
    "ReplaceField$Value": {"exclude": "city", "renames": "customer:buyer"},
    "InsertField$Value": {
        "topic.field": "origin",
        "static.field": "source",
        "static.value": "shop",
    },
    "Cast$Value": {"spec": "count:int64,id:string"},
    "MaskField$Value": {"fields": "buyer"},
    "TimestampConverter$Value": {"field": "at", "target.type": "string", "format": FORMAT},
    "RegexRouter": {"regex": "loaded-(.*)", "replacement": "$1"},
    "SetSchemaMetadata$Value": {"schema.name": "order.v2", "schema.version": "2"},
    "InsertHeader": {"header": "origin", "value.literal": "shop"},
}


def _first(steps: Steps, count: int) -> Steps:
    return dict(list(steps.items())[:count])


def _chains() -> Iterator[Scenario]:
    for count in (1, 3, 8):
        steps = chain(_first(SOURCE_STEPS, count))
        prefix = RAW if count == len(SOURCE_STEPS) else ""
        about = f"file source, {count} transforms, JSON with schemas"
        yield Scenario(f"chain:source-{count}", about, source({**JSONS, **steps}, prefix))
    for count in (1, 3, 8):
        about = f"JSON with schemas, {count} transforms, file sink"
        yield Scenario(f"chain:sink-{count}", about, sink(chain(_first(SINK_STEPS, count))))


HEADERS: Final = {"fields": "customer,count", "headers": "buyer,number"}
NEVER: Final = {
    "transforms.t0.predicate": "p",
    "predicates": "p",
    "predicates.p.type": f"{SMT}predicates.RecordIsTombstone",
}
SINGLE: Final[tuple[tuple[str, str, Mapping[str, str]], ...]] = (
    ("Cast", "Cast$Value", {"spec": "count:int64,amount:float32,id:string"}),
    ("DropHeaders", "DropHeaders", {"headers": "trace"}),
    ("ExtractField", "ExtractField$Value", {"field": "customer"}),
    ("Filter", "Filter", {}),
    ("Flatten", "Flatten$Value", {"delimiter": "_"}),
    ("HeaderFrom", "HeaderFrom$Value", {"operation": "move", **HEADERS}),
    ("HoistField", "HoistField$Value", {"field": "order"}),
    ("InsertField", "InsertField$Value", SINK_STEPS["InsertField$Value"]),
    ("InsertHeader", "InsertHeader", SINK_STEPS["InsertHeader"]),
    ("MaskField", "MaskField$Value", {"fields": "customer,count"}),
    ("RegexRouter", "RegexRouter", SINK_STEPS["RegexRouter"]),
    ("ReplaceField", "ReplaceField$Value", SINK_STEPS["ReplaceField$Value"]),
    ("SetSchemaMetadata", "SetSchemaMetadata$Value", SINK_STEPS["SetSchemaMetadata$Value"]),
    ("TimestampConverter", "TimestampConverter$Value", {"field": "at", "target.type": "Timestamp"}),
    (
        "TimestampConverter-text",
        "TimestampConverter$Value",
        SINK_STEPS["TimestampConverter$Value"],
    ),
    ("TimestampRouter", "TimestampRouter", {"timestamp.format": "yyyyMMdd"}),
    ("ValueToKey", "ValueToKey", {"fields": "id,city"}),
)
CONTENTS: Final = {"DropHeaders": "headers", "Flatten": "nested"}


def _single() -> Iterator[Scenario]:
    yield Scenario("smt:none", "JSON with schemas, no transform, file sink", sink({}))
    for name, java, own in SINGLE:
        config = chain({java: own})
        if name == "Filter":
            config |= NEVER
        about = f"JSON with schemas, {name} alone, file sink"
        yield Scenario(f"smt:{name}", about, sink(config, CONTENTS.get(name, "orders")))


SCENARIOS: Final = {scenario.name: scenario for scenario in (*_chains(), *_single())}
