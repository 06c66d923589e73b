"""The shapes of the API's bodies as JSON Schemas. Pure.

The original's shapes are closed: its clients refuse fields that they do not know, so a field more
is a fault that a test should find.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["SCHEMAS", "Schema", "array", "mapping", "one", "ref"]

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
NUMBER: Final[Schema] = {"type": "integer"}
FLAG: Final[Schema] = {"type": "boolean"}
TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
NUMBER_OR_NULL: Final[Schema] = {"type": ["integer", "null"]}
OPEN: Final[Schema] = {"type": "object"}


def ref(name: str) -> Schema:
    """Return a reference to one of ``SCHEMAS``."""
    return {"$ref": f"#/components/schemas/{name}"}


def array(items: Schema) -> Schema:
    """Return a list's schema."""
    return {"type": "array", "items": items}


def mapping(values: Schema) -> Schema:
    """Return the schema of an object whose keys are names."""
    return {"type": "object", "additionalProperties": values}


def one(*values: str) -> Schema:
    """Return the schema of a text that is one of these."""
    return {"type": "string", "enum": list(values)}


def _closed(optional: Mapping[str, Schema] | None = None, /, **required: Schema) -> Schema:
    """Return the schema of an object with these fields and no other."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


_STATE: Final = one(
    "UNASSIGNED", "RUNNING", "PAUSED", "STOPPED", "FAILED", "RESTARTING", "DESTROYED"
)
_STATUS: Final = {"trace": TEXT, "version": TEXT_OR_NULL}
_KIND: Final = one("source", "sink", "unknown")
_VALUE: Final[Schema] = {"type": ["string", "number", "boolean"]}

SCHEMAS: Final[Mapping[str, Schema]] = {
    "Error": _closed(error_code=NUMBER, message=TEXT),
    "ServerInfo": _closed(version=TEXT, commit=TEXT, kafka_cluster_id=TEXT),
    "WorkerStatus": _closed(status=one("healthy", "starting", "unhealthy"), message=TEXT),
    "TaskId": _closed(connector=TEXT, task=NUMBER),
    "ConnectorInfo": _closed(
        name=TEXT, config=mapping(TEXT), tasks=array(ref("TaskId")), type=_KIND
    ),
    "CreateConnector": _closed(
        {
            "name": {"type": ["string", "number"]},
            "initial_state": {
                "type": ["string", "null"],
                "description": "RUNNING, PAUSED or STOPPED, in any case.",
            },
        },
        config=mapping(_VALUE),
    ),
    "Config": mapping(TEXT),
    "ConfigGiven": mapping(_VALUE),
    "ConfigPatch": mapping({"type": ["string", "number", "boolean", "null"]}),
    "ConnectorState": _closed(_STATUS, state=_STATE, worker_id=TEXT),
    "TaskState": _closed(_STATUS, id=NUMBER, state=_STATE, worker_id=TEXT),
    "ConnectorStateInfo": _closed(
        name=TEXT, connector=ref("ConnectorState"), tasks=array(ref("TaskState")), type=_KIND
    ),
    "ConnectorsExpanded": mapping(
        _closed({"status": ref("ConnectorStateInfo"), "info": ref("ConnectorInfo")})
    ),
    "TaskInfo": _closed(id=ref("TaskId"), config=mapping(TEXT)),
    "Topics": mapping(_closed(topics=array(TEXT))),
    "Offsets": _closed(offsets=array(_closed(partition=OPEN, offset={"type": ["object", "null"]}))),
    "Message": _closed(message=TEXT),
    "PluginInfo": _closed(
        {"version": TEXT},
        **{
            "class": TEXT,
            "type": one(
                "source", "sink", "transformation", "predicate", "converter", "header_converter"
            ),
        },
    ),
    "ConfigKeyInfo": _closed(
        name=TEXT,
        type=one(
            "BOOLEAN", "STRING", "INT", "SHORT", "LONG", "DOUBLE", "LIST", "CLASS", "PASSWORD"
        ),
        required=FLAG,
        default_value=TEXT_OR_NULL,
        importance=one("HIGH", "MEDIUM", "LOW"),
        documentation=TEXT,
        group=TEXT_OR_NULL,
        order_in_group=NUMBER,
        width=one("NONE", "SHORT", "MEDIUM", "LONG"),
        display_name=TEXT,
        dependents=array(TEXT),
    ),
    "ConfigValueInfo": _closed(
        name=TEXT,
        value=TEXT_OR_NULL,
        recommended_values=array(TEXT),
        errors=array(TEXT),
        visible=FLAG,
    ),
    "ConfigInfos": _closed(
        name=TEXT,
        error_count=NUMBER,
        groups=array(TEXT),
        configs=array(
            _closed(
                definition={"anyOf": [ref("ConfigKeyInfo"), {"type": "null"}]},
                value={"anyOf": [ref("ConfigValueInfo"), {"type": "null"}]},
            )
        ),
    ),
    "LoggerLevel": _closed(level=TEXT, last_modified=NUMBER_OR_NULL),
    "LoggerLevels": mapping(ref("LoggerLevel")),
    "LevelGiven": {
        "type": "object",
        "properties": {"level": one("OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE")},
        "required": ["level"],
    },
    "TaskConfigs": array(mapping(TEXT)),
    "Figures": OPEN,
}
"""Every shape by name; those of our own routes are open, for they may grow."""
