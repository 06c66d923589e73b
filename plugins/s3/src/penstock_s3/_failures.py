"""What a failure of S3 means: to try again, or to tell the user. Pure."""

from __future__ import annotations

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

from penstock.errors import ConnectError, RetriableError

__all__ = ["Failure", "explain", "is_taken", "is_unknown_upload"]

_PASSING: Final = frozenset(
    {
        "BadDigest",
        "IncompleteBody",
        "InternalError",
        "OperationAborted",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "XAmzContentChecksumMismatch",
        "XAmzContentSHA256Mismatch",
    }
)
_REMEDIES: Final = {
    "NoSuchBucket": "create the bucket, or correct s3.bucket.name",
    "AccessDenied": "allow s3:{right} on the bucket to this user or role",
    "403": "allow s3:{right} on the bucket to this user or role, or correct the credentials",
    "404": "create the bucket, or correct s3.bucket.name",
    "301": "correct s3.region: the bucket is in another one",
    "PermanentRedirect": "correct s3.region: the bucket is in another one",
    "AuthorizationHeaderMalformed": "correct s3.region: the bucket is in another one",
    "IllegalLocationConstraintException": "correct s3.region: the bucket is in another one",
    "InvalidAccessKeyId": "correct aws.access.key.id",
    "SignatureDoesNotMatch": "correct aws.secret.access.key",
    "ExpiredToken": "renew the session token",
    "RequestTimeTooSkewed": "set the clock of this machine",
    "InvalidStorageClass": "correct s3.storage.class",
    "KMS.NotFoundException": "correct s3.sse.kms.key.id",
    "AccessControlListNotSupported": "leave out s3.acl.canned: the bucket takes no ACLs",
}
_RIGHTS: Final = {
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
}
_SERVER_FAULT: Final = 500


@attrs.frozen
class Failure:
    """A failure, whether it may pass, and the sentence that tells it."""

    passes: bool
    message: str

    def error(self) -> ConnectError:
        """Return it as what is raised."""
        return RetriableError(self.message) if self.passes else ConnectError(self.message)


def _code(problem: BaseException) -> str:
    if not isinstance(problem, ClientError):
        return ""
    return str(problem.response.get("Error", {}).get("Code", ""))


def is_taken(problem: BaseException) -> bool:
    """Whether a conditional write found an object in its place."""
    return _code(problem) in {"PreconditionFailed", "412"}


def is_unknown_upload(problem: BaseException) -> bool:
    """Whether the upload is gone: completed before, or aborted."""
    return _code(problem) == "NoSuchUpload"


def explain(problem: BaseException, action: str, where: str) -> Failure:
    """Return what a failure of ``action`` (an operation of S3) at ``where`` means."""
    if isinstance(problem, ClientError):
        code = _code(problem) or "no code"
        told = problem.response.get("Error", {})
        status = problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        said = str(told.get("Message", "")).strip()
        text = f"{where}: {action} was refused with {code}" + (f": {said}" if said else "")
        remedy = _REMEDIES.get(code, "").format(right=_RIGHTS.get(action, action))
        text += f"; {remedy}" if remedy else ""
        # 409: another conditional write is under way.
        passes = code in _PASSING or status >= _SERVER_FAULT or status in {409, 429}
        return Failure(passes, text)
    text = f"{where}: {action} failed: {problem}"
    if isinstance(problem, NoCredentialsError | PartialCredentialsError | ProfileNotFound):
        return Failure(False, f"{text}; set credentials, a profile or a role")
    if isinstance(problem, BotoConnectionError | HTTPClientError | OSError):
        return Failure(True, f"{text}; check store.url, s3.region and the proxy")
    return Failure(not isinstance(problem, BotoCoreError), text)
