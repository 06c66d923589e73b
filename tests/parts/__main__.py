"""Start real parts by hand: `python -m tests.parts broker`, or `connect`, until Ctrl-C.

What other programs need is printed on the output, one `name=value` a line.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import threading
from collections.abc import Sequence

from tests.parts.broker import KafkaBroker
from tests.parts.java import TEST_JVM_FLAGS
from tests.parts.jvm_connect import JvmConnectWorker
from tests.parts.processes import OwnedProcess

_POLL_S = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Start the part asked for and hold it until a signal, or until it ends by itself."""
    parser = argparse.ArgumentParser(prog="python -m tests.parts", description=__doc__)
    parser.add_argument("part", choices=["broker", "connect"])
    parser.add_argument("--bootstrap-servers", help="connect: a broker that runs already")
    parser.add_argument("--mode", choices=["standalone", "distributed"], default="standalone")
    parser.add_argument("--group", help="connect: the group of a distributed worker")
    parser.add_argument("--property", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--heap", default="512m", help="the most memory for Java objects")
    parser.add_argument("--optimise", action="store_true", help="let Java optimise, for benchmarks")
    options = parser.parse_args(arguments)
    properties = dict(text.split("=", 1) for text in options.property)
    flags = () if options.optimise else TEST_JVM_FLAGS

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with contextlib.ExitStack() as stack:
        parts: list[KafkaBroker | JvmConnectWorker] = []
        bootstrap = options.bootstrap_servers
        if options.part == "broker" or not bootstrap:
            own = properties if options.part == "broker" else {}
            broker = stack.enter_context(
                KafkaBroker(properties=own, heap=options.heap, jvm_flags=flags)
            )
            parts.append(broker)
            bootstrap = broker.bootstrap_servers
            _print_started(broker, "bootstrap.servers", bootstrap)
        if options.part == "connect":
            worker = stack.enter_context(
                JvmConnectWorker(
                    bootstrap,
                    mode=options.mode,
                    group=options.group,
                    properties=properties,
                    heap=options.heap,
                    jvm_flags=flags,
                )
            )
            parts.append(worker)
            _print_started(worker, "rest.url", worker.rest_url)
        return _hold([part.process for part in parts], stopped)


def _print_started(part: KafkaBroker | JvmConnectWorker, name: str, value: str) -> None:
    print(f"{name}={value}", flush=True)
    print(f"pid={part.pid}", f"log={part.log_path}", sep="\n", flush=True)


def _hold(processes: Sequence[OwnedProcess], stopped: threading.Event) -> int:
    """Await a signal or a process's end; 0 for the first."""
    while not stopped.wait(_POLL_S):
        for process in processes:
            if not process.running:
                print(process.error(f"ended with {process.exit_code}"))
                return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
