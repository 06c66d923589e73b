"""Hosts that start again by themselves. Pure.

Those that failed, when their connector asks for it; and those whose values from config providers
have expired (source: WorkerConfigTransformer).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from penstock.runtime.herder.state import Action, HostKey, Phase, Say, Slot, Spec, reconcile
from penstock.runtime.model import TaskId
from penstock.runtime.restart_keys import AFTER_FENCING, RestartPolicy

__all__ = ["RELOAD_MIN_MS", "Recovery"]

RELOAD_MIN_MS: Final = 1_000
"""How long a host lives at least before it starts anew for values that have expired."""


@attrs.define
class _Plan:
    """The restarts of one host.

    Attributes:
        spec: what it is for; another configuration begins anew.
        attempts: restarts so far, in a row.
        due_ms: when the next one is, None while the host runs or no more is allowed.
        begun_ms: when the last one was.
        given_up: no more is allowed.
    """

    spec: Spec
    attempts: int = 0
    due_ms: int | None = None
    begun_ms: int = 0
    given_up: bool = False


class Recovery:
    """Decides about restarts. Owner: the herder's thread."""

    def __init__(self) -> None:
        self._plans: dict[HostKey, _Plan] = {}

    def step(self, slots: Mapping[HostKey, Slot], now_ms: int) -> list[Action]:
        """Return what to do at a time (monotonic)."""
        for key in [key for key in self._plans if key not in slots]:
            del self._plans[key]
        actions: list[Action] = []
        for key, slot in list(slots.items()):
            if slot.failed and slot.wanted is not None:
                actions += self._failed(key, slot, slot.wanted, now_ms)
            elif (plan := self._plans.get(key)) is not None and (
                plan.due_ms is not None or plan.given_up
            ):
                # A user was faster; that counts as a new beginning.
                del self._plans[key]
            actions += _reloaded(slot, now_ms)
        return actions

    def _failed(self, key: HostKey, slot: Slot, spec: Spec, now_ms: int) -> list[Action]:
        plan = self._plans.get(key)
        if plan is None or plan.spec is not spec:
            if _policy(slot, spec) is None:
                return []
            plan = self._plans[key] = _Plan(spec, begun_ms=now_ms)
        if plan.given_up:
            return []
        if plan.due_ms is None:
            return self._plan(key, slot, plan, now_ms)
        if now_ms < plan.due_ms:
            return []
        plan.attempts += 1
        plan.due_ms, plan.begun_ms = None, now_ms
        slot.restart()
        return reconcile(slot)

    def _plan(self, key: HostKey, slot: Slot, plan: _Plan, now_ms: int) -> list[Action]:
        policy = _policy(slot, plan.spec)
        if policy is None:
            return []  # an earlier failure was a fencing, this one is not
        if now_ms - plan.begun_ms >= policy.reset_ms:
            plan.attempts = 0
        what = f"task {key}" if isinstance(key, TaskId) else f"connector {key}"
        if not policy.allows(plan.attempts):
            plan.given_up = True
            text = f"{what} failed again after {plan.attempts} restarts; it stays FAILED"
            return [Say(text)]
        delay_ms = policy.delay_before(plan.attempts)
        plan.due_ms = now_ms + delay_ms
        return [Say(f"{what} failed; restart {plan.attempts + 1} follows in {delay_ms} ms")]


def _reloaded(slot: Slot, now_ms: int) -> list[Action]:
    """Start a host anew when values that it got from config providers have expired.

    A connector that failed gets another chance by that, as in the original; a failed task stays
    as it is. A host that is on its way out has nothing to wait for: its successor tells anew.
    """
    is_lasting = slot.phase is Phase.LIVE or (slot.failed and slot.phase is Phase.IDLE)
    if slot.ttl_ms is None or slot.wanted is None or not is_lasting:
        return []
    if slot.reload_at_ms is None:
        slot.reload_at_ms = now_ms + max(RELOAD_MIN_MS, slot.ttl_ms)
    if now_ms < slot.reload_at_ms or (slot.failed and isinstance(slot.key, TaskId)):
        return []
    slot.ttl_ms = slot.reload_at_ms = None
    slot.restart()
    return reconcile(slot)


def _policy(slot: Slot, spec: Spec) -> RestartPolicy | None:
    """Return what the connector asks for; a task that was fenced starts again in any case."""
    asked = RestartPolicy.of(spec.connector_config or spec.config)
    return AFTER_FENCING if asked is None and slot.fenced else asked
