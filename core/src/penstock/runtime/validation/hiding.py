"""Keep what config providers answered out of the report (source: KAFKA-5117, CVE-2019-12399)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from penstock.config import ConfigInfos, ConfigValue

__all__ = ["hide_resolved"]

_SECRET_CHARS_MIN: Final = 4
"""Shorter answers are not looked for in other keys' messages: they would be found by chance."""


def hide_resolved(
    infos: ConfigInfos, given: Mapping[str, str], texts: Mapping[str, str | None]
) -> None:
    """Show references in place of the answers: in values, offers and messages.

    Args:
        infos: changed in place.
        given: the configuration as the user wrote it.
        texts: the same, references replaced.
    """
    answers: dict[str, str] = {}
    for key, reference in given.items():
        text = texts.get(key)
        if text is not None and text != reference:
            answers |= dict.fromkeys(_forms(reference, text), reference)
    longest_first = sorted(answers, key=len, reverse=True)
    for value in infos.values:
        reference = given.get(value.name, "")
        if texts.get(value.name, reference) != reference:
            _hide_own(value, reference)
            continue
        value.errors = [_replaced(one, longest_first, answers) for one in value.errors]
        value.recommended = [one for one in value.recommended if not _tells(one, longest_first)]


def _hide_own(value: ConfigValue, reference: str) -> None:
    value.given = reference
    value.recommended = []
    if value.errors:
        # Not the message itself: it may show a part of the value, such as one element of a list.
        why = "the value behind this reference is not valid; correct it where it is kept"
        value.errors = [f"Invalid value {reference} for configuration {value.name}: {why}"]
    else:
        value.parsed = reference


def _forms(reference: str, text: str) -> list[str]:
    """Return what may stand in a message: the value, its elements, what the provider added."""
    before, after = reference.partition("${")[0], reference.rpartition("}")[2]
    added = text.removeprefix(before).removesuffix(after)
    parts = [text, added, *text.split(","), *added.split(",")]
    return [one for part in parts if len(one := part.strip()) >= _SECRET_CHARS_MIN]


def _replaced(message: str, longest_first: list[str], answers: Mapping[str, str]) -> str:
    for answer in longest_first:
        message = message.replace(answer, answers[answer])
    return message


def _tells(offer: Any, answers: list[str]) -> bool:
    return any(answer in str(offer) for answer in answers)
