"""``penstock demo``: a text file through transforms into a topic and out, without a broker."""

from __future__ import annotations

import asyncio
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self

import attrs
import click

from penstock.errors import ConnectError, StartupError
from penstock.modes.standalone import StandaloneWorker
from penstock.runtime.files import ConnectorFile
from penstock.runtime.herder.commands import GetFigures, GetStatus
from penstock.runtime.settings import StandaloneSettings

__all__ = ["command"]

LINES: Final = 200_000
LINES_MIN: Final = 1_000
TIMEOUT_S: Final = 300.0
STEP_S: Final = 0.02
TOPIC: Final = "lines"
_OWN_FILES: Final = ("in.txt", "out.txt", "connect.offsets")
_JSON: Final = "org.apache.kafka.connect.json.JsonConverter"
_SMT: Final = "org.apache.kafka.connect.transforms."


@attrs.frozen
class Demo:
    """Where the demo's files are, and how many lines it streams."""

    folder: Path
    lines: int

    @property
    def text(self) -> Path:
        """The input."""
        return self.folder / "in.txt"

    @property
    def out(self) -> Path:
        """The output."""
        return self.folder / "out.txt"

    @property
    def worker(self) -> dict[str, str]:
        """The worker's properties."""
        return {
            "bootstrap.servers": f"embedded:{self.folder / 'log.db'}",
            "key.converter": "org.apache.kafka.connect.storage.StringConverter",
            "value.converter": _JSON,
            "offset.storage.file.filename": str(self.folder / "connect.offsets"),
            "offset.flush.interval.ms": "1000",
            "listeners": "http://127.0.0.1:0",
        }

    @property
    def source(self) -> dict[str, str]:
        """The source connector with its three transforms."""
        return {
            "name": "demo-source",
            "connector.class": "FileStreamSource",
            "file": str(self.text),
            "topic": TOPIC,
            "transforms": "hoist,insert,rename",
            "transforms.hoist.type": f"{_SMT}HoistField$Value",
            "transforms.hoist.field": "line",
            "transforms.insert.type": f"{_SMT}InsertField$Value",
            "transforms.insert.static.field": "origin",
            "transforms.insert.static.value": "python standard library",
            "transforms.rename.type": f"{_SMT}ReplaceField$Value",
            "transforms.rename.renames": "line:text",
        }

    @property
    def sink(self) -> dict[str, str]:
        """The sink connector."""
        return {
            "name": "demo-sink",
            "connector.class": "FileStreamSink",
            "topics": TOPIC,
            "file": str(self.out),
        }


@click.command("demo")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("penstock-demo"),
    show_default=True,
    help="Where the demo keeps its files.",
)
@click.option(
    "--lines",
    type=click.IntRange(min=LINES_MIN),
    default=LINES,
    show_default=True,
    help="How many lines to stream.",
)
def command(directory: Path, lines: int) -> int:
    """Stream a real text file through three transforms into a topic and out to a file.

    Needs no broker: the topic is in the embedded log, one SQLite file.
    """
    from penstock.runtime.logs import setup_logging  # noqa: PLC0415 - costs time --help need not

    setup_logging({"log.level": "WARNING"})
    demo = Demo(directory.resolve(), lines)
    _prepare(demo)
    click.echo(f"Streaming {lines:,} lines of Python's own source code.")
    taken_s = asyncio.run(_stream(demo))
    _tell(demo, taken_s)
    return 0


def _prepare(demo: Demo) -> None:
    """Make the folder anew; only files that a demo makes are removed from it."""
    try:
        demo.folder.mkdir(parents=True, exist_ok=True)
        for old in [*_OWN_FILES, "log.db", "log.db-wal", "log.db-shm"]:
            (demo.folder / old).unlink(missing_ok=True)
        with demo.text.open("w", encoding="utf-8") as file:
            for _, line in zip(range(demo.lines), _real_text(), strict=False):
                file.write(line + "\n")
    except OSError as problem:
        raise StartupError(
            f"cannot write to {demo.folder}: {problem.strerror}; choose another --directory"
        ) from problem


