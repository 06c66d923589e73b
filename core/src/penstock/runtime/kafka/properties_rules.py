"""What may be done with one Apache client property: the rules that the property table is made of.

A rule reads one value and tells a :class:`Work` what it means for librdkafka. Nothing here does
input or output. Source of the accepted values: the ``ConfigDef`` of kafka-clients 4.3 (producer,
consumer, admin) and the property list of librdkafka 2.16.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import attrs

from penstock.errors import Problem

__all__ = [
    "HIDDEN",
    "INT_MAX",
    "LONG_MAX",
    "Choice",
    "ClientKind",
    "Elsewhere",
    "Flag",
    "Ignored",
    "Note",
    "Number",
    "Refused",
    "Row",
    "Rule",
    "Setting",
    "Text",
    "Unsupported",
    "Work",
    "as_flag",
    "as_number",
    "kinds_of",
    "printable",
    "rows",
    "same",
    "shown",
]

Setting = str | int | bool
"""A value as confluent_kafka takes it."""

HIDDEN: Final = "[hidden]"
"""Stands for every secret value, as the original prints it."""
INT_MAX: Final = 2**31 - 1
LONG_MAX: Final = 2**63 - 1
_SHOWN_MAX: Final = 120
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")
_SECRET: Final = re.compile(
    r"passw|passphrase|secret|token|credential|jaas|private|"
    r"keystore\.(key|certificate)|truststore\.certificates|api[._-]?key|\.pem$",
    re.IGNORECASE,
)


class ClientKind(enum.Enum):
    """Which Kafka client the properties are for; the value is its name in messages."""

    PRODUCER = "producer"
    CONSUMER = "consumer"
    ADMIN = "admin client"


@attrs.frozen
class Note:
    """A property that was not passed on as it stood.

    Attributes:
        key: the key as the user wrote it.
        value: its value fit to print: secrets hidden, control characters escaped, shortened.
        reason: why, a whole clause.
        remedy: what the user can do; empty when there is nothing to do.
    """

    key: str
    value: str
    reason: str
    remedy: str = ""

    def __str__(self) -> str:
        """One line for the log."""
        text = f"'{self.key}' = '{self.value}': {self.reason}"
        return f"{text}; {self.remedy}" if self.remedy else text


def shown(key: str, value: str) -> str:
    """Return ``value`` fit for a message: hidden when ``key`` names a secret, one short line."""
    if _SECRET.search(key):
        return HIDDEN
    return printable(value)


def printable(text: str) -> str:
    """Return ``text`` on one line, its odd characters escaped, at most 120 characters long."""
    cut = text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)


@attrs.define(eq=False)
class Work:
    """One translation under way: what is given, and what was found out so far.

    Attributes:
        kind: the client that the properties are for.
        properties: what the user gave, by Apache name.
        config: the settings for librdkafka; starts as our defaults.
        runtime: properties that Penstock's runtime obeys itself, as numbers.
        ignored, unsupported, problems, tokens: see ``Translation``.
    """

    kind: ClientKind
    properties: Mapping[str, str]
    config: dict[str, Setting]
    runtime: dict[str, int] = attrs.field(factory=dict)
    ignored: list[Note] = attrs.field(factory=list)
    unsupported: list[Note] = attrs.field(factory=list)
    problems: list[Problem] = attrs.field(factory=list)
    tokens: Any = None

    def value(self, key: str) -> str:
        """Return the trimmed value of ``key``, empty when it is not given."""
        return self.properties.get(key, "").strip()

    def secret(self, key: str) -> str:
        """Return the value of ``key`` untrimmed (a password may end in a space), or empty."""
        return self.properties.get(key, "")

    def ignore(self, key: str, reason: str) -> None:
        """Note that ``key`` does nothing here, harmlessly."""
        self.ignored.append(Note(key, shown(key, self.secret(key)), reason))

    def drop(self, key: str, reason: str, remedy: str) -> None:
        """Note that ``key`` cannot be honoured as it stands and behaviour differs."""
        self.unsupported.append(Note(key, shown(key, self.secret(key)), reason, remedy))

    def refuse(self, key: str, fault: str, remedy: str) -> None:
        """Add the problem ``'key' fault, got 'value'; remedy`` (``is missing`` has no value)."""
        got = f", got '{shown(key, self.secret(key))}'" if key in self.properties else ""
        self.problems.append(Problem(key, f"'{printable(key)}' {fault}{got}; {remedy}"))


class Rule(Protocol):
    """What to do with one property."""

    def apply(self, key: str, value: str, work: Work) -> None:
        """Carry ``value``, trimmed, into ``work``."""


@attrs.frozen
class Row:
    """A property's line in a table: the clients that know it and what becomes of it."""

    kinds: frozenset[ClientKind]
    rule: Rule


@attrs.frozen
class Text:
    """Passed on as it stands, under the name ``target``."""

    target: str
    empty: bool = True

    def apply(self, key: str, value: str, work: Work) -> None:
        """Refuse an empty value where the original does, or where librdkafka would abort."""
        if value or self.empty:
            work.config[self.target] = value
        else:
            work.refuse(key, "must not be empty", "give it a value or leave it out")


@attrs.frozen
class Flag:
    """``true`` or ``false`` in any case, passed on under the name ``target``."""

    target: str

    def apply(self, key: str, value: str, work: Work) -> None:
        """Refuse everything else, as the original does."""
        flag = as_flag(key, value, work)
        if flag is not None:
            work.config[self.target] = flag


