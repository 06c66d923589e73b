"""What ``tests.bench.classes`` compares: one configuration of one class over one data set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import attrs

__all__ = ["CASES", "JAVA", "Case"]

JAVA: Final = "org.apache.kafka.connect.transforms."
Kind = Literal["transform", "predicate", "write", "read"]


@attrs.frozen
class Case:
    """``name`` begins with the class; ``java`` is its name below the package of transforms."""

    name: str
    kind: Kind
    java: str
    dataset: str
    config: Mapping[str, str]

    @property
    def plugin(self) -> str:
        """The name that the registry knows."""
        return f"{JAVA}{self.java}"


def _transform(name: str, java: str, dataset: str, **config: str) -> Case:
    dotted = {key.replace("_", "."): value for key, value in config.items()}
    return Case(name, "transform", java, dataset, dotted)


def _moment(name: str, field: str, target: str, dataset: str = "moments", **more: str) -> Case:
    return _transform(
        f"TimestampConverter:{name}",
        "TimestampConverter$Value",
        dataset,
        field=field,
        target_type=target,
        **more,
    )


FORMAT: Final = {"format": "yyyy-MM-dd HH:mm:ss"}
NUMBERS: Final = "id:int32,count:int64,amount:float32"
TEXTS: Final = "id:string,amount:string,active:string"
FIELDS: Final = "customer,count"
RENAMES: Final = {"exclude": "note,at", "renames": "customer:buyer,city:town"}
EXTRAS: Final = {"topic_field": "topic", "timestamp_field": "stamp", "offset_field": "offset"}
STATIC: Final = {"static_field": "source", "static_value": "shop"}
METADATA: Final = {"schema_name": "order.v2", "schema_version": "2"}
HEADERS: Final = {"fields": "customer,count", "headers": "buyer,number"}
REGEX: Final = {"regex": "(.*)", "replacement": "shop-$1"}

TRANSFORMS: Final = (
    _transform("Cast", "Cast$Value", "struct", spec=NUMBERS),
    _transform("Cast:texts", "Cast$Value", "struct", spec=TEXTS),
    _transform("Cast:map", "Cast$Value", "map", spec=NUMBERS),
    _transform("DropHeaders", "DropHeaders", "headers", headers="trace,attempt"),
    _transform("ExtractField", "ExtractField$Value", "struct", field="customer"),
    _transform("ExtractField:map", "ExtractField$Value", "map", field="customer"),
    Case(
        "ExtractField:path",
        "transform",
        "ExtractField$Value",
        "nested",
        {"field": "address.geo.lat", "field.syntax.version": "V2"},
    ),
    _transform("Filter", "Filter", "struct"),
    _transform("Flatten", "Flatten$Value", "nested", delimiter="_"),
    _transform("Flatten:map", "Flatten$Value", "nested-map", delimiter="_"),
    _transform("HeaderFrom:copy", "HeaderFrom$Value", "struct", operation="copy", **HEADERS),
    _transform("HeaderFrom:move", "HeaderFrom$Value", "struct", operation="move", **HEADERS),
    _transform("HoistField", "HoistField$Value", "text", field="line"),
    _transform("HoistField:map", "HoistField$Value", "text-map", field="line"),
    _transform("InsertField", "InsertField$Value", "struct", **STATIC),
    _transform("InsertField:four", "InsertField$Value", "struct", **STATIC, **EXTRAS),
    _transform("InsertField:map", "InsertField$Value", "map", **STATIC),
    Case(
        "InsertHeader",
        "transform",
        "InsertHeader",
        "struct",
        {"header": "origin", "value.literal": "shop"},
    ),
    Case(
        "InsertHeader:more",
        "transform",
        "InsertHeader",
        "headers",
        {"header": "number", "value.literal": "42"},
    ),
    _transform("MaskField", "MaskField$Value", "struct", fields=FIELDS),
    _transform(
        "MaskField:replacement", "MaskField$Value", "struct", fields="customer", replacement="***"
    ),
    _transform("MaskField:map", "MaskField$Value", "map", fields=FIELDS),
    _transform("RegexRouter", "RegexRouter", "struct", **REGEX),
    _transform("ReplaceField", "ReplaceField$Value", "struct", **RENAMES),
    _transform("ReplaceField:map", "ReplaceField$Value", "map", **RENAMES),
    _transform("SetSchemaMetadata", "SetSchemaMetadata$Value", "struct", **METADATA),
    _moment("text-Timestamp", "text", "Timestamp", **FORMAT),
    _moment("text-unix", "text", "unix", **FORMAT),
    _moment("unix-Timestamp", "ms", "Timestamp"),
    _moment("unix-text", "ms", "string", **FORMAT),
    _moment("Timestamp-text", "moment", "string", **FORMAT),
    _moment("Timestamp-unix", "moment", "unix"),
    _moment("Timestamp-Date", "moment", "Date"),
    _moment("map", "ms", "string", "moments-map", **FORMAT),
    Case(
        "TimestampRouter",
        "transform",
        "TimestampRouter",
        "struct",
        {"topic.format": "${topic}-${timestamp}", "timestamp.format": "yyyyMMdd"},
    ),
    _transform("ValueToKey", "ValueToKey", "struct", fields="id,city"),
    _transform("ValueToKey:map", "ValueToKey", "map", fields="id,city"),
)
PREDICATES: Final = (
    Case("HasHeaderKey", "predicate", "predicates.HasHeaderKey", "headers", {"name": "attempt"}),
    Case("RecordIsTombstone", "predicate", "predicates.RecordIsTombstone", "tombstones", {}),
    Case(
        "TopicNameMatches",
        "predicate",
        "predicates.TopicNameMatches",
        "struct",
        {"pattern": "ord.*"},
    ),
)


def _json(kind: Literal["write", "read"], dataset: str, schemas: str) -> Case:
    shown = "schemas" if schemas == "true" else "plain"
    name = f"JsonConverter:{kind}-{dataset}-{shown}"
    return Case(name, kind, "JsonConverter", dataset, {"schemas.enable": schemas})


CONVERTERS: Final = (
    *(_json("write", dataset, "true") for dataset in ("struct", "nested", "moments", "text")),
    *(_json("write", dataset, "false") for dataset in ("struct", "map", "nested-map")),
    *(_json("read", dataset, "true") for dataset in ("struct", "nested", "moments", "text")),
    *(_json("read", dataset, "false") for dataset in ("map", "nested-map")),
)
CASES: Final[Mapping[str, Case]] = {
    case.name: case for case in (*TRANSFORMS, *PREDICATES, *CONVERTERS)
}
