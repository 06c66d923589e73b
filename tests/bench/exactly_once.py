"""The file source with transactions: Penstock, the JVM original, and Penstock without them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from tests.bench import measure, scenarios
from tests.bench.peers import Peer, jvm_worker, penstock_worker
from tests.workers import cluster_properties

__all__ = ["NAME", "compare", "lines"]

NAME = "exactly-once"
WARM_UP_ROUNDS = 1


def compare(
    run: scenarios.Run, common: Mapping[str, str], rounds: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Run the file source by turns on three clusters of one; return medians by name.

    ``common`` are the properties that all three have. The connector is the same JSON, with the
    boundary ``poll``, and demands exactly-once delivery where the worker gives it.
    """
    enabled = {"exactly.once.source.support": "enabled"}
    found: dict[str, list[scenarios.Result]] = {}
    with contextlib.ExitStack() as stack:
        peers: list[tuple[str, Peer, dict[str, str]]] = []
        required = {"exactly.once.support": "required"}
        properties = {**common, **cluster_properties("eos-jvm"), **enabled}
        jvm = stack.enter_context(jvm_worker(properties, run.bootstrap))
        peers.append(("jvm", jvm, required))
        for name, more, keys in (("penstock", enabled, required), ("at-least-once", {}, {})):
            properties = {**common, **cluster_properties(f"eos-{name}"), **more}
            peer = stack.enter_context(penstock_worker(properties, run.folder, f"eos-{name}"))
            peers.append((name, peer, keys))
        for number in range(WARM_UP_ROUNDS + rounds):
            for name, peer, keys in peers:
                result = scenarios.source(keys)(run, peer)
                counted = number >= WARM_UP_ROUNDS
                say(
                    f"  {NAME} {name:13} {result.records_s / 1000:7.0f}k/s "
                    f"{result.cpu_us:5.2f} us/record{'' if counted else '  (warm-up)'}"
                )
                if counted:
                    found.setdefault(name, []).append(result)
    return {name: measure.median([one.records_s for one in of]) for name, of in found.items()}


def lines(found: Mapping[str, float]) -> list[str]:
    """Return what is printed of the medians."""
    ours, theirs, plain = (found[name] for name in ("penstock", "jvm", "at-least-once"))
    return [
        f"{NAME:26} {ours / 1000:6.0f}k/s against {theirs / 1000:.0f}k/s: {ours / theirs:.2f} x",
        f"{NAME:26} {ours / plain:.0%} of Penstock's at least once ({plain / 1000:.0f}k/s)",
    ]
