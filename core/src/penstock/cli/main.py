"""The commands and how their failures are told."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, Final

import click

from penstock import __version__
from penstock.cli.exits import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_USAGE
from penstock.errors import PenstockError

__all__ = ["connect_distributed", "connect_standalone", "main"]

DEBUG_VARIABLE: Final = "PENSTOCK_DEBUG"

_CLIENT: Final = "penstock.cli.client"
_COMMANDS: Final = {
    "apply": (f"{_CLIENT}.change:apply", "Create or update connectors of a running worker."),
    "cluster": (f"{_CLIENT}.look:cluster", "Show the workers and what each runs."),
    "connectors": (f"{_CLIENT}.look:connectors", "List the connectors of a running worker."),
    "context": (f"{_CLIENT}.context", "Save clusters under names, and choose one."),
    "delete": (f"{_CLIENT}.change:delete", "Delete connectors."),
    "demo": ("penstock.cli.demo", "Stream a text file through transforms; needs no broker."),
    "distributed": ("penstock.cli.distributed", "Run a worker of a cluster."),
    "dlq": ("penstock.cli.dlq", "Show dead letters, and send them back."),
    "offsets": (f"{_CLIENT}.change:offsets", "Show or change how far a connector has come."),
    "pause": (f"{_CLIENT}.change:pause", "Pause connectors."),
    "plugins": ("penstock.cli.plugins", "List what is installed, and describe it."),
    "preview": ("penstock.cli.preview", "Show what would become of records, stage by stage."),
    "restart": (f"{_CLIENT}.change:restart", "Restart a connector or its tasks."),
    "resume": (f"{_CLIENT}.change:resume", "Resume connectors."),
    "run": ("penstock.cli.standalone:run", "Run the worker and connectors of one file."),
    "standalone": ("penstock.cli.standalone", "Run connectors with the original's files."),
    "status": (f"{_CLIENT}.look:status", "Show a connector and its tasks."),
    "stop": (f"{_CLIENT}.change:stop", "Stop connectors and give up their tasks."),
    "tasks": (f"{_CLIENT}.look:tasks", "Show the tasks of a connector."),
    "validate": ("penstock.cli.validate", "Check a connector's configuration, offline."),
}


class _Lazy(click.Group):
    """Imports a command's module only when that command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported now."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name or "command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in sorted(_COMMANDS.items())])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="penstock")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def _penstock(ctx: click.Context, debug: bool) -> None:
    """Kafka Connect for Python."""
    if debug:
        # Heard where errors are told, and by the processes that are started.
        os.environ[DEBUG_VARIABLE] = "1"


def _run(command: click.Command, arguments: list[str], name: str) -> int:
    try:
        code = command.main(args=arguments, prog_name=name, standalone_mode=False)
    except click.UsageError as wrong:
        wrong.show()
        return EXIT_USAGE
    except click.ClickException as wrong:
        wrong.show()
        return EXIT_ERROR
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except PenstockError as problem:
        if os.environ.get(DEBUG_VARIABLE):
            traceback.print_exc()
        else:
            click.echo(f"{name}: {problem}", err=True)
        return getattr(problem, "exit_code", EXIT_ERROR)
    except BrokenPipeError:
        # The reader has seen enough, as `penstock plugins | head` does. What is left must not be
        # written at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run ``penstock``; the exit code is 0, 1 usage, 2 error, 3 the worker could not start."""
    sys.exit(_run(_penstock, sys.argv[1:], "penstock"))


def connect_distributed() -> None:
    """Run ``connect-distributed``, the original's name of ``penstock distributed``."""
    command: Callable[..., Any] = importlib.import_module("penstock.cli.distributed").command
    sys.exit(_run(command, sys.argv[1:], "connect-distributed"))  # type: ignore[arg-type]  # a click command


def connect_standalone() -> None:
    """Run ``connect-standalone``, the original's name of ``penstock standalone``."""
    command: Callable[..., Any] = importlib.import_module("penstock.cli.standalone").command
    sys.exit(_run(command, sys.argv[1:], "connect-standalone"))  # type: ignore[arg-type]  # a click command
