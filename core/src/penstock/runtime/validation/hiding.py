"""Keep what config providers answered out of the report (source: KAFKA-5117, CVE-2019-12399)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

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
    _hide_aliases(infos, given, texts)


def _hide_aliases(
    infos: ConfigInfos, given: Mapping[str, str], texts: Mapping[str, str | None]
) -> None:
    """Hide what became names of keys and groups: lists of transforms and predicates."""
    names: dict[str, str] = {}
    for key in ("transforms", "predicates"):
        text, reference = texts.get(key), given.get(key)
        if text is not None and reference is not None and text != reference:
            aliases = (one.strip() for one in text.split(","))
            names |= {one: reference for one in aliases if one and one not in reference}
    if not names:
        return
    longest_first = sorted(names, key=len, reverse=True)
    infos.groups[:] = [_replaced(group, longest_first, names) for group in infos.groups]
    for value in infos.values:
        if value.name.startswith(("transforms.", "predicates.")):
            spec = value.spec
            value.spec = attrs.evolve(
                spec,
                name=_replaced(spec.name, longest_first, names),
                display_name=_replaced(spec.display_name, longest_first, names),
                group=_replaced(spec.group or "", longest_first, names) or None,
                dependents=tuple(_replaced(one, longest_first, names) for one in spec.dependents),
            )


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
