"""The host's end of the control channel, as the code that runs in a host sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from penstock.runtime.host.messages import Command, Event, LoadOffsets, StoreOffsets

__all__ = ["HostControl"]


class HostControl(Protocol):
    """How a connector or task in a host hears from the worker and answers.

    The runner's thread owns everything it runs; the channel's reader thread only changes the
    flags and wakes the runner. All methods may be called from any thread of the host.
    """

    @property
    def stopping(self) -> bool:
        """Whether the runner should end."""

    @property
    def stop_deadline_s(self) -> float:
        """Seconds left until the worker kills the host; meaningless before ``stopping``."""

    @property
    def pausing(self) -> bool:
        """Whether the runner should move nothing."""

    @property
    def has_lease(self) -> bool:
        """Whether this worker's place in its group is sure; see ``messages.Lease``.

        To be asked right before records leave: a process may have been stopped for minutes since
        it was last asked.
        """

    def wait(self, timeout_s: float) -> bool:
        """Wait until the runner should stop, or pause, or go on after a pause, or time is over.

        A command for :meth:`next_command` ends the wait too. A change that came since the
        runner last looked at ``pausing`` or waited ends it at once, and only once.

        Returns:
            Whether it should stop.
        """

    def on_change(self, callback: Callable[[], None]) -> None:
        """Have ``callback()`` called on the reader thread whenever a flag changed.

        For runners that block in a client call, such as a consumer's poll, to be woken.
        """

    def next_command(self) -> Command | None:
        """Return the next command that is not about the flags or an answer, or None."""

    def send(self, event: Event) -> None:
        """Tell the worker; never blocks for long, does nothing once the worker is gone."""

    def ask(self, request: LoadOffsets | StoreOffsets, timeout_s: float) -> Command:
        """Send a request and wait for its answer, whose ``error`` says why it failed, if it did.

        Raises:
            RetriableError: no answer within ``timeout_s``.
        """

    def claim_process(self) -> bool:
        """Ask for a process that no other connector or task lives in.

        Returns:
            Whether this one is; if not, the runner ends at once and is started again in its own.
        """
