"""``penstock distributed``."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.exits import EXIT_STARTUP
from penstock.cli.standalone import READY_VARIABLE
from penstock.errors import PenstockError
from penstock.runtime.files import read_properties

if TYPE_CHECKING:
    from penstock.modes.distributed import ClusterWorker

__all__ = ["command"]

log = logging.getLogger(__name__)


@click.command("distributed")
@click.argument("worker", type=click.Path(path_type=Path))
def command(worker: Path) -> int:
    """Run a worker of a cluster with the properties in WORKER.

    The same file as the original's connect-distributed. Workers of one group.id share connectors
    and tasks, whichever of the two they are.
    """
    from penstock.modes.distributed import run_distributed  # noqa: PLC0415 - after parsing
    from penstock.runtime.logs import setup_logging  # noqa: PLC0415 - likewise
    from penstock.runtime.providers import resolved_worker  # noqa: PLC0415 - likewise
    from penstock.runtime.settings import misspelt  # noqa: PLC0415 - likewise

    try:
        raw = read_properties(worker)
        setup_logging(raw)
        for sentence in misspelt(raw):
            log.warning("%s: %s", worker, sentence)
        return run_distributed(resolved_worker(raw), source=str(worker), on_ready=_say_ready)
    except PenstockError as problem:
        problem.exit_code = EXIT_STARTUP  # type: ignore[attr-defined]  # read where it is told
        raise


def _say_ready(worker: ClusterWorker) -> None:
    log.info("the REST API answers at %s", worker.url)
    ready = os.environ.get(READY_VARIABLE)
    if ready:
        Path(ready).write_text(f"{worker.url}\n")
