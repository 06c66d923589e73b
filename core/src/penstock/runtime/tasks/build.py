"""From a plan to the plugins it names: loaded, configured, opened; closed in reverse order."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from penstock.api import Converter, HeaderConverter, Plugin, Predicate, Side, Transform
from penstock.errors import ConfigError, Problem
from penstock.runtime.connector_config import ConnectorPlan, ConverterPlan, TransformPlan
from penstock.runtime.pipeline.chain import Step, TransformChain
from penstock.runtime.pipeline.codec import RecordCodec
from penstock.runtime.pipeline.guard import RowGuard
from penstock.runtime.plugins import registry

__all__ = ["build_chain", "build_codec", "build_steps", "configured"]


def configured(cls: type[Plugin[Any]], raw: Mapping[str, str], prefix: str, who: str) -> Any:
    """Return an instance with its parsed configuration; problems name their whole keys.

    Raises:
        ConfigError: with every problem, keys as the user wrote them.
    """
    try:
        return cls(cls.config_spec().parse(raw))
    except ConfigError as wrong:
        problems = [
            Problem(f"{prefix}{one.key}", one.message.replace(one.key, f"{prefix}{one.key}", 1))
            for one in wrong.problems
        ]
        raise ConfigError(problems, who=who) from wrong


def _opened(plugin: Plugin[Any], stack: contextlib.ExitStack) -> Any:
    stack.callback(plugin.close)
    plugin.open()
    return plugin


def build_codec(plan: ConnectorPlan, guard: RowGuard, stack: contextlib.ExitStack) -> RecordCodec:
    """Return the codec of a connector's three converters; ``stack`` closes them."""
    who = f"connector '{plan.name}'"

    def converter(side: str, kind: str) -> Any:
        wanted: ConverterPlan = plan.converters[side]
        cls = registry().load(kind, wanted.type)
        made = configured(cls, wanted.config, f"{side}.converter.", who)
        if isinstance(made, Converter):
            made.is_key = side == "key"
        return _opened(made, stack)

    key: Converter[Any] = converter("key", "converters")
    value: Converter[Any] = converter("value", "converters")
    header: HeaderConverter[Any] = converter("header", "header_converters")
    return RecordCodec(key, value, header, guard)


def build_steps(plan: ConnectorPlan, stack: contextlib.ExitStack) -> list[Step]:
    """Return a connector's transforms with their predicates, opened; ``stack`` closes them."""
    return [_step(plan.name, wanted, stack) for wanted in plan.transforms]


def build_chain(
    plan: ConnectorPlan, guard: RowGuard, stack: contextlib.ExitStack
) -> TransformChain:
    """Return a connector's transforms as one chain; ``stack`` closes them."""
    return TransformChain(build_steps(plan, stack), guard)


def _step(name: str, wanted: TransformPlan, stack: contextlib.ExitStack) -> Step:
    who = f"connector '{name}'"
    cls = registry().load("transforms", wanted.type)
    transform: Transform[Any] = configured(cls, wanted.config, f"transforms.{wanted.alias}.", who)
    transform.side = wanted.side or Side.VALUE
    predicate: Predicate[Any] | None = None
    if wanted.predicate is not None:
        of = wanted.predicate
        loaded = registry().load("predicates", of.type)
        predicate = _opened(configured(loaded, of.config, f"predicates.{of.alias}.", who), stack)
    return Step(wanted.alias, _opened(transform, stack), predicate, negate=wanted.negate)
