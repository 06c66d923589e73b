"""What a shell is told when somebody presses Tab."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PENSTOCK = Path(sys.executable).with_name("penstock")


def told(words: str, position: int, mode: str = "bash_complete") -> list[str]:
    """Return the lines that `penstock` prints to the shell for a command line."""
    asked = {"_PENSTOCK_COMPLETE": mode, "COMP_WORDS": words, "COMP_CWORD": str(position)}
    run = subprocess.run(
        [PENSTOCK], env={**os.environ, **asked}, capture_output=True, text=True, check=True
    )
    return run.stdout.splitlines()


def test_commands_are_completed() -> None:
    assert {"plain,standalone", "plain,status"} <= set(told("penstock st", 1))


def test_options_of_a_command_are_completed() -> None:
    assert "plain,--help" in told("penstock standalone --", 2)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_given_its_script(shell: str) -> None:
    script = "\n".join(told("", 0, f"{shell}_source"))
    assert f"_PENSTOCK_COMPLETE={shell}_complete" in script
