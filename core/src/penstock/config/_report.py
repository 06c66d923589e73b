"""What validation tells the user: the shapes of the REST API (source: ConfigInfos)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

import attrs

from penstock.config._keys import KeySpec
from penstock.config._parse import to_text

__all__ = ["ConfigInfos", "ConfigValue", "KeyReport"]


@attrs.define
class ConfigValue:
    """One key after checking: its value, everything wrong with it, what to offer instead."""

    spec: KeySpec
    parsed: Any
    given: str | None = None
    errors: list[str] = attrs.field(factory=list)
    recommended: list[Any] = attrs.field(factory=list)
    visible: bool = True

    @property
    def name(self) -> str:
        """The key."""
        return self.spec.name

    def to_json(self) -> dict[str, Any]:
        """Return the ``value`` part of the REST API's ConfigInfo."""
        kind = self.spec.type
        value = self.given if self.errors else self.parsed
        return {
            "name": self.name,
            "value": to_text(kind, value),
            "recommended_values": [to_text(kind, one) for one in self.recommended],
            "errors": list(self.errors),
            "visible": self.visible,
        }


@attrs.frozen
class KeyReport:
    """The ``definition`` part of the REST API's ConfigInfo (source: ConfigKeyInfo, 4.2 names)."""

    name: str
    type: str
    required: bool
    default_value: str | None
    importance: str
    documentation: str
    group: str | None
    width: str
    display_name: str
    dependents: list[str]
    order_in_group: int

    @classmethod
    def of(cls, spec: KeySpec) -> Self:
        """Describe a key."""
        default = None if spec.is_required else to_text(spec.type, spec.default)
        return cls(
            name=spec.name,
            type=spec.type.value,
            required=spec.is_required,
            default_value=default,
            importance=spec.importance,
            documentation=spec.doc,
            group=spec.group,
            width=spec.width,
            display_name=spec.display_name or spec.name,
            dependents=list(spec.dependents),
            order_in_group=spec.order,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object."""
        return attrs.asdict(self)


@attrs.define
class ConfigInfos:
    """Every key of a connector's configuration, checked; the answer of ``validate``."""

    name: str
    values: list[ConfigValue] = attrs.field(factory=list)
    groups: list[str] = attrs.field(factory=list)

    @property
    def error_count(self) -> int:
        """How many messages there are in all."""
        return sum(len(value.errors) for value in self.values)

    def add(self, values: Iterable[ConfigValue], groups: Sequence[str] = ()) -> None:
        """Append keys; groups that are new are appended too."""
        self.values.extend(values)
        self.groups.extend(group for group in groups if group not in self.groups)

    def of(self, name: str) -> ConfigValue | None:
        """Return one key, or None."""
        return next((value for value in self.values if value.name == name), None)

    def change(self, change: Callable[[ConfigValue], None]) -> None:
        """Apply ``change`` to every key."""
        for value in self.values:
            change(value)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of ``PUT /connector-plugins/{name}/config/validate``."""
        return {
            "name": self.name,
            "error_count": self.error_count,
            "groups": list(self.groups),
            "configs": [
                {"definition": KeyReport.of(value.spec).to_json(), "value": value.to_json()}
                for value in self.values
            ],
        }
