"""Java's FileStreamSource through the bridge and in the original: ``python -m tests.bench.jvm``.

Both copy the same file into topics of one broker, by turns.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import statistics
import tempfile
from pathlib import Path

from penstock_jvm import resolve
from tests.bench.peers import Peer, jvm_worker, penstock_worker
from tests.bench.scenarios import SOURCE, STRINGS, Run, make_text, source
from tests.parts.broker import KafkaBroker


def _package(path: Path) -> Path:
    folder = path / "kafka-connect-file"
    folder.mkdir(parents=True)
    jars = resolve(["org.apache.kafka:connect-file:4.3.1"])
    shutil.copy(next(jar for jar in jars if jar.name.startswith("connect-file")), folder)
    return path


def main() -> None:
    """Print records a second and CPU a record of each run, and how the medians compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=3_000_000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        text = folder / "in.txt"
        make_text(text, given.lines)
        broker = stack.enter_context(KafkaBroker(heap="1g", jvm_flags=()))
        bootstrap = broker.bootstrap_servers
        properties = {"bootstrap.servers": bootstrap, **STRINGS}
        ours = {**properties, "plugin.path": str(_package(folder / "plugins"))}
        peers: list[tuple[Peer, str]] = [
            (stack.enter_context(penstock_worker(ours, folder)), f"{SOURCE}@jvm"),
            (stack.enter_context(jvm_worker(properties, bootstrap)), SOURCE),
        ]
        run = Run(bootstrap, folder, text, given.lines)
        rates: dict[str, list[float]] = {}
        for _ in range(given.runs):
            for peer, name in peers:
                result = source({"connector.class": name, **STRINGS})(run, peer)
                rates.setdefault(peer.name, []).append(result.records_s)
                print(
                    f"{peer.name:9} {result.records_s:12,.0f} records/s "
                    f"{result.cpu_us:6.2f} us CPU {result.loaded_mb:6.0f} MB",
                    flush=True,
                )
        ratio = statistics.median(rates["penstock"]) / statistics.median(rates["jvm"])
        print(f"the bridge has {ratio:.2f} of the original's rate")


if __name__ == "__main__":
    main()
