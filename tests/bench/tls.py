"""TLS to the broker beside plain text: ``python -m tests.bench.tls [--lines N] [--rounds N]``.

One broker that listens both ways; Penstock and the JVM original, each once with ``PLAINTEXT`` and
once with ``SSL`` in its properties, copy a file into a topic and a topic into a file by turns.
Printed is the share of the plain rate that is left over TLS.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.bench import measure, scenarios
from tests.bench.__main__ import load_topic, say, worker_properties
from tests.bench.peers import Peer, jvm_worker, penstock_worker
from tests.parts.broker import KafkaBroker
from tests.parts.certificates import PASSWORD, Authority
from tests.parts.processes import LOOPBACK, free_ports

WARM_UP_ROUNDS: Final = 1
CLIENTS: Final = ("", "producer.", "consumer.", "admin.")
WORKLOADS: Final = ("source", "sink")


class TlsBroker(KafkaBroker):
    """A broker for benchmarks that listens with TLS too."""

    def __init__(self, authority: Authority) -> None:
        """``authority`` signs its certificate."""
        self._authority = authority
        self.tls_address = ""
        super().__init__(heap="1g", jvm_flags=())

    def _more_listeners(self) -> Sequence[str]:
        self.tls_address = f"{LOOPBACK}:{free_ports(1)[0]}"
        store = self._authority.issue("broker").pkcs12(self.folder / "broker.p12")
        self._properties |= {
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SSL:SSL,CONTROLLER:PLAINTEXT",
            "ssl.keystore.location": str(store),
            "ssl.keystore.type": "PKCS12",
            "ssl.keystore.password": PASSWORD,
            "ssl.key.password": PASSWORD,
        }
        return [f"SSL://{self.tls_address}"]


def secured(properties: Mapping[str, str], broker: TlsBroker, trusted: Path) -> dict[str, str]:
    """Return a worker's properties that lead over TLS."""
    found = {**properties, "bootstrap.servers": broker.tls_address}
    for prefix in CLIENTS:
        found |= {
            f"{prefix}security.protocol": "SSL",
            f"{prefix}ssl.truststore.location": str(trusted),
            f"{prefix}ssl.truststore.type": "PEM",
        }
    return found


def measured(run: scenarios.Run, peers: Sequence[Peer], rounds: int) -> dict[str, dict[str, float]]:
    """Return records per second by workload and worker."""
    rates: dict[str, dict[str, list[float]]] = {one: {} for one in WORKLOADS}
    for number in range(WARM_UP_ROUNDS + rounds):
        for workload in WORKLOADS:
            for peer in peers:
                result = scenarios.SCENARIOS[workload].run(run, peer)
                counted = number >= WARM_UP_ROUNDS
                say(
                    f"  {workload:7} {peer.name:14} {result.records_s / 1000:7.0f}k/s "
                    f"{result.cpu_us:5.2f} us/record{'' if counted else '  (warm-up)'}"
                )
                if counted:
                    rates[workload].setdefault(peer.name, []).append(result.records_s)
    return {
        workload: {name: measure.median(found) for name, found in by_peer.items()}
        for workload, by_peer in rates.items()
    }


def named(peer: Peer, name: str) -> Peer:
    peer.name = name
    return peer


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.bench.tls", description=__doc__)
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object at the end")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="penstock-tls-"))
    text = folder / "lines.txt"
    scenarios.make_text(text, options.lines)
    authority = Authority.make()
    with TlsBroker(authority) as broker, contextlib.ExitStack() as stack:
        broker.open_groups()
        plain = broker.bootstrap_servers
        run = scenarios.Run(plain, folder, text, options.lines, "loaded")
        load_topic(plain, run.loaded_topic, text, options.lines)
        usual = worker_properties(plain)
        tls = secured(usual, broker, authority.trust_pem(folder))
        peers = [
            stack.enter_context(penstock_worker(usual, folder, "penstock-plain")),
            stack.enter_context(penstock_worker(tls, folder, "penstock-tls")),
            named(stack.enter_context(jvm_worker(usual, plain)), "jvm-plain"),
            named(stack.enter_context(jvm_worker(tls, broker.tls_address)), "jvm-tls"),
        ]
        found: dict[str, Any] = measured(run, peers, options.rounds)
    for workload, rates in found.items():
        for who in ("penstock", "jvm"):
            over, without = rates[f"{who}-tls"], rates[f"{who}-plain"]
            print(
                f"{workload:7} {who:9} {over / 1000:5.0f}k/s over TLS, {without / 1000:.0f}k/s "
                f"without: {over / without:.2f} of it"
            )
    if options.json:
        print(json.dumps(found))
    shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
