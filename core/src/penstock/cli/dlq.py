"""``penstock dlq``: dead letters shown, and sent back to where they came from."""

from __future__ import annotations

import collections
import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import click

from penstock.cli.letters import (
    Choice,
    Letter,
    json_of,
    letters_of,
    parse_offsets,
    row_of,
    shown_bytes,
)
from penstock.cli.output import show_json, show_table
from penstock.data import TopicPartition
from penstock.errors import BadRequestError, BrokerError, ConfigError, NotFoundError, PenstockError
from penstock.runtime.broker import Broker, EncodedBatch, Producer
from penstock.runtime.brokers import connect_broker
from penstock.runtime.files import read_connector, read_properties
from penstock.runtime.kafka.client_settings import ClientRole, ClientSettings, split_prefix

__all__ = ["command"]

TIMEOUT_S: Final = 30.0
SHOWN_MAX: Final = 100
SEND_ROWS: Final = 500
COLUMNS: Final = (
    "letter",
    "origin",
    "time",
    "connector",
    "stage",
    "class",
    "exception",
    "message",
    "key",
    "value",
)


class _Group(click.Group):
    """Takes ``penstock dlq TOPIC`` for ``penstock dlq show TOPIC``."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command; a word that is none is a topic."""
        if args and args[0] not in self.commands:
            args = ["show", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let options stand before the topic."""
        if args and args[0] not in (*self.commands, "--help", "-h"):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@attrs.frozen
class _Cluster:
    """Where the dead letters are, and whose client settings are used."""

    worker: Mapping[str, str]
    connector: Mapping[str, str]
    name: str

    def broker(self) -> Broker:
        return connect_broker(self.worker)

    def settings(self, role: ClientRole) -> ClientSettings:
        return split_prefix(self.worker, self.connector, role=role, connector=self.name, task=0)


def _options(*last: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator with what both commands take; ``last`` names the end of the offsets."""
    path = click.Path(path_type=Path)
    options = (
        click.argument("topic"),
        click.option(
            "--bootstrap-server", "bootstrap", help="A broker's address, or embedded:PATH."
        ),
        click.option("--worker", type=path, help="The worker's properties."),
        click.option(
            "--connector", type=path, help="The connector's file: its converters and overrides."
        ),
        click.option("--connector-name", default="", help="Only letters of this connector."),
        click.option("--stage", default="", help="Only of this stage, such as VALUE_CONVERTER."),
        click.option("--exception", default="", help="Only where the class's name holds this."),
        click.option("--from", "first", type=int, help="From this offset of the topic on."),
        click.option(*last, "last", type=int, help="Up to this offset."),
        click.option("--offsets", default="", help="Only these: partition:offset, with commas."),
    )

    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorated


def _cluster(bootstrap: str | None, worker: Path | None, connector: Path | None) -> _Cluster:
    from penstock.runtime.providers import resolved_worker  # noqa: PLC0415 - loads plugins

    properties = {} if worker is None else resolved_worker(read_properties(worker))
    if bootstrap:
        properties["bootstrap.servers"] = bootstrap
    if not properties.get("bootstrap.servers", "").strip():
        raise ConfigError("no broker: give --bootstrap-server, or --worker with bootstrap.servers")
    if connector is None:
        return _Cluster(properties, {}, "dlq")
    file = read_connector(connector)
    return _Cluster(properties, file.config, file.name)


def _choice(**given: Any) -> Choice:
    return Choice(
        connector=given["connector_name"],
        stage=given["stage"],
        exception=given["exception"],
        first=given["first"],
        last=given["last"],
        offsets=parse_offsets(given["offsets"]),
    )


class _Letters:
    """The letters that a topic held when it was first looked at; may be read again."""

    def __init__(self, cluster: _Cluster, topic: str, choice: Choice) -> None:
        self._topic = topic
        self._choice = choice
        settings = cluster.settings(ClientRole.SINK_CONSUMER)
        self._reader = cluster.broker().reader(settings.properties, client_id=settings.client_id)
        self._bounds = self._reader.bounds(topic, TIMEOUT_S)

    def __iter__(self) -> Iterator[Letter]:
        for partition, (begin, end) in self._bounds.items():
            start, stop = self._choice.span(partition, begin, end)
            if start >= stop:
                continue
            place = TopicPartition(self._topic, partition)
            for fetched in self._reader.read(place, start, stop, TIMEOUT_S):
                yield from filter(self._choice.has, letters_of(fetched))

    def close(self) -> None:
        self._reader.close()


def _decoder(
    cluster: _Cluster, side: str, given: str | None, topic: str
) -> Callable[[bytes | None], Any]:
    """Return what shows keys or values; what its converter cannot read is shown as it is."""
    kind = given or cluster.connector.get(f"{side}.converter", "").strip()
    if not kind:
        return shown_bytes
    from penstock.runtime.connector_config import under  # noqa: PLC0415 - plugins come only now
    from penstock.runtime.plugins import registry  # noqa: PLC0415 - likewise
    from penstock.runtime.tasks.build import configured  # noqa: PLC0415 - likewise

    own = under(cluster.connector, f"{side}.converter.")
    cls = registry().load("converters", kind)
    if "schemas.enable" in cls.config_spec().by_name and "schemas.enable" not in own:
        own["schemas.enable"] = "true" if cluster.connector else "false"
    converter = configured(cls, own, f"{side}.converter.", "penstock dlq")
    converter.is_key = side == "key"
    converter.open()

    def decode(data: bytes | None) -> Any:
        try:
            value = converter.to_connect_data(topic, data)[1]
            json.dumps(value)
        except Exception:  # noqa: BLE001 - often the very reason why it is a dead letter
            return shown_bytes(data)
        return value

    return decode


@click.group("dlq", cls=_Group)
def command() -> None:
    """Show the dead letters of TOPIC, or send them back (`penstock dlq replay`)."""


@command.command("show")
@_options("--to", "--to-offset")
@click.option("-n", "count", default=SHOWN_MAX, show_default=True, help="Only the last N; 0: all.")
@click.option("--key-converter", help="Shows keys with this converter.")
@click.option("--value-converter", help="Shows values with this converter.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, stack traces among it.")
def show(
    topic: str,
    *,
    bootstrap: str | None,
    worker: Path | None,
    connector: Path | None,
    count: int,
    key_converter: str | None,
    value_converter: str | None,
    as_json: bool,
    **filters: Any,
) -> None:
    """Show the dead letters of TOPIC with their cause; commits no offsets."""
    cluster = _cluster(bootstrap, worker, connector)
    key = _decoder(cluster, "key", key_converter, topic)
    value = _decoder(cluster, "value", value_converter, topic)
    with contextlib.closing(_Letters(cluster, topic, _choice(**filters))) as letters:
        found = 0
        kept: collections.deque[Letter] = collections.deque(maxlen=count or None)
        for letter in letters:
            found += 1
            kept.append(letter)
    if as_json:
        show_json([json_of(one, key, value) for one in kept])
    else:
        show_table([row_of(one, key, value) for one in kept], COLUMNS)
    if found > len(kept):
        click.echo(f"the last {len(kept)} of {found} letters; -n 0 shows all", err=True)


@command.command("replay")
@_options("--to-offset")
@click.option("--to", "target", default="", help="Send to this topic instead of the original one.")
@click.option("--original-partition", is_flag=True, help="Keep the partition; else by the key.")
@click.option("--dry-run", is_flag=True, help="Only show what would be sent.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def replay(
    topic: str,
    *,
    bootstrap: str | None,
    worker: Path | None,
    connector: Path | None,
    target: str,
    original_partition: bool,
    dry_run: bool,
    yes: bool,
    **filters: Any,
) -> None:
    """Send dead letters of TOPIC back to the topics that they came from.

    They go without their __connect.errors.* headers, and stay in TOPIC: sent again, or after an
    interruption, they are there twice (at least once). Commits no offsets.
    """
    cluster = _cluster(bootstrap, worker, connector)
    with contextlib.closing(_Letters(cluster, topic, _choice(**filters))) as letters:
        counts, homeless = _counted(letters, target)
        for name, rows in sorted(counts.items()):
            click.echo(f"{name}: {rows} letters")
        if homeless:
            click.echo(f"{homeless} letters do not say where they came from; use --to", err=True)
        if not counts or dry_run:
            click.echo("nothing was sent")
            return
        _check_topics(cluster, counts, topic)
        if not yes and sys.stdin.isatty() and sys.stdout.isatty():
            click.confirm("Send them? They may arrive twice if some were sent before.", abort=True)
        sent = _send_all(cluster, letters, target, original_partition=original_partition)
    click.echo(f"{sent} letters were sent")


def _counted(letters: _Letters, target: str) -> tuple[dict[str, int], int]:
    counts: collections.Counter[str] = collections.Counter()
    homeless = 0
    for letter in letters:
        home = target or letter.cause.topic
        if home:
            counts[home] += 1
        else:
            homeless += 1
    return dict(counts), homeless


def _check_topics(cluster: _Cluster, counts: Mapping[str, int], topic: str) -> None:
    """Refuse topics that are not there: a broker might make them, with one partition."""
    if topic in counts:
        raise BadRequestError(f"letters of '{topic}' cannot be sent to '{topic}' itself; use --to")
    settings = cluster.settings(ClientRole.DLQ_ADMIN)
    admin = cluster.broker().admin(settings.properties, client_id=settings.client_id)
    try:
        missing = sorted(set(counts) - set(admin.topics(TIMEOUT_S)))
    finally:
        admin.close()
    if missing:
        raise NotFoundError(f"there is no topic '{missing[0]}'; create it, or use --to")


def _send_all(
    cluster: _Cluster, letters: _Letters, target: str, *, original_partition: bool
) -> int:
    settings = cluster.settings(ClientRole.DLQ_PRODUCER)
    broker = cluster.broker()
    producer = broker.producer(settings.properties, client_id=settings.client_id, precise=True)
    sent = 0
    waiting: dict[str, list[Letter]] = {}
    try:
        for letter in letters:
            home = target or letter.cause.topic
            if not home:
                continue
            group = waiting.setdefault(home, [])
            group.append(letter)
            if len(group) == SEND_ROWS:
                sent += _send(producer, home, waiting.pop(home), keep=original_partition)
        for home, group in waiting.items():
            sent += _send(producer, home, group, keep=original_partition)
    except PenstockError as problem:
        raise BrokerError(f"{sent} letters were sent, then: {problem}") from problem
    finally:
        producer.close(0)
    return sent


def _send(producer: Producer, topic: str, letters: list[Letter], *, keep: bool) -> int:
    """Send letters of one topic and wait until all are stored; return how many."""
    headers = [list(one.headers) for one in letters]
    batch = EncodedBatch(
        topic=topic,
        values=[one.value for one in letters],
        keys=[one.key for one in letters],
        partitions=[one.cause.partition if one.cause.partition >= 0 else None for one in letters]
        if keep
        else None,
        timestamps=[None if one.timestamp < 0 else one.timestamp for one in letters],
        headers=headers if any(headers) else None,
    )
    row = stored = 0
    while stored < len(batch):
        if row < len(batch):
            row = producer.send(batch, 0, row)
        producer.flush(TIMEOUT_S)
        deliveries = producer.poll(0)
        if not deliveries:
            raise BrokerError(f"topic '{topic}': nothing was stored for {TIMEOUT_S:g} s")
        for delivery in deliveries:
            if delivery.error is not None:
                raise BrokerError(delivery.error)
            stored += delivery.stop - delivery.start
    return stored
