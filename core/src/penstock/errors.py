"""Every exception of Penstock, grouped by what the caller should do.

::

    PenstockError
     +- ConnectError                 fail the task or the request; restartable by its user
     |   +- RetriableError           try again, with backoff (errors.retry.timeout)
     |   +- DataError                this record is bad; errors.tolerance decides
     |   |   +- SchemaBuilderError   a schema was put together wrongly
     |   +- ConfigError              tell the user; carries every problem at once
     |   +- NotFoundError            no such connector, task, plugin or topic       REST 404
     |   +- AlreadyExistsError       the name is taken                              REST 409
     |   +- ConflictError            not now: another operation is under way        REST 409
     |   +- BadRequestError          the request makes no sense                     REST 400
     |   +- TimedOutError            no answer in time; names the stage             REST 500
     |   +- PluginError              a plugin cannot be found, loaded or trusted
     |   +- BrokerError              the broker or the embedded log refused or is away
     |   +- StorageError             a file of ours cannot be read or written
     +- StartupError                 the worker cannot start; the message is for a person

A message says who, what, what was got and what to do. Values of type Password never stand in one.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

__all__ = [
    "AbortedError",
    "AlreadyExistsError",
    "BadRequestError",
    "BrokerError",
    "ConfigError",
    "ConflictError",
    "ConnectError",
    "DataError",
    "FencedError",
    "NotFoundError",
    "PenstockError",
    "PluginError",
    "Problem",
    "RetriableError",
    "SchemaBuilderError",
    "StartupError",
    "StorageError",
    "TimedOutError",
    "did_you_mean",
]

_SUGGESTIONS_MAX: Final = 3


class PenstockError(Exception):
    """Base of every error that Penstock raises on purpose."""


class ConnectError(PenstockError):
    """A failure of a connector, a task or a request (source: ConnectException)."""


class RetriableError(ConnectError):
    """The same call may succeed later; the caller backs off and repeats it."""


class DataError(ConnectError):
    """One record cannot be represented or converted (source: DataException)."""


class SchemaBuilderError(DataError):
    """A schema was given parts that contradict each other (source: SchemaBuilderException)."""


class NotFoundError(ConnectError):
    """What was asked for does not exist."""


class AlreadyExistsError(ConnectError):
    """What should be created exists."""


class ConflictError(ConnectError):
    """The operation collides with another one under way; repeat it later."""


class BadRequestError(ConnectError):
    """The request itself is wrong; repeating it does not help."""


class TimedOutError(ConnectError):
    """No answer came within the bound; the message names the stage that was waited for."""


class PluginError(ConnectError):
    """A plugin is missing, broken, ambiguous or not what it should be."""


class BrokerError(ConnectError):
    """Kafka or the embedded log refused an operation or could not be reached."""


class FencedError(BrokerError):
    """Another producer has the same transactional id by now; this one may send nothing more."""


class AbortedError(BrokerError):
    """The transaction has to be aborted; the same records may be sent again in another one."""


class StorageError(ConnectError):
    """A file that holds Penstock's own state cannot be read or written."""


class StartupError(PenstockError):
    """The worker cannot start; shown to a person without a traceback."""


@attrs.frozen
class Problem:
    """One thing that is wrong with one configuration key.

    ``key`` is the key as the user wrote it, ``message`` the whole sentence that names it.
    """

    key: str
    message: str


class ConfigError(ConnectError):
    """One or more configuration keys are wrong (source: ConfigException).

    Attributes:
        problems: every problem found, in the order of the keys; never empty.
        who: what was being configured, for example ``connector 'orders'``; may be empty.
    """

    def __init__(self, problems: str | Problem | Iterable[Problem], *, who: str = "") -> None:
        """Take one message, one problem or all of them."""
        if isinstance(problems, str):
            found: tuple[Problem, ...] = (Problem(key="", message=problems),)
        elif isinstance(problems, Problem):
            found = (problems,)
        else:
            found = tuple(problems)
        self.problems = found
        self.who = who
        super().__init__(found, who)

    def __str__(self) -> str:
        """All messages, one a line when there are several."""
        prefix = f"{self.who}: " if self.who else ""
        if len(self.problems) == 1:
            return prefix + self.problems[0].message
        lines = "".join(f"\n  {problem.message}" for problem in self.problems)
        return f"{prefix}{len(self.problems)} configuration problems:{lines}"

    def __reduce__(self) -> tuple[object, ...]:
        """Keep ``who`` when the error crosses a process border."""
        return (_rebuild_config_error, (self.problems, self.who))


def _rebuild_config_error(problems: tuple[Problem, ...], who: str) -> ConfigError:
    return ConfigError(problems, who=who)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return `` (did you mean 'x' or 'y'?)`` for the nearest known words, or ``""``."""
    lowered = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), list(lowered), n=_SUGGESTIONS_MAX, cutoff=0.6)
    if not near:
        return ""
    return " (did you mean " + " or ".join(f"'{lowered[name]}'" for name in near) + "?)"
