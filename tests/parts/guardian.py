"""Kill a test run's processes when the run itself dies without a chance to clean up.

Run as a script by `processes`: reads `+pid` and `-pid` lines, and at the end of its input, which
comes when the run has ended in whatever way, kills what was added and not taken away.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys


def main() -> None:
    """Keep the list until the input ends, then kill what is left on it."""
    owned: set[int] = set()
    for line in sys.stdin:
        sign, pid = line[0], int(line[1:])
        if sign == "+":
            owned.add(pid)
        else:
            owned.discard(pid)
    for pid in owned:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
