"""Short forms: a function becomes a transform, a predicate, a source or a sink.

The keyword-only parameters of the function are the configuration keys; a parameter may have a
:func:`penstock.config.key` as its default to carry a doc and constraints. What the decorators
return is a class like any hand-written one, for an entry point or a hook to name.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from penstock.api._connector import SinkConnector, SourceConnector
from penstock.api._task import SinkTask, SourceTask
from penstock.api._transform import Predicate, Transform
from penstock.config import key
from penstock.data import Record, SinkRecord, SourceRecord

__all__ = ["predicate", "sink", "source", "transform"]

BATCH_ROWS_MAX: Final = 2000
_FIELD_TYPE: Final = type(key())


def _config_class(
    function: Callable[..., Any], name: str, without: Sequence[str] = ()
) -> type[Any]:
    """Make the config class of a function's keyword-only parameters."""
    hints = typing.get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not parameter.KEYWORD_ONLY or parameter.name in without:
            continue
        default = parameter.default
        if isinstance(default, _FIELD_TYPE):
            fields[parameter.name] = default
        elif default is parameter.empty:
            fields[parameter.name] = key()
        else:
            fields[parameter.name] = key(default=default)
    made = attrs.make_class(f"{name}Config", fields, kw_only=True)
    made.__annotations__ = {field: hints.get(field, str) for field in fields}
    made.__module__ = function.__module__
    return made


def _arguments(config: Any) -> dict[str, Any]:
    return {field.name: getattr(config, field.name) for field in attrs.fields(type(config))}


def _plugin_class(
    name: str, function: Callable[..., Any], base: Any, members: Mapping[str, Any]
) -> Any:
    config_class = members["config_class"]
    return type(
        "".join(part.capitalize() for part in name.replace("-", "_").split("_")),
        (base,),
        {
            "__module__": function.__module__,
            "__doc__": function.__doc__,
            "__orig_bases__": (base[config_class],),
            "plugin_name": name,
            **members,
        },
    )


def transform(name: str) -> Callable[[Callable[..., Record | None]], type[Transform[Any]]]:
    """Make a transform of ``function(record, *, keys...) -> record or None``."""

    def decorate(function: Callable[..., Record | None]) -> type[Transform[Any]]:
        def apply(self: Transform[Any], record: Any) -> Any:
            return function(record, **_arguments(self.config))

        members = {"config_class": _config_class(function, name), "apply": apply}
        return typing.cast(
            "type[Transform[Any]]", _plugin_class(name, function, Transform, members)
        )

    return decorate


def predicate(name: str) -> Callable[[Callable[..., bool]], type[Predicate[Any]]]:
    """Make a predicate of ``function(record, *, keys...) -> bool``."""

    def decorate(function: Callable[..., bool]) -> type[Predicate[Any]]:
        def test(self: Predicate[Any], record: Record) -> bool:
            return function(record, **_arguments(self.config))

        members = {"config_class": _config_class(function, name), "test": test}
        return typing.cast(
            "type[Predicate[Any]]", _plugin_class(name, function, Predicate, members)
        )

    return decorate


def source(
    name: str,
) -> Callable[[Callable[..., Iterator[SourceRecord]]], type[SourceConnector[Any]]]:
    """Make a source of a generator ``function(*, keys..., offset=None)``.

    ``offset`` is the stored offset to go on from, or None. Yield records in order; a None that is
    yielded ends the batch, for sources that wait. When the generator ends, the task idles.
    """

    def decorate(function: Callable[..., Iterator[SourceRecord]]) -> type[SourceConnector[Any]]:
        config_class = _config_class(function, name, without=("offset",))
        takes_offset = "offset" in inspect.signature(function).parameters
        partition = {"source": name}

        def start(self: SourceTask[Any]) -> None:
            arguments = _arguments(self.config)
            if takes_offset:
                arguments["offset"] = self.context.offset(partition)
            self._records = function(**arguments)  # type: ignore[attr-defined]  # made here

        def poll(self: SourceTask[Any]) -> Sequence[SourceRecord]:
            batch: list[SourceRecord] = []
            for record in self._records:  # type: ignore[attr-defined]  # made in start
                if record is None:
                    break
                if record.source_partition is None and record.source_offset is not None:
                    record.source_partition = partition
                batch.append(record)
                if len(batch) >= BATCH_ROWS_MAX:
                    break
            if not batch:
                self.context.wait(0.5)
            return batch

        task = _plugin_class(
            name, function, SourceTask, {"config_class": config_class, "start": start, "poll": poll}
        )
        members = {"config_class": config_class, "task_class": task}
        made = _plugin_class(name, function, SourceConnector, members)
        return typing.cast("type[SourceConnector[Any]]", made)

    return decorate


def sink(name: str) -> Callable[[Callable[..., None]], type[SinkConnector[Any]]]:
    """Make a sink of ``function(records, *, keys...)``, called with a sequence of SinkRecord.

    When it returns, the records count as written.
    """

    def decorate(function: Callable[..., None]) -> type[SinkConnector[Any]]:
        config_class = _config_class(function, name)

        def put(self: SinkTask[Any], records: Sequence[SinkRecord]) -> None:
            if records:
                function(records, **_arguments(self.config))

        task = _plugin_class(name, function, SinkTask, {"config_class": config_class, "put": put})
        members = {"config_class": config_class, "task_class": task}
        made = _plugin_class(name, function, SinkConnector, members)
        return typing.cast("type[SinkConnector[Any]]", made)

    return decorate
