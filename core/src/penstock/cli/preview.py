"""``penstock preview``: what would become of records, stage by stage, deploying nothing."""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from penstock.errors import BadRequestError, ConfigError
from penstock.runtime.files import read_connector, read_properties

if TYPE_CHECKING:
    from penstock.data import SourceRecord
    from penstock.runtime.broker import FetchedBatch
    from penstock.runtime.preview import Followed, Seen

__all__ = ["command"]

EXIT_FAILS: Final = 2
"""A record would fail the task."""
TIMEOUT_S: Final = 20.0
LINE_BYTES_MAX: Final = 64 * 1024 * 1024
_PARTS: Final = ("topic", "key_schema", "key", "value_schema", "value", "headers", "timestamp")


@click.command("preview")
@click.argument("connector", type=click.Path(path_type=Path))
@click.option(
    "--input",
    "given",
    required=True,
    help="A file of lines, - for standard input, or a topic; file:NAME or topic:NAME when unclear.",
)
@click.option("-n", "count", default=10, show_default=True, help="How many records, at most.")
@click.option("--worker", type=click.Path(path_type=Path), help="The worker's properties.")
@click.option("--bootstrap-server", "bootstrap", help="A broker's address, or embedded:PATH.")
@click.option("--last", is_flag=True, help="Of a topic the last records instead of the first.")
@click.option("--key-separator", help="Of a line, what stands between key and value (sinks).")
@click.option("--plugin", "plugin", help="A module or file with plugins to register first.")
@click.option("--diff", is_flag=True, help="Show only what each stage changes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one record a line.")
def command(
    connector: Path,
    *,
    given: str,
    count: int,
    worker: Path | None,
    bootstrap: str | None,
    last: bool,
    key_separator: str | None,
    plugin: str | None,
    diff: bool,
    as_json: bool,
) -> int:
    """Follow records through the converters and transforms of the connector in the file CONNECTOR.

    Nothing is deployed, committed or produced. The exit code is 2 when a record would fail the
    task.
    """
    if plugin:
        _register(plugin)
    from penstock.runtime.preview import Previewer  # noqa: PLC0415 - after the plugins are there
    from penstock.runtime.providers import resolved_worker  # noqa: PLC0415 - likewise

    file = read_connector(connector)
    properties = {} if worker is None else resolved_worker(read_properties(worker))
    if bootstrap:
        properties["bootstrap.servers"] = bootstrap
    with Previewer({**file.config, "name": file.name}, properties) as previewer:
        if previewer.is_sink:
            fetched = _consumed(
                given, count, properties, file.config, last=last, key_separator=key_separator
            )
            followed: Iterator[Followed] = itertools.chain.from_iterable(
                map(previewer.follow_consumed, fetched)
            )
        else:
            followed = iter(previewer.follow_polled(_polled(given, count, file.config)))
        code = 0
        for one in itertools.islice(followed, count):
            code = EXIT_FAILS if one.outcome == "fails" else code
            _show(one, diff=diff, as_json=as_json)
    return code


