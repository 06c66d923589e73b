"""A Java component's keys as ours: asked of Java once, then kept beside the jars' cache."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from penstock.config import REQUIRED, ConfigSpec, ConfigValue, KeySpec, KeyType
from penstock_jvm import _maven
from penstock_jvm._host import begin, java_map, named, told
from penstock_jvm.machine import java_class

__all__ = ["OPTIONS", "JavaConfig", "JavaSpec", "RawSpec", "validated"]

OPTIONS: Final = "jvm.options"
_CHAIN: Final = "jvm.chain."
_OPTIONS_KEY: Final = KeySpec(
    name=OPTIONS,
    attribute="options",
    default="",
    importance="LOW",
    doc="Options of the Java machine, split at spaces, such as -Xmx1g; empty: -Xmx512m and the "
    "serial collector.",
    display_name=OPTIONS,
)


@attrs.frozen
class JavaConfig:
    """A Java component's configuration: texts, which Java itself reads."""

    raw: Mapping[str, str]

    @property
    def settings(self) -> dict[str, str]:
        """What Java is given: all but our own keys."""
        return {key: value for key, value in self.raw.items() if not key.startswith("jvm.")}

    @property
    def passed_on(self) -> dict[str, str]:
        """Our own keys, and those of transforms, as a connector gives them to its tasks."""
        chain = {
            f"{_CHAIN}{key}": text
            for key, text in self.raw.items()
            if key.startswith(("transforms", "predicates"))
        }
        return chain | {key: text for key, text in self.raw.items() if key.startswith("jvm.")}

    @property
    def chain(self) -> dict[str, str]:
        """The keys of transforms, as the connector passed them on to its task."""
        start = len(_CHAIN)
        return {key[start:]: text for key, text in self.raw.items() if key.startswith(_CHAIN)}


class JavaSpec(ConfigSpec[Any]):
    """The keys of a Java class; starts Java when they are not known yet."""

    def __init__(self, name: str, jars: Sequence[str], *, bare: bool = False) -> None:
        """Name the class and its plugin's jars; a bare one has no keys of ours."""
        found = [_key(told) for told in _told_keys(name, jars)]
        super().__init__(JavaConfig, found if bare else (_OPTIONS_KEY, *found))
        self._name = name

    def parse(self, raw: Mapping[str, str | None], *, who: str = "") -> JavaConfig:
        """Return the texts; Java parses them."""
        del who
        return JavaConfig({key: value for key, value in raw.items() if value is not None})


class RawSpec(ConfigSpec[Any]):
    """The keys of a Java task, which has no list of them."""

    def __init__(self) -> None:
        """Know none."""
        super().__init__(JavaConfig, ())

    def parse(self, raw: Mapping[str, str | None], *, who: str = "") -> JavaConfig:
        """Return the texts; Java parses them."""
        del who
        return JavaConfig({key: value for key, value in raw.items() if value is not None})


def _key(told: Mapping[str, Any]) -> KeySpec:
    kind = KeyType(told["type"])
    text = told["default"]
    default: Any = text
    if told["required"]:
        default = REQUIRED
    elif kind is KeyType.LIST and text is not None:
        default = [part for part in text.split(",") if part]
    return KeySpec(
        name=told["name"],
        attribute=told["name"],
        type=kind,
        default=default,
        doc=told["doc"],
        importance=told["importance"],
        group=told["group"],
        order=told["order"],
        width=told["width"],
        display_name=told["display"] or told["name"],
        dependents=tuple(told["dependents"] or ()),
    )


def _told_keys(name: str, jars: Sequence[str]) -> list[Mapping[str, Any]]:
    stamps = [f"{jar} {Path(jar).stat().st_size} {Path(jar).stat().st_mtime_ns}" for jar in jars]
    key = hashlib.sha256("\n".join([name, *stamps]).encode()).hexdigest()[:20]
    kept = _maven.cache_folder() / "keys" / f"{key}.json"
    try:
        known: list[Mapping[str, Any]] = json.loads(kept.read_text())
    except (FileNotFoundError, ValueError):
        pass
    else:
        return known
    begin(None)
    component = named(name, jars)
    with told(name):
        text = str(java_class("io.penstock.jvm.Connectors").keys(component.config()))
    kept.parent.mkdir(parents=True, exist_ok=True)
    draft = kept.with_suffix(f".{os.getpid()}")
    draft.write_text(text)
    draft.replace(kept)
    asked: list[Mapping[str, Any]] = json.loads(text)
    return asked


def validated(
    spec: JavaSpec, name: str, jars: Sequence[str], raw: Mapping[str, str | None]
) -> list[ConfigValue]:
    """Return every key as the Java connector judges it.

    Called by: a validation process; it starts Java there.
    """
    begin(None)
    connector = named(name, jars)
    with told(name):
        text = java_class("io.penstock.jvm.Connectors").validate(connector, java_map(raw))
    values = []
    for one in json.loads(str(text)):
        key = spec.by_name.get(one["name"]) or KeySpec(name=one["name"], default=None)
        given = raw.get(key.name)
        default = None if key.is_required else key.default
        values.append(
            ConfigValue(
                spec=key,
                parsed=default if given is None else given,
                given=given,
                errors=list(one["errors"]),
                recommended=list(one["recommended"]),
                visible=one["visible"],
            )
        )
    return [*ConfigSpec(JavaConfig, (_OPTIONS_KEY,)).check(raw), *values]
