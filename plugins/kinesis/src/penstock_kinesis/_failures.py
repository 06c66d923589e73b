"""What a failure of the service means: to wait, to ask anew, to tell the user. Pure."""

from __future__ import annotations

import enum
from typing import Final

import attrs
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.exceptions import (
    ConnectionError as BotoConnectionError,
)

from penstock.errors import ConnectError

__all__ = ["Failure", "FailureKind", "explain"]


class FailureKind(enum.Enum):
    """What to do about a failure."""

    EXPIRED = "expired"
    """Ask for another iterator."""
    THROTTLED = "throttled"
    """Read less often."""
    GONE = "gone"
    """The shard, or the whole stream, does not exist."""
    PASSING = "passing"
    """Try again after a wait."""
    FATAL = "fatal"
    """Tell the user."""


@attrs.frozen
class Failure:
    """A failure and the sentence that tells it."""

    kind: FailureKind
    message: str

    def error(self) -> ConnectError:
        """Return it as what fails a task."""
        return ConnectError(self.message)


_THROTTLED: Final = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "LimitExceededException",
        "KMSThrottlingException",
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
    }
)
_PASSING: Final = frozenset(
    {
        "InternalFailure",
        "InternalFailureException",
        "ServiceUnavailable",
        "RequestTimeout",
        # Fan-out: the consumer is not ready yet, or the task before is still subscribed.
        "ResourceInUseException",
    }
)
_REMEDIES: Final = {
    "ResourceNotFoundException": "check the name of the stream and its region",
    "AccessDeniedException": "allow kinesis:{action} on the stream to this user or role",
    "KMSAccessDeniedException": "allow kms:Decrypt on the stream's key to this user or role",
    "KMSDisabledException": "enable the stream's key",
    "KMSNotFoundException": "restore the stream's key",
    "UnrecognizedClientException": "check the access key and the region",
    "InvalidSignatureException": "check the secret key and the clock of this machine",
    "IncompleteSignature": "check the access key",
    "ExpiredTokenException": "renew the session token",
    "MissingAuthenticationTokenException": "set credentials",
    "InvalidArgumentException": "check the position; reset the connector's offsets if they belong"
    " to another stream",
    "ValidationException": "check the name of the stream",
}
_SERVER_FAULT: Final = 500


def explain(problem: BaseException, action: str, where: str) -> Failure:
    """Return what a failure of ``action`` (a service's operation) at ``where`` means."""
    if isinstance(problem, ClientError):
        return _explain_answer(problem, action, where)
    text = f"{where}: {action} failed: {problem}"
    if isinstance(problem, NoCredentialsError | PartialCredentialsError | ProfileNotFound):
        return Failure(FailureKind.FATAL, f"{text}; set credentials or a role")
    if isinstance(problem, BotoConnectionError | HTTPClientError):
        return Failure(FailureKind.PASSING, f"{text}; check region, endpoint and proxy")
    if isinstance(problem, BotoCoreError):
        # Neither a number nor a name of the service: a parameter that cannot be sent, for example.
        return Failure(FailureKind.FATAL, text)
    return Failure(FailureKind.PASSING, f"{where}: {action} failed: {problem!r}")


def _explain_answer(problem: ClientError, action: str, where: str) -> Failure:
    told = problem.response.get("Error", {})
    code = str(told.get("Code", "")) or "no code"
    status = problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    said = str(told.get("Message", "")).strip()
    text = f"{where}: {action} was refused with {code}" + (f": {said}" if said else "")
    if code == "ExpiredIteratorException":
        return Failure(FailureKind.EXPIRED, text)
    if code in _THROTTLED:
        return Failure(FailureKind.THROTTLED, text)
    remedy = _REMEDIES.get(code, "").format(action=action)
    text += f"; {remedy}" if remedy else ""
    if code == "ResourceNotFoundException":
        return Failure(FailureKind.GONE, text)
    if code in _PASSING or status >= _SERVER_FAULT:
        return Failure(FailureKind.PASSING, text)
    return Failure(FailureKind.FATAL, text)
