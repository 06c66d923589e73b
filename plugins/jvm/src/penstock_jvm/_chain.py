"""Java transforms and predicates: run on the Java side of a Java connector's task.

A source's Java transforms run before its records cross to Python, so they come first in
``transforms``; a sink's run after records crossed, so they come last. In the chain of the runtime
each stands as one that changes nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, TypeVar

from penstock.api import Predicate, Transform
from penstock.config import ConfigSpec
from penstock.data import Batch, Record
from penstock.errors import ConfigError, ConnectError
from penstock_jvm._host import java_map, named, told
from penstock_jvm._keys import JavaConfig, JavaSpec
from penstock_jvm._packages import JavaPlugin, found_on, plugin_path
from penstock_jvm.machine import java_class

__all__ = ["JavaPredicate", "JavaTransform", "java_chain"]

R = TypeVar("R", bound=Record)

_CLAIMED: Final[set[str]] = set()
"""The Java classes that this process's task runs on its Java side."""


class JavaTransform(Transform[Any]):
    """Stands for a Java transform in the runtime's chain; changes nothing itself."""

    java_class_name: ClassVar[str]
    jars: ClassVar[tuple[str, ...]]

    config: JavaConfig

    @classmethod
    @functools.cache
    def config_spec(cls) -> ConfigSpec[Any]:
        """The Java transform's keys."""
        return JavaSpec(cls.java_class_name, cls.jars, bare=True)

    def apply(self, record: R) -> R | None:
        """Return the record as it is, since Java did, or will do, the work."""
        self._claimed()
        return record

    def apply_batch(self, batch: Batch) -> Batch:
        """Return the batch as it is; see :meth:`apply`."""
        self._claimed()
        return batch

    def _claimed(self) -> None:
        if self.java_class_name not in _CLAIMED:
            raise ConnectError(
                f"the Java transform {self.java_class_name} runs only with a Java connector; this "
                "connector is written in Python"
            )


class JavaPredicate(Predicate[Any]):
    """Stands for a Java predicate; only Java transforms may name one."""

    java_class_name: ClassVar[str]
    jars: ClassVar[tuple[str, ...]]

    config: JavaConfig

    @classmethod
    @functools.cache
    def config_spec(cls) -> ConfigSpec[Any]:
        """The Java predicate's keys."""
        return JavaSpec(cls.java_class_name, cls.jars, bare=True)

    def test(self, record: Record) -> bool:
        """Hold for every record: where it is asked, a transform stands that changes nothing."""
        del record
        if self.java_class_name not in _CLAIMED:
            raise ConnectError(
                f"the Java predicate {self.java_class_name} can be named by Java transforms only"
            )
        return True


def java_chain(raw: Mapping[str, str], jars: Sequence[str], *, sink: bool) -> Any:
    """Return the chain of the Java transforms that ``transforms`` names, made and configured.

    Args:
        raw: the connector's configuration.
        jars: the connector's package, where a transform of its own is looked for first.
        sink: whether records come from Python.

    Raises:
        ConfigError: a Python transform stands where it cannot, or a predicate is none of Java's.
    """
    found = {one.name: one for one in found_on(plugin_path()) if one.kind in _KINDS}
    own = {one.name: one for one in found.values() if one.jars == tuple(jars)}
    known = {**found, **own}
    chain = java_class("io.penstock.jvm.Chain")()
    names = _names(raw, "transforms")
    is_java = [_type(raw, f"transforms.{name}") in known for name in names]
    if is_java != sorted(is_java, reverse=not sink):
        where = "after" if sink else "before"
        raise ConfigError(
            f"transforms: {', '.join(names)}: the Java ones run in Java, so they must all stand "
            f"{where} those written in Python"
        )
    for name, java in zip(names, is_java, strict=True):
        if java:
            _add(chain, raw, f"transforms.{name}", known)
    return chain


_KINDS: Final = ("transform", "predicate")


def _names(raw: Mapping[str, str], key: str) -> list[str]:
    return [name.strip() for name in raw.get(key, "").split(",") if name.strip()]


def _type(raw: Mapping[str, str], prefix: str) -> str:
    return raw.get(f"{prefix}.type", "").strip()


def _add(chain: Any, raw: Mapping[str, str], prefix: str, known: Mapping[str, JavaPlugin]) -> None:
    predicate = None
    name = raw.get(f"{prefix}.predicate", "").strip()
    if name:
        kind = _type(raw, f"predicates.{name}")
        if kind not in known:
            raise ConfigError(
                f"{prefix}.predicate: '{name}' is no Java predicate ({kind or 'no type'}), and a "
                "Java transform can ask no other"
            )
        predicate = _made(raw, f"predicates.{name}", known[kind])
    negate = raw.get(f"{prefix}.negate", "false").strip().lower() == "true"
    chain.add(_made(raw, prefix, known[_type(raw, prefix)]), predicate, negate)


def _made(raw: Mapping[str, str], prefix: str, plugin: JavaPlugin) -> Any:
    component = named(plugin.name, plugin.jars)
    start = f"{prefix}."
    settings = {key[len(start) :]: text for key, text in raw.items() if key.startswith(start)}
    for ours in ("type", "predicate", "negate"):
        settings.pop(ours, None)
    with told(plugin.name):
        component.configure(java_map(settings))
    _CLAIMED.add(plugin.name)
    return component
