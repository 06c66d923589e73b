"""``penstock standalone`` and ``penstock run``."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.exits import EXIT_STARTUP
from penstock.errors import PenstockError
from penstock.runtime.files import ConnectorFile, read_connector, read_pipeline, read_properties

if TYPE_CHECKING:
    from penstock.modes.standalone import StandaloneWorker

__all__ = ["command", "run"]

log = logging.getLogger(__name__)

READY_VARIABLE = "PENSTOCK_READY_FILE"
"""A file to write the REST address into once it answers, for supervisors and scripts."""


@click.command("standalone")
@click.argument("worker", type=click.Path(path_type=Path))
@click.argument("connectors", type=click.Path(path_type=Path), nargs=-1)
def command(worker: Path, connectors: Sequence[Path]) -> int:
    """Run a worker with the properties in WORKER, and the CONNECTORS of these files.

    All are .properties, .json or .yaml; the same files as the original's connect-standalone.
    """
    try:
        files = [read_connector(path) for path in connectors]
        return _serve(str(worker), read_properties(worker), files)
    except PenstockError as problem:
        problem.exit_code = EXIT_STARTUP  # type: ignore[attr-defined]  # read where it is told
        raise


@click.command("run")
@click.argument("pipeline", type=click.Path(path_type=Path))
def run(pipeline: Path) -> int:
    """Run the worker and the connectors that the file PIPELINE holds (YAML or JSON)."""
    try:
        worker, connectors = read_pipeline(pipeline)
        return _serve(str(pipeline), worker, connectors)
    except PenstockError as problem:
        problem.exit_code = EXIT_STARTUP  # type: ignore[attr-defined]  # read where it is told
        raise


def _serve(source: str, raw: Mapping[str, str], connectors: Sequence[ConnectorFile]) -> int:
    from penstock.modes.standalone import run_standalone  # noqa: PLC0415 - after the files are read
    from penstock.runtime.logs import setup_logging  # noqa: PLC0415 - likewise
    from penstock.runtime.providers import resolved_worker  # noqa: PLC0415 - likewise
    from penstock.runtime.settings import misspelt, not_honoured  # noqa: PLC0415 - likewise

    setup_logging(raw)
    for sentence in (*misspelt(raw), *not_honoured(raw)):
        log.warning("%s: %s", source, sentence)
    return run_standalone(resolved_worker(raw), connectors, source=source, on_ready=_say_ready)


def _say_ready(worker: StandaloneWorker) -> None:
    log.info("the REST API answers at %s", worker.url)
    ready = os.environ.get(READY_VARIABLE)
    if ready:
        Path(ready).write_text(f"{worker.url}\n")
