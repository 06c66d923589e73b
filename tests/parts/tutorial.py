"""A reader of a tutorial, who types its blocks as they are written but for the addresses."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import httpx

from tests.parts.processes import free_ports

PAGES: Final = Path(__file__).parents[2] / "docs" / "tutorials"


class Reader:
    """A reader's terminals, in one folder. The broker is the embedded log."""

    def __init__(self, page: str, folder: Path) -> None:
        """``page`` is the name of the tutorial; its stand-in is at port 5000, REST at 8083."""
        self.stand_in, self.rest = free_ports(2)
        text = (PAGES / page).read_text("utf-8")
        for written, meant in {
            "localhost:9092": f"embedded:{folder / 'log.db'}",
            "localhost:5000": f"127.0.0.1:{self.stand_in}",
            "-p 5000": f"-p {self.stand_in}",
            "8083": str(self.rest),
        }.items():
            text = text.replace(written, meant)
        self.blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        self.folder = folder
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PENSTOCK_URL": f"http://localhost:{self.rest}",
        }
        self.terminals: list[subprocess.Popen[bytes]] = []

    def type(self, number: int) -> str:
        """Run a block to its end and return what it prints."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.blocks[number]],
            cwd=self.folder,
            env=self.environment,
            check=True,
            timeout=60,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout

    def open_terminal(self, number: int) -> subprocess.Popen[bytes]:
        """Run a block that goes on until it is ended."""
        with (self.folder / f"terminal-{len(self.terminals)}.log").open("wb") as log:
            started = subprocess.Popen(
                ["bash", "-c", f"exec {self.blocks[number]}"],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.terminals.append(started)
        return started

    def connectors(self) -> set[str]:
        """Return the connectors of the worker; none when it does not answer yet."""
        try:
            answer = httpx.get(f"http://localhost:{self.rest}/connectors")
        except httpx.HTTPError:
            return set()
        return set(answer.json()) if answer.status_code == 200 else set()

    def close(self) -> None:
        """End all terminals."""
        for terminal in self.terminals:
            terminal.send_signal(signal.SIGINT)
        for terminal in self.terminals:
            try:
                terminal.wait(20)
            except subprocess.TimeoutExpired:
                terminal.kill()
                terminal.wait()
