"""The laws of a plugin's configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from penstock.api import Converter, HeaderConverter, Plugin, Predicate, Transform
from penstock.config import ConfigSpec, KeySpec, KeyType, Password, to_text
from penstock.errors import ConfigError
from penstock.testing._made import fail, law_settings, name_of
from penstock.testing._same import same
from penstock.testing._values import nasty_text

__all__ = ["assert_config_spec"]

MAX_EXAMPLES: Final = 100
_IMPORTANCE: Final = ("HIGH", "MEDIUM", "LOW")
_WIDTHS: Final = ("NONE", "SHORT", "MEDIUM", "LONG")
_SECRET: Final = "s3cr3t-that-nobody-may-see"  # noqa: S105 - made up, to look for
_WHOLE_LIFE: Final = (Transform, Predicate, Converter, HeaderConverter)
"""Kinds whose ``open`` only gets ready; a connector or a task may reach out."""


def assert_config_spec(
    plugin: type[Plugin[Any]],
    config: Mapping[str, str] | None = None,
    *,
    docs: bool = True,
    max_examples: int = MAX_EXAMPLES,
) -> None:
    """Check what a plugin says of its configuration, and what it does with any texts.

    The laws: every key is described; every default is a value that the key takes; exactly the
    required keys are missed; wrong texts are ConfigErrors that name their key, from ``config_spec``
    as from making and opening a transform, predicate or converter; what the REST API shows is
    JSON; a password is never shown.

    Args:
        plugin: the class.
        config: settings that are right, as texts; needed when keys are required.
        docs: whether every key must have a doc.
        max_examples: how many settings are tried.

    Raises:
        AssertionError: a law is broken; the smallest settings that were found are shown.
    """
    who, right = name_of(plugin), dict(config or {})
    spec = plugin.config_spec()
    _described(who, spec, docs=docs)
    for key in spec.keys:
        _default_is_taken(who, spec, key)
    _required_are_missed(who, spec)
    _right(who, spec, right)
    _secrets_stay(who, spec, right)

    @law_settings(max_examples)
    @given(changed=_settings(spec))
    def laws(changed: Mapping[str, str | None]) -> None:
        _any_texts(who, plugin, {**right, **changed})

    laws()


def _described(who: str, spec: ConfigSpec[Any], *, docs: bool) -> None:
    law = "keys are described"
    names = [key.name for key in spec.keys]
    if len(set(names)) != len(names):
        fail(law, f"{who} has a key twice: {names}")
    for key in spec.keys:
        if docs and not key.doc.strip():
            fail(law, f"{who}: the key '{key.name}' has no doc")
        if key.importance not in _IMPORTANCE or key.width not in _WIDTHS:
            text = f"importance {key.importance!r}, width {key.width!r}"
            fail(law, f"{who}: the key '{key.name}' has {text}; see penstock.config.key")
        lost = [name for name in key.dependents if name not in spec.by_name]
        if lost:
            fail(law, f"{who}: the key '{key.name}' has dependents that are no keys: {lost}")


def _default_is_taken(who: str, spec: ConfigSpec[Any], key: KeySpec) -> None:
    if key.is_required or key.default is None:
        return
    default = list(key.default) if isinstance(key.default, list | tuple) else key.default
    text = default.value if isinstance(default, Password) else to_text(key.type, default)
    (found,) = [one for one in spec.check({key.name: text}) if one.name == key.name]
    if found.errors or not same(found.parsed, default):
        told = "; ".join(found.errors) or f"it is read back as {found.parsed!r}"
        shown = f"{who}: the default {default!r} of '{key.name}', shown as {text!r}"
        fail("a default is a value that the key takes", f"{shown}: {told}")


def _required_are_missed(who: str, spec: ConfigSpec[Any]) -> None:
    missed = [value.name for value in spec.check({}) if value.errors]
    required = [key.name for key in spec.keys if key.is_required]
    if missed != required:
        text = f"{who} requires {required}, of no settings it misses {missed}"
        fail("exactly the required keys are missed", text)


def _right(who: str, spec: ConfigSpec[Any], config: Mapping[str, str]) -> None:
    law = "what is right is taken"
    unknown = [name for name in config if name not in spec.by_name]
    if unknown:
        known = ", ".join(spec.by_name) or "none"
        fail(law, f"{who} has no keys {unknown} that the config of this test sets; it has: {known}")
    try:
        spec.parse(config)
    except ConfigError as error:
        fail(law, f"{who}: {error}", f"of {dict(config)}")


def _secrets_stay(who: str, spec: ConfigSpec[Any], config: Mapping[str, str]) -> None:
    secrets = {key.name: _SECRET for key in spec.keys if key.type is KeyType.PASSWORD}
    if not secrets:
        return
    settings = {**config, **secrets}
    checked = spec.check(settings)
    errors = [text for value in checked for text in value.errors]
    shown = [*errors, *(json.dumps(value.to_json()) for value in checked)]
    if not errors:
        shown.append(repr(spec.parse(settings)))
    for text in shown:
        if _SECRET in text:
            fail("secrets stay secret", f"{who} shows a password: {text}")


def _settings(spec: ConfigSpec[Any]) -> st.SearchStrategy[Mapping[str, str | None]]:
    odd = ["", " ", ",", "-1", "0", "1", "2147483648", "1e400", "NaN", "true", "a:b", "[", "(", "$"]
    texts = st.one_of(st.none(), st.sampled_from(odd), nasty_text(), st.integers().map(str))
    offered = {key.name: _offered(key) for key in spec.keys}
    return st.fixed_dictionaries(
        {}, optional={name: st.one_of(texts, *more) for name, more in offered.items()}
    )


def _offered(key: KeySpec) -> Sequence[st.SearchStrategy[str]]:
    return [st.sampled_from(key.choices)] if key.choices else []


def _any_texts(who: str, plugin: type[Plugin[Any]], texts: Mapping[str, str | None]) -> None:
    law, told = "wrong settings are a ConfigError", f"of {dict(texts)}"
    spec = plugin.config_spec()
    try:
        checked = spec.check(texts)
        json.dumps([value.to_json() for value in checked])
        json.dumps([report.to_json() for report in spec.describe()])
    except Exception as error:  # noqa: BLE001 - told as the broken law that it is
        fail(law, f"{who}: checking raised {error!r}", told)
    for value in checked:
        for text in value.errors:
            if value.name not in text:
                fail(law, f"{who}: a message does not name its key '{value.name}': {text}", told)
    if any(value.errors for value in checked):
        return
    try:
        made = plugin(spec.parse(texts))
        if isinstance(made, _WHOLE_LIFE):
            try:
                made.open()
            finally:
                made.close()
    except ConfigError:
        return
    except Exception as error:  # noqa: BLE001 - likewise
        fail(law, f"{who}: making it raised {error!r}", told)
