"""One attrs class a component: from it the parser, every error at once, and the description."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final, Generic, Literal, TypeVar, dataclass_transform

import attrs

from penstock.config._keys import METADATA, REQUIRED, KeySpec, KeyType, key
from penstock.config._parse import InvalidValueError, parse_value
from penstock.config._report import ConfigValue, KeyReport
from penstock.config._secret import Password
from penstock.errors import ConfigError, Problem

__all__ = ["ConfigSpec", "NoConfig", "config"]

C = TypeVar("C")
_SPECS: Final = "__penstock_config_spec__"


@dataclass_transform(field_specifiers=(key, attrs.field), kw_only_default=True)
def config(cls: type[C]) -> type[C]:
    """Make a class of :func:`key` attributes a config class: attrs, keyword arguments only."""
    return attrs.define(kw_only=True)(cls)


_TYPES: Final[Mapping[Any, KeyType]] = {
    str: KeyType.STRING,
    int: KeyType.INT,
    float: KeyType.DOUBLE,
    bool: KeyType.BOOLEAN,
    Password: KeyType.PASSWORD,
}


def _type_of(annotation: Any) -> tuple[KeyType, tuple[str, ...], Any]:
    """Return the key type, the choices that a Literal gives, and a class for cattrs or None."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        named = [extra for extra in arguments[1:] if isinstance(extra, KeyType)]
        return (named[0], (), None) if named else _type_of(arguments[0])
    if origin in (typing.Union, types.UnionType):
        inner = [argument for argument in arguments if argument is not type(None)]
        return _type_of(inner[0]) if len(inner) == 1 else (KeyType.STRING, (), None)
    if origin is Literal:
        return KeyType.STRING, tuple(str(argument) for argument in arguments), None
    if list in (origin, annotation):
        return KeyType.LIST, (), None
    if annotation in _TYPES:
        return _TYPES[annotation], (), None
    return KeyType.STRING, (), None if annotation is Any else annotation


def _key_spec(attribute: attrs.Attribute[Any], annotation: Any) -> KeySpec:
    parts = dict(attribute.metadata.get(METADATA, {}))
    if not parts and attribute.default is not attrs.NOTHING:
        parts["default"] = attribute.default
    kind, choices, structured = _type_of(annotation)
    name = parts.pop("name", None) or attribute.name.replace("_", ".")
    parts["choices"] = parts.get("choices") or choices
    parts["display_name"] = parts.get("display_name") or name
    return KeySpec(name=name, attribute=attribute.name, type=kind, annotation=structured, **parts)


class ConfigSpec(Generic[C]):
    """The keys of one config class, in the order of definition. Made once a class."""

    def __init__(self, cls: type[C], keys: Iterable[KeySpec]) -> None:
        """Use :meth:`of`; this is for specs put together by hand."""
        self.cls = cls
        self.keys = tuple(keys)
        self.by_name: Mapping[str, KeySpec] = {spec.name: spec for spec in self.keys}

    @classmethod
    def of(cls, config_class: type[C]) -> ConfigSpec[C]:
        """Return the spec of a ``@config`` class."""
        known = config_class.__dict__.get(_SPECS)
        if known is not None:
            return typing.cast("ConfigSpec[C]", known)
        hints = typing.get_type_hints(config_class, include_extras=True)
        fields = attrs.fields(config_class)  # type: ignore[arg-type]  # attrs types its own protocol
        spec = cls(config_class, (_key_spec(field, hints.get(field.name, str)) for field in fields))
        setattr(config_class, _SPECS, spec)
        return spec

    def check(self, raw: Mapping[str, str | None]) -> list[ConfigValue]:
        """Return every key with its parsed value and all its errors; never raises.

        Keys of ``raw`` that the class does not have are not looked at.
        """
        values: dict[str, ConfigValue] = {}
        for spec in self.keys:
            values[spec.name] = _checked(spec, raw)
        parsed = {name: value.parsed for name, value in values.items() if not value.errors}
        for spec in self.keys:
            _advise(spec, values[spec.name], parsed)
        return list(values.values())

    def parse(self, raw: Mapping[str, str | None], *, who: str = "") -> C:
        """Return the config object.

        Raises:
            ConfigError: with every problem of every key.
        """
        checked = self.check(raw)
        problems = [Problem(value.name, text) for value in checked for text in value.errors]
        if problems:
            raise ConfigError(problems, who=who)
        by_name = {value.name: value.parsed for value in checked}
        return self.cls(**{spec.attribute: by_name[spec.name] for spec in self.keys})

    def describe(self) -> list[KeyReport]:
        """Return every key as ``GET /connector-plugins/{name}/config`` shows it."""
        return [KeyReport.of(spec) for spec in self.keys]


def _checked(spec: KeySpec, raw: Mapping[str, str | None]) -> ConfigValue:
    if spec.name not in raw:
        if spec.default is REQUIRED:
            text = f'Missing required configuration "{spec.name}" which has no default value.'
            return ConfigValue(spec=spec, parsed=None, errors=[text])
        default = list(spec.default) if isinstance(spec.default, list | tuple) else spec.default
        return ConfigValue(spec=spec, parsed=default)
    try:
        return ConfigValue(
            spec=spec, parsed=parse_value(spec, raw[spec.name]), given=raw[spec.name]
        )
    except InvalidValueError as problem:
        return ConfigValue(spec=spec, parsed=None, given=raw[spec.name], errors=[str(problem)])


def _advise(spec: KeySpec, value: ConfigValue, parsed: Mapping[str, Any]) -> None:
    """Ask the key's recommender and visibility; what they raise becomes an error of the key."""
    advisers: list[Callable[[], None]] = []
    if spec.recommender is not None:
        recommend = spec.recommender
        advisers.append(lambda: value.recommended.extend(recommend(spec.name, parsed)))
    elif spec.choices:
        value.recommended.extend(spec.choices)
    if spec.visible is not None:
        visible = spec.visible
        advisers.append(lambda: setattr(value, "visible", visible(spec.name, parsed)))
    for advise in advisers:
        try:
            advise()
        except Exception as problem:  # noqa: BLE001 - an author's code; its failure is the news
            value.errors.append(f"{spec.name}: the recommender failed: {problem}")


@config
class NoConfig:
    """The config of a component that has no keys."""
