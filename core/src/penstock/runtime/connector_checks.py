"""What is wrong with a connector's keys taken together. Pure (source: AbstractHerder)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from penstock.errors import Problem

__all__ = ["cross_problems", "missing_topics"]

Raw = Mapping[str, str | None]


def cross_problems(raw: Raw, *, is_sink: bool | None = None) -> list[Problem]:
    """Return what is wrong with aliases, predicates, topics and dead letters.

    Args:
        raw: the connector's configuration, references replaced.
        is_sink: which way it copies; None when that is not known, then both ways' keys are
            checked as far as they are there.
    """
    problems = [*_bad_texts(raw)]
    for key in ("transforms", "predicates"):
        aliases = _aliases(raw, key)
        twice = sorted({alias for alias in aliases if aliases.count(alias) > 1})
        if twice:
            why = f"duplicate alias {', '.join(twice)}; name each once"
            problems.append(_invalid(raw, key, why))
    problems.extend(_transform_problems(raw))
    if is_sink is not False:
        problems.extend(_topic_problems(raw))
    return problems


def _invalid(raw: Raw, key: str, why: str) -> Problem:
    return Problem(key, f"Invalid value {raw.get(key)} for configuration {key}: {why}")


def _aliases(raw: Raw, key: str) -> list[str]:
    return [alias.strip() for alias in (raw.get(key) or "").split(",") if alias.strip()]


def _bad_texts(raw: Raw) -> list[Problem]:
    """A NUL ends a text wherever C code reads it: in file paths, topics and client properties."""
    text = "the value holds a NUL character; remove it"
    return [
        Problem(key, f"Invalid value for configuration {key}: {text}")
        for key, value in raw.items()
        if value is not None and "\0" in value
    ]


def _transform_problems(raw: Raw) -> list[Problem]:
    declared = _aliases(raw, "predicates")
    problems = []
    for alias in dict.fromkeys(_aliases(raw, "transforms")):
        key = f"transforms.{alias}.predicate"
        predicate = (raw.get(key) or "").strip()
        if predicate and predicate not in declared:
            why = (
                "no predicate of that alias is declared; add it to 'predicates' and give "
                f"predicates.{predicate}.type"
            )
            problems.append(_invalid(raw, key, why))
        negate = f"transforms.{alias}.negate"
        if negate in raw and not predicate:
            problems.append(
                _invalid(raw, negate, f"negate needs a predicate; set {key} or remove it")
            )
    return problems


def _topic_problems(raw: Raw) -> list[Problem]:
    """Only of keys that are there: that a sink needs topics at all is the sink's check."""
    topics = _aliases(raw, "topics")
    pattern = (raw.get("topics.regex") or "").strip()
    problems = []
    if topics and pattern:
        text = "Must configure only one of topics or topics.regex; remove the other"
        problems.append(Problem("topics", text))
    key = "errors.deadletterqueue.topic.name"
    dead = (raw.get(key) or "").strip()
    if dead and (dead in topics or (pattern and _matches(pattern, dead))):
        why = (
            "the connector reads this topic, so its dead letters would come back; choose another "
            "topic"
        )
        problems.append(_invalid(raw, key, why))
    return problems


def _matches(pattern: str, topic: str) -> bool:
    try:
        return re.fullmatch(pattern, topic) is not None
    except re.error:
        return False


def missing_topics(raw: Raw) -> list[Problem]:
    """Return the problem of a sink that names no topics at all."""
    if (raw.get("topics") or "").strip() or (raw.get("topics.regex") or "").strip():
        return []
    return [Problem("topics", "Must configure one of topics or topics.regex; set topics")]