def _real_text() -> Iterator[str]:
    """Yield the lines of Python's standard library, from the start again when they run out."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    while True:
        found = False
        for path in sorted(folder.rglob("*.py")):
            if "site-packages" in path.parts:
                continue
            for line in path.read_text(encoding="utf-8", errors="ignore").splitlines():
                # Only LF ends a line of the input; a form feed inside one is no end.
                found = True
                yield line.replace("\r", "")
        if not found:
            yield from ["a line of text, since this Python has no source files"] * LINES


async def _stream(demo: Demo) -> float:
    """Run a worker until the sink has every line; return the seconds from first to last."""
    worker = StandaloneWorker(StandaloneSettings.parse(demo.worker), demo.worker)
    connectors = [
        ConnectorFile("the demo", config["name"], config) for config in (demo.source, demo.sink)
    ]
    watching: list[asyncio.Task[float]] = []

    def on_ready(ready: StandaloneWorker) -> None:
        watching.append(asyncio.create_task(_watch(demo, ready)))

    await worker.run(connectors, on_ready)
    if not watching:
        raise StartupError("the demo was stopped before its worker answered")
    return await watching[0]


@attrs.frozen
class _Seen:
    """How far a connector is: whether its task runs, its records, when the last one moved."""

    is_running: bool = False
    records: int = 0
    last_record_ms: int = 0


async def _watch(demo: Demo, worker: StandaloneWorker) -> float:
    """Show the progress, stop the worker at the end; return the seconds that the records took."""
    deadline_s = time.monotonic() + TIMEOUT_S
    began_ms = 0
    try:
        with _Display(demo.lines) as show:
            while time.monotonic() < deadline_s:
                source, sink = await _look(worker, "demo-source"), await _look(worker, "demo-sink")
                if source.is_running and not began_ms:
                    began_ms = time.time_ns() // 1_000_000
                show(source.records, sink.records)
                if sink.records >= demo.lines:
                    return max(sink.last_record_ms - began_ms, 1) / 1000
                await asyncio.sleep(STEP_S)
        raise ConnectError(f"the demo did not end within {TIMEOUT_S:g} s")
    finally:
        worker.stop()


async def _look(worker: StandaloneWorker, name: str) -> _Seen:
    try:
        figures = await asyncio.wrap_future(worker.submit(GetFigures(name)))
        status = await asyncio.wrap_future(worker.submit(GetStatus(name)))
    except ConnectError:
        return _Seen()  # not created yet
    for part in [status["connector"], *status["tasks"]]:
        if part["state"] == "FAILED":
            raise ConnectError(f"{name} failed:\n{part.get('trace', '')}")
    for task in figures["tasks"]:
        progress = task["progress"] or {}
        return _Seen(
            task["state"] == "RUNNING",
            progress.get("records", 0),
            progress.get("last_record_ms", 0),
        )
    return _Seen()


class _Display:
    """Progress: two bars on a terminal, a line now and then on a pipe."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._told_s = time.monotonic()
        self._bars: Any = None
        self._tasks: list[Any] = []

    def __enter__(self) -> Self:
        if sys.stdout.isatty():
            from rich.progress import Progress  # noqa: PLC0415 - only a terminal needs it

            self._bars = Progress()
            self._bars.start()
            names = ("file -> topic", "topic -> file")
            self._tasks = [self._bars.add_task(name, total=self._total) for name in names]
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, sent: int, written: int) -> None:
        """Show how far both connectors are."""
        if self._bars is not None:
            for task, done in zip(self._tasks, (sent, written), strict=True):
                self._bars.update(task, completed=done)
        elif time.monotonic() - self._told_s >= 1:
            self._told_s = time.monotonic()
            click.echo(f"  {sent:,} into the topic, {written:,} out of it")


def _tell(demo: Demo, taken_s: float) -> None:
    rate = demo.lines / max(taken_s, 1e-9)
    click.echo(f"\n{demo.lines:,} records in {taken_s:.2f} s: {rate:,.0f} records/s, in and out.\n")
    click.echo("What happened to the first lines:")
    for label, shown in _stages(demo):
        click.echo(f"  {label}")
        for line in shown:
            click.echo(f"    {line[:100]}")
    click.echo(f"\nFiles, in {demo.folder}:")
    for name, about in (
        ("in.txt", "what was read"),
        ("out.txt", "what was written"),
        ("log.db", f"the embedded log with the topic '{TOPIC}'"),
    ):
        size = (demo.folder / name).stat().st_size
        click.echo(f"  {name:8} {size:>12,} bytes  {about}")
    click.echo("\nTry next:")
    click.echo("  penstock plugins")
    click.echo("  penstock plugins describe FileStreamSource")
    click.echo("  penstock --help")


def _stages(demo: Demo) -> Iterator[tuple[str, list[str]]]:
    """Yield what each stage made of the first lines."""
    import contextlib  # noqa: PLC0415 - with the imports below, only for the end of the demo

    from penstock.data import Batch, Schema  # noqa: PLC0415 - see above
    from penstock.runtime.connector_config import plan  # noqa: PLC0415 - see above
    from penstock.runtime.tasks.build import build_steps  # noqa: PLC0415 - see above
    from penstock.runtime.trace import trace  # noqa: PLC0415 - see above

    with demo.text.open(encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line, _ in zip(file, range(2), strict=False)]
    batch = Batch.source(topic=TOPIC, values=lines, value_schema=Schema.STRING)
    config: Mapping[str, str] = demo.source
    with contextlib.ExitStack() as stack:
        for stage in trace(batch, build_steps(plan(config, demo.worker), stack)):
            yield stage.label, [repr(record.value) for record in stage.records]
    with demo.out.open(encoding="utf-8") as file:
        yield "written", [line.rstrip("\n") for line, _ in zip(file, range(2), strict=False)]
