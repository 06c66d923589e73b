"""Runs storms by seeds and prints figures: ``python -m tests.simulation --runs 5000 --seed 1``."""

from __future__ import annotations

import argparse
import logging
import sys
import time

from tests.simulation.storms import Figures, Storm


def main() -> int:
    """Return 1 when a seed failed; each is printed, and runs alone by ``--runs 1 --seed N``."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    parser.add_argument("--ticks", type=int, default=80, help="of rough weather in a run")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    begun_s = time.monotonic()
    done: list[Figures] = []
    failed: list[int] = []
    for seed in range(given.seed, given.seed + given.runs):
        try:
            done.append(Storm(seed).run(given.ticks))
        except AssertionError as problem:
            failed.append(seed)
            print(f"FAILED seed {seed}: {problem}", flush=True)
    took_s = time.monotonic() - begun_s
    print(f"runs {given.runs} from seed {given.seed} in {took_s:.1f} s, failed {len(failed)}")
    for name in ("workers", "crashes", "pauses", "mid_commit", "rebalances", "acknowledged"):
        print(f"{name} {sum(getattr(one, name) for one in done)}")
    print(f"moves {sum(one.moves for one in done)} to workers that came last")
    print(f"worst convergence {max((one.calm_ticks for one in done), default=0)} ticks")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
