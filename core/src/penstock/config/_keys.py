"""Declare one configuration key (source: ConfigDef.ConfigKey and its validators)."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

import attrs

__all__ = [
    "METADATA",
    "REQUIRED",
    "ClassName",
    "KeySpec",
    "KeyType",
    "Long",
    "Short",
    "key",
]


class KeyType(enum.Enum):
    """The types of configuration keys, by the names that the REST API shows."""

    BOOLEAN = "BOOLEAN"
    STRING = "STRING"
    INT = "INT"
    SHORT = "SHORT"
    LONG = "LONG"
    DOUBLE = "DOUBLE"
    LIST = "LIST"
    CLASS = "CLASS"
    PASSWORD = "PASSWORD"  # noqa: S105 - the name of a type, no secret


Short = Annotated[int, KeyType.SHORT]
"""A 16-bit integer key."""
Long = Annotated[int, KeyType.LONG]
"""A 64-bit integer key; a plain ``int`` is a 32-bit one."""
ClassName = Annotated[str, KeyType.CLASS]
"""The name of a plugin, resolved by the runtime."""


class _Required:
    """The default of a key that has none."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final[Any] = _Required()
METADATA: Final = "penstock.key"

Validator = Callable[[str, Any], "str | None"]
Recommender = Callable[[str, Mapping[str, Any]], Sequence[Any]]
Visibility = Callable[[str, Mapping[str, Any]], bool]


@attrs.frozen(kw_only=True)
class KeySpec:
    """Everything known about one key. ``attribute`` is its name on the config object.

    ``validator(name, value)`` returns None, or what is wrong as the end of the sentence
    ``Invalid value V for configuration K: ...``. ``recommender(name, parsed)`` returns the values
    to offer; ``visible(name, parsed)`` says whether the key matters given the others.
    """

    name: str
    attribute: str = ""
    type: KeyType = KeyType.STRING
    annotation: Any = None
    default: Any = REQUIRED
    doc: str = ""
    importance: str = "MEDIUM"
    group: str | None = None
    order: int = -1
    width: str = "NONE"
    display_name: str = ""
    dependents: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    any_case: bool = False
    repeats: bool = False
    non_empty: bool = False
    validator: Validator | None = None
    recommender: Recommender | None = None
    visible: Visibility | None = None

    @property
    def is_required(self) -> bool:
        """Whether there is no default."""
        return self.default is REQUIRED


def key(
    name: str | None = None,
    *,
    default: Any = REQUIRED,
    doc: str = "",
    importance: str = "medium",
    group: str | None = None,
    order: int = -1,
    width: str = "none",
    display_name: str = "",
    dependents: Sequence[str] = (),
    min: float | None = None,  # noqa: A002 - reads as the constraint it is
    max: float | None = None,  # noqa: A002 - reads as the constraint it is
    choices: Sequence[str] = (),
    any_case: bool = False,
    repeats: bool = False,
    non_empty: bool = False,
    validator: Validator | None = None,
    recommender: Recommender | None = None,
    visible: Visibility | None = None,
) -> Any:
    """Declare a key as an attribute of a ``@config`` class or a parameter of a short form.

    Args:
        name: the key as users write it; left out, the attribute's with dots for underscores.
        default: the value when the key is missing; left out, the key is required.
        doc: one or more sentences for the reference, the REST API and the command line.
        importance: high, medium or low.
        group, order, width, display_name, dependents: for user interfaces, as in ConfigDef.
        min, max: bounds of a number, inclusive.
        choices: the only texts allowed; ``any_case`` ignores their case.
        repeats: keep an element that a list has twice; left out, the second one goes.
        non_empty: refuse an empty text or list.
        validator: ``(name, value) -> None or what is wrong``.
        recommender: ``(name, parsed) -> values to offer``.
        visible: ``(name, parsed) -> whether the key matters now``.
    """
    parts = {
        "name": name,
        "default": default,
        "doc": doc,
        "importance": importance.upper(),
        "group": group,
        "order": order,
        "width": width.upper(),
        "display_name": display_name,
        "dependents": tuple(dependents),
        "minimum": min,
        "maximum": max,
        "choices": tuple(choices),
        "any_case": any_case,
        "repeats": repeats,
        "non_empty": non_empty,
        "validator": validator,
        "recommender": recommender,
        "visible": visible,
    }
    if default is REQUIRED:
        return attrs.field(metadata={METADATA: parts})
    if isinstance(default, list | dict | set):
        return attrs.field(factory=lambda: type(default)(default), metadata={METADATA: parts})
    return attrs.field(default=default, metadata={METADATA: parts})
