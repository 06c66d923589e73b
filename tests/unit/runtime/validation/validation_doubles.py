"""Plugins of every kind, small enough to know what their validation must say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.api import (
    ConfigProvider,
    Converter,
    Predicate,
    SinkConnector,
    SourceConnector,
    Transform,
    hookimpl,
)
from penstock.config import ConfigValue, NoConfig, Password, config, key
from penstock.errors import ConfigError, Problem


@config
class LinesConfig:
    path: str = key(doc="Where to read.", group="Files", order=1)
    secret: Password = key(default=None, doc="A secret.")
    modes: list[str] = key(default=[], choices=("fast", "slow"), doc="How.")


class Lines(SourceConnector[LinesConfig]):
    VERSION = "1.5.0"


class Out(SinkConnector[LinesConfig]):
    @classmethod
    def validate(cls, raw: Mapping[str, str | None]) -> list[ConfigValue]:
        values = super().validate(raw)
        if raw.get("path") == "leak":
            values[0].errors.append(f"path: not beside {raw.get('neighbour')}")
        return values


class Faulty(SourceConnector[LinesConfig]):
    """Its validate raises what ``path`` asks for."""

    @classmethod
    def validate(cls, raw: Mapping[str, str | None]) -> Any:
        match raw.get("path"):
            case "raise":
                raise RuntimeError("author's mistake")
            case "none":
                return None
            case "texts":
                return ["path is wrong"]
        raise ConfigError([Problem("path", "path: not there"), Problem("modes", "modes: too slow")])


@config
class CaseConfig:
    field: str = key(doc="Which field.", dependents=("locale",))
    locale: str = key(default="en", doc="Which language.")


class Case(Transform[CaseConfig]):
    sided = True


class Route(Transform[CaseConfig]):
    pass


@config
class MatchConfig:
    pattern: str = key(non_empty=True, doc="What to match.")


class Match(Predicate[MatchConfig]):
    pass


class Text(Converter[CaseConfig]):
    pass


class Vault(ConfigProvider[NoConfig]):
    def lookup(self, path: str, key: str) -> str | None:
        if path == "broken":
            raise OSError("connection with token hunter2secret was reset")
        if path == "forbidden":
            raise ConfigError("the path is not allowed")
        return {"number": "three", "password": "hunter2secret", "two": "fast,verysecret"}.get(key)


class Installed:
    @hookimpl
    def register_connectors(self) -> Mapping[str, type[Any]]:
        return {"Lines": Lines, "Out": Out, "Faulty": Faulty}

    @hookimpl
    def register_converters(self) -> Mapping[str, type[Any]]:
        return {"Text": Text}

    @hookimpl
    def register_transforms(self) -> Mapping[str, type[Any]]:
        return {"com.x.Case$Key": Case, "Route": Route, "Match": Match, "Vault": Vault}