def _register(name: str) -> None:
    """Import a module or a file, and register the plugin classes that stand in it."""
    from penstock.runtime.plugins.in_process import register_classes  # noqa: PLC0415 - rare
    from penstock.runtime.plugins.loading import BASES  # noqa: PLC0415 - likewise

    if name.endswith(".py"):
        spec = importlib.util.spec_from_file_location("penstock_preview_plugin", name)
        if spec is None or spec.loader is None or not Path(name).exists():
            raise ConfigError(f"--plugin: {name} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    else:
        module = importlib.import_module(name)
    bases = tuple(BASES.values())
    register_classes(
        *(
            found
            for found in vars(module).values()
            if isinstance(found, type)
            and issubclass(found, bases)
            and found.__module__ == module.__name__
        )
    )


def _kind_of(given: str) -> tuple[str, str]:
    """Return ``file`` or ``topic``, and its name."""
    kind, colon, name = given.partition(":")
    if colon and kind in ("file", "topic"):
        return kind, name
    return ("file" if given == "-" or Path(given).is_file() else "topic"), given


def _lines(name: str, count: int) -> Iterator[bytes]:
    if name == "-":
        yield from _cut(sys.stdin.buffer, count)
        return
    try:
        with Path(name).open("rb") as file:
            yield from _cut(file, count)
    except OSError as problem:
        raise ConfigError(f"--input: {name} cannot be read: {problem.strerror}") from problem


def _cut(file: Any, count: int) -> Iterator[bytes]:
    for _ in range(count):
        line = file.readline(LINE_BYTES_MAX)
        if not line:
            return
        yield line.rstrip(b"\r\n")


def _polled(given: str, count: int, config: Mapping[str, str]) -> Iterator[SourceRecord]:
    """Yield each line as a source of lines gives it."""
    from penstock.data import Schema, SourceRecord  # noqa: PLC0415 - the command line starts fast

    kind, name = _kind_of(given)
    if kind == "topic":
        raise BadRequestError(
            f"--input: '{name}' is no file; a source's records come from a file or from -"
        )
    topic = config.get("topic", "preview")
    for line in _lines(name, count):
        yield SourceRecord(
            topic=topic, value=line.decode("utf-8", "replace"), value_schema=Schema.STRING
        )


def _consumed(
    given: str,
    count: int,
    worker: Mapping[str, str],
    config: Mapping[str, str],
    *,
    last: bool,
    key_separator: str | None,
) -> Iterator[FetchedBatch]:
    from penstock.runtime.broker import FetchedBatch  # noqa: PLC0415 - as above

    kind, name = _kind_of(given)
    if kind == "topic":
        yield from _of_topic(name, count, worker, config, last=last)
        return
    topic = config.get("topics", "preview").partition(",")[0].strip() or "preview"
    for offset, line in enumerate(_lines(name, count)):
        key, value = None, line
        if key_separator:
            head, found, tail = line.partition(key_separator.encode())
            key, value = (head, tail) if found else (None, line)
        yield FetchedBatch(
            topic=topic, partition=0, offsets=[offset], keys=[key], values=[value], timestamps=[-1]
        )


def _of_topic(
    topic: str, count: int, worker: Mapping[str, str], config: Mapping[str, str], *, last: bool
) -> Iterator[FetchedBatch]:
    """Yield the first or last records of a topic's partitions, as a member of no group."""
    from penstock.data import TopicPartition  # noqa: PLC0415 - as above
    from penstock.runtime.brokers import connect_broker  # noqa: PLC0415 - as above
    from penstock.runtime.kafka.client_settings import (  # noqa: PLC0415 - as above
        ClientRole,
        split_prefix,
    )

    if not worker.get("bootstrap.servers", "").strip():
        raise ConfigError(
            f"--input: '{topic}' is no file; for a topic give --bootstrap-server or --worker"
        )
    name = config.get("name", "preview")
    found = split_prefix(worker, config, role=ClientRole.SINK_CONSUMER, connector=name, task=0)
    reader = connect_broker(worker).reader(found.properties, client_id=f"preview-{name}")
    try:
        for partition, (begin, end) in reader.bounds(topic, TIMEOUT_S).items():
            start, stop = (
                (max(begin, end - count), end) if last else (begin, min(end, begin + count))
            )
            if start < stop:
                yield from reader.read(TopicPartition(topic, partition), start, stop, TIMEOUT_S)
    finally:
        reader.close()


def _show(one: Followed, *, diff: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(one.to_json(), ensure_ascii=False))
        return
    colour = sys.stdout.isatty()
    click.echo(click.style(f"{one.origin}: {one.outcome}", bold=True) if colour else _head(one))
    before: Mapping[str, Any] = {}
    for seen in one.stages:
        title = f"  {seen.stage}" + (f" ({seen.by})" if seen.by else "")
        note = f": {_one_line(seen.note)}" if seen.note else ""
        click.echo(click.style(title + note, fg=_colour(seen)) if colour else title + note)
        for part, text in _parts(seen, before if diff else {}):
            click.echo(f"    {part}: {text}")
        before = seen.record or {}


def _head(one: Followed) -> str:
    return f"{one.origin}: {one.outcome}"


def _colour(seen: Seen) -> str:
    if seen.failed:
        return "red"
    return "yellow" if seen.note else "green"


def _parts(seen: Seen, before: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for part in _PARTS:
        value = (seen.record or {}).get(part)
        if value in (None, []) and not before.get(part):
            continue
        if part in before and before[part] == value:
            continue
        yield (
            part,
            _one_line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)),
        )


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