@attrs.frozen
class Number:
    """A whole number, passed on under each of ``targets``, or kept for the runtime.

    Attributes:
        targets: names in librdkafka; empty when only the runtime reads it.
        low, high: what the original accepts; anything else is a problem.
        native_low, native_high: what librdkafka accepts; the nearest bound is taken, and noted.
        divide: the unit, for example 1024 from bytes to kilobytes; rounded up.
        special: values with a meaning of their own, mapped before all else.
        runtime: the runtime obeys the number itself.
    """

    targets: tuple[str, ...]
    low: int = 0
    high: int = INT_MAX
    native_low: int = 0
    native_high: int = INT_MAX
    divide: int = 1
    special: Mapping[int, int] = attrs.field(factory=dict)
    runtime: bool = False

    def apply(self, key: str, value: str, work: Work) -> None:
        """Check against the original's range, then fit into librdkafka's."""
        number = as_number(key, value, work, self.low, self.high)
        if number is None:
            return
        if self.runtime:
            work.runtime[key] = number
        fitted = self.special.get(number, -(-number // self.divide))
        if number not in self.special:
            fitted = self._clamped(key, fitted, work)
        for target in self.targets:
            work.config[target] = fitted

    def _clamped(self, key: str, number: int, work: Work) -> int:
        fitted = min(max(number, self.native_low), self.native_high)
        if fitted != number and self.targets:
            low, high = self.native_low * self.divide, self.native_high * self.divide
            work.drop(
                key,
                f"librdkafka takes {low} to {high}; {fitted * self.divide} is used",
                "give a value in that range",
            )
        return fitted


@attrs.frozen
class Choice:
    """One of a few words, mapped to librdkafka's.

    Attributes:
        target: the name in librdkafka.
        values: the accepted words and what they become.
        folded: case does not matter; ``values`` are then in lower case.
    """

    target: str
    values: Mapping[str, Setting]
    folded: bool = False

    def apply(self, key: str, value: str, work: Work) -> None:
        """Refuse every other word."""
        word = value.lower() if self.folded else value
        if word in self.values:
            work.config[self.target] = self.values[word]
        else:
            work.refuse(key, f"must be one of {', '.join(self.values)}", "choose one of them")


@attrs.frozen
class Ignored:
    """Without meaning here, and harmless to leave out."""

    reason: str

    def apply(self, key: str, value: str, work: Work) -> None:
        """Note it."""
        work.ignore(key, self.reason)


@attrs.frozen
class Unsupported:
    """Cannot be honoured, and behaviour differs unless the value is among ``harmless``."""

    reason: str
    remedy: str
    harmless: frozenset[str] = frozenset({""})

    def apply(self, key: str, value: str, work: Work) -> None:
        """Note it."""
        if _among(value, self.harmless):
            work.ignore(key, "this value asks for what happens anyway")
        else:
            work.drop(key, self.reason, self.remedy)


@attrs.frozen
class Refused:
    """Cannot be honoured, and going on without it would be unsafe."""

    reason: str
    remedy: str
    harmless: frozenset[str] = frozenset({""})

    def apply(self, key: str, value: str, work: Work) -> None:
        """Make it a problem, unless the value is among ``harmless``."""
        if _among(value, self.harmless):
            work.ignore(key, "this value asks for what happens anyway")
        else:
            work.refuse(key, self.reason, self.remedy)


@attrs.frozen
class Elsewhere:
    """Understood only together with other properties, by the module ``where``."""

    where: str

    def apply(self, key: str, value: str, work: Work) -> None:
        """Leave it to that module."""


def _among(value: str, words: frozenset[str]) -> bool:
    """Return whether every item of the list ``value`` is one of ``words``."""
    return all(item.strip() in words for item in value.split(","))


def as_flag(key: str, value: str, work: Work) -> bool | None:
    """Return the truth of ``value``, or None after noting the problem."""
    word = value.lower()
    if word in {"true", "false"}:
        return word == "true"
    work.refuse(key, "must be true or false", "choose one of them")
    return None


def as_number(key: str, value: str, work: Work, low: int, high: int) -> int | None:
    """Return ``value`` as a whole number from ``low`` to ``high``, or None after a problem."""
    number = int(value) if _INTEGER.fullmatch(value) else None
    if number is None or not low <= number <= high:
        work.refuse(key, f"must be a whole number from {low} to {high}", "give such a number")
        return None
    return number


def kinds_of(letters: str) -> frozenset[ClientKind]:
    """Return the kinds that the letters P, C and A stand for."""
    by_letter = {"P": ClientKind.PRODUCER, "C": ClientKind.CONSUMER, "A": ClientKind.ADMIN}
    return frozenset(by_letter[letter] for letter in letters)


def rows(letters: str, rules: Mapping[str, Rule]) -> dict[str, Row]:
    """Return table lines for ``rules``, all known to the kinds in ``letters``."""
    kinds = kinds_of(letters)
    return {key: Row(kinds, rule) for key, rule in rules.items()}


def same(rule: Rule, keys: Sequence[str]) -> dict[str, Rule]:
    """Return ``rule`` for each of ``keys``."""
    return dict.fromkeys(keys, rule)
