"""Dead letters as the command line chooses and shows them. Decides; reads nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs
import click

from penstock.runtime.broker import EncodedHeaders, FetchedBatch
from penstock.runtime.pipeline.dead_letter import Cause, cause_of, plain_headers

__all__ = ["Choice", "Letter", "letters_of", "parse_offsets", "shown_bytes"]

TEXT_CHARS_MAX: Final = 200
"""Of keys and values on a line; JSON has all of them."""


@attrs.frozen
class Letter:
    """One dead letter: where it is, what was consumed, and why it failed."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: EncodedHeaders
    cause: Cause

    @property
    def time(self) -> str:
        """The record's own time, UTC; empty when it has none."""
        if self.timestamp < 0:
            return ""
        moment = dt.datetime.fromtimestamp(self.timestamp / 1000, dt.UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@attrs.frozen
class Choice:
    """Which letters are meant; what is left empty chooses all.

    ``exception`` is a part of the class's name; ``first`` and ``last`` are offsets of the dead
    letter topic, in each of its partitions; ``offsets`` are single ones.
    """

    connector: str = ""
    stage: str = ""
    exception: str = ""
    first: int | None = None
    last: int | None = None
    offsets: frozenset[tuple[int, int]] = frozenset()

    def span(self, partition: int, start: int, stop: int) -> tuple[int, int]:
        """Return the offsets to read of a partition that holds these."""
        if self.first is not None:
            start = max(start, self.first)
        if self.last is not None:
            stop = min(stop, self.last + 1)
        if self.offsets:
            wanted = [offset for part, offset in self.offsets if part == partition]
            start = max(start, min(wanted, default=stop))
            stop = min(stop, max(wanted, default=-1) + 1)
        return start, stop

    def has(self, letter: Letter) -> bool:
        """Whether a letter is meant."""
        cause = letter.cause
        return (
            (not self.connector or cause.connector == self.connector)
            and (not self.stage or cause.stage == self.stage.upper())
            and self.exception.lower() in cause.exception.lower()
            and (not self.offsets or (letter.partition, letter.offset) in self.offsets)
        )


def parse_offsets(text: str) -> frozenset[tuple[int, int]]:
    """Return ``0:3,0:7`` as pairs of partition and offset; raises click.BadParameter."""
    pairs = set()
    for one in filter(None, (part.strip() for part in text.split(","))):
        partition, _, offset = one.partition(":")
        if not (partition.isascii() and partition.isdigit() and offset.isascii()) or (
            not offset.isdigit()
        ):
            raise click.BadParameter(f"'{one}' is no partition:offset, such as 0:17")
        pairs.add((int(partition), int(offset)))
    return frozenset(pairs)


def letters_of(fetched: FetchedBatch) -> Iterator[Letter]:
    """Yield the rows of a dead letter topic as letters."""
    for i in range(len(fetched)):
        headers = () if fetched.headers is None else fetched.headers[i]
        yield Letter(
            partition=fetched.partition,
            offset=fetched.offsets[i],
            timestamp=fetched.timestamps[i],
            key=fetched.keys[i],
            value=fetched.values[i],
            headers=plain_headers(headers),
            cause=cause_of(headers),
        )


def shown_bytes(data: bytes | None) -> Any:
    """Return bytes as text where they are text, else in hexadecimal."""
    if data is None:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"0x{data.hex()}"


Decode = Callable[[bytes | None], Any]


def row_of(letter: Letter, key: Decode, value: Decode) -> Mapping[str, str]:
    """Return a letter as a row of a table."""
    cause = letter.cause
    return {
        "letter": f"{letter.partition}:{letter.offset}",
        "origin": cause.place,
        "time": letter.time,
        "connector": f"{cause.connector}-{cause.task}" if cause.connector else "",
        "stage": cause.stage,
        "class": cause.class_name.rpartition(".")[2],
        "exception": cause.exception.rpartition(".")[2],
        "message": _short(cause.message),
        "key": _short(key(letter.key)),
        "value": _short(value(letter.value)),
    }


def _short(value: Any) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= TEXT_CHARS_MAX else text[: TEXT_CHARS_MAX - 1] + "…"


def json_of(letter: Letter, key: Decode, value: Decode) -> dict[str, Any]:
    """Return everything that a letter tells."""
    cause = attrs.asdict(letter.cause)
    return {
        "partition": letter.partition,
        "offset": letter.offset,
        "timestamp": letter.timestamp,
        "key": key(letter.key),
        "value": value(letter.value),
        "headers": [[name, shown_bytes(data)] for name, data in letter.headers],
        "cause": cause if any(cause[name] not in ("", -1) for name in cause) else None,
    }
