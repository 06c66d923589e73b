"""The client of S3: who we are, where the bucket is, and requests that are tried again."""

from __future__ import annotations

import base64
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import boto3
from botocore.config import Config
from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session, get_session

from penstock_s3._config import S3SinkConfig
from penstock_s3._failures import explain

__all__ = ["Bucket", "open_client"]

_CONNECT_S: Final = 10.0
_READ_S: Final = 60.0
BACKOFF_MAX_S: Final = 20.0
PAGE_MAX: Final = 1_000
PAGES_MAX: Final = 100
"""Requests for unfinished uploads when a task starts, of PAGE_MAX uploads each."""


def open_client(config: S3SinkConfig, *, timeout_s: float | None = None) -> Any:
    """Return a boto3 client; it asks nobody yet. ``timeout_s`` bounds each request."""
    settings = Config(
        # Tries are counted here, see Bucket, so that each is ours to tell.
        retries={"total_max_attempts": 1},
        connect_timeout=timeout_s or _CONNECT_S,
        read_timeout=timeout_s or _READ_S,
        max_pool_connections=config.s3_upload_threads + 2,
        proxies=_proxies(config),
        tcp_keepalive=True,
        # Other servers than Amazon's know no checksums in trailers.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={
            "addressing_style": "path" if config.s3_path_style_access_enabled else "virtual",
            "use_accelerate_endpoint": config.s3_wan_mode,
        },
    )
    session = boto3.Session(botocore_session=_session(config), region_name=config.s3_region)
    return session.client("s3", endpoint_url=_endpoint(config.store_url), config=settings)


def _endpoint(url: str | None) -> str | None:
    if not url:
        return None
    return url if "://" in url else f"https://{url}"


def _proxies(config: S3SinkConfig) -> dict[str, str] | None:
    url = config.s3_proxy_url
    if not url:
        return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if config.s3_proxy_user:
        secret = config.s3_proxy_password.value if config.s3_proxy_password else ""
        who = f"{quote(config.s3_proxy_user, safe='')}:{quote(secret, safe='')}@"
        parts = parts._replace(netloc=who + parts.netloc)
    whole = urlunsplit(parts)
    return {"http": whole, "https": whole}


def _session(config: S3SinkConfig) -> Session:
    session = get_session()
    if config.aws_profile:
        session.set_config_variable("profile", config.aws_profile)
    secret = config.aws_secret_access_key
    if config.aws_access_key_id and secret is not None:
        token = config.aws_session_token
        session.set_credentials(
            config.aws_access_key_id, secret.value, token.value if token else None
        )
    if config.s3_credentials_provider_sts_role_arn:
        return _with_role(session, config)
    return session


class _Role(CredentialProvider):  # type: ignore[misc]  # botocore has no types
    """Takes a role when credentials are first needed, and anew before they run out."""

    METHOD = "assume-role"

    def __init__(self, sts: Any, wanted: Mapping[str, str]) -> None:
        super().__init__()
        self._sts = sts
        self._wanted = wanted

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(self._refreshed, self.METHOD)

    def _refreshed(self) -> dict[str, str]:
        found = self._sts.assume_role(**self._wanted)["Credentials"]
        return {
            "access_key": found["AccessKeyId"],
            "secret_key": found["SecretAccessKey"],
            "token": found["SessionToken"],
            "expiry_time": found["Expiration"].isoformat(),
        }


def _with_role(session: Session, config: S3SinkConfig) -> Session:
    """Return a session of the role that ``session`` takes."""
    region = config.s3_credentials_provider_sts_region or config.s3_region
    settings = Config(proxies=_proxies(config), connect_timeout=_CONNECT_S)
    sts = boto3.Session(botocore_session=session, region_name=region).client("sts", config=settings)
    wanted = {
        "RoleArn": config.s3_credentials_provider_sts_role_arn,
        "RoleSessionName": config.s3_credentials_provider_sts_role_session_name,
    }
    external = config.s3_credentials_provider_sts_role_external_id
    if external is not None:
        wanted["ExternalId"] = external.value
    taken = Session()
    taken.register_component("credential_provider", CredentialResolver([_Role(sts, wanted)]))
    return taken


class Bucket:
    """The requests that the sink makes of its bucket. Safe from any thread."""

    def __init__(self, config: S3SinkConfig, client: Any, closed: threading.Event) -> None:
        """Take a client; no request is tried again once ``closed`` is set."""
        self.name = config.s3_bucket_name
        self._client = client
        self._closed = closed
        self._tries = config.s3_part_retries + 1
        self._backoff_s = config.s3_retry_backoff_ms / 1000
        self._new = _of_new_objects(config)
        self._customer = _customer(config)
        self._fixed_tags = {
            pair.partition(":")[0].strip(): pair.partition(":")[2].strip()
            for pair in config.s3_object_tagging_key_value_pairs
        }
        self._tags_offsets = config.s3_object_tagging
        self._tags_must = config.s3_object_behavior_on_tagging_error == "fail"
        self._condition = {"IfNoneMatch": "*"} if config.enable_conditional_writes else {}

    def ask(self, action: str, call: Callable[[], Any], key: str = "", tries: int = 0) -> Any:
        """Return the answer of a request, tried again with full jitter while it may pass.

        Raises:
            RetriableError: it still fails, and may pass.
            ConnectError: it makes no sense to try again.
        """
        where = f"s3://{self.name}/{key}"
        tries = tries or self._tries
        for number in range(1, tries + 1):
            try:
                return call()
            except (ClientError, BotoCoreError, OSError) as problem:
                failure = explain(problem, action, where)
                if not failure.passes or number == tries:
                    raise failure.error() from problem
            longest_s = min(self._backoff_s * 2.0 ** (number - 1), BACKOFF_MAX_S)
            if self._closed.wait(random.uniform(0, longest_s)):  # noqa: S311 - no secret
                tries = number + 1
        raise AssertionError("the last try returns or raises")

    def check(self, key: str) -> None:
        """Ask, once each, whether the bucket is there and we may write; raises ConnectError.

        An upload of ``key`` is begun and given up: nothing is written, but rights, encryption
        keys and storage classes are looked at.
        """
        self.ask("HeadBucket", lambda: self._client.head_bucket(Bucket=self.name), tries=1)
        self.abort(key, self.start(key, "application/octet-stream", tries=1), tries=1)

    def start(self, key: str, content_type: str, tries: int = 0) -> str:
        """Begin an upload in parts and return its id."""
        more = {"ContentType": content_type, **self._new, **self._customer}
        answer = self.ask(
            "CreateMultipartUpload",
            lambda: self._client.create_multipart_upload(Bucket=self.name, Key=key, **more),
            key,
            tries,
        )
        return str(answer["UploadId"])

    def part(self, key: str, upload: str, number: int, body: bytes) -> str:
        """Send a part and return its ETag."""
        more = {"Bucket": self.name, "Key": key, "UploadId": upload, "PartNumber": number}
        answer = self.ask(
            "UploadPart",
            lambda: self._client.upload_part(Body=body, **more, **self._customer),
            key,
        )
        return str(answer["ETag"])

    def complete(self, key: str, upload: str, etags: Sequence[str], *, over: bool) -> None:
        """Make an object of parts, unless there is one; ``over`` replaces it.

        Raises:
            RetriableError, ConnectError: as ``ask``; the cause of the latter says whether the
                object is there, or the upload is gone.
        """
        parts = [{"ETag": tag, "PartNumber": i} for i, tag in enumerate(etags, 1)]
        more: dict[str, Any] = {"Bucket": self.name, "Key": key, "UploadId": upload}
        if not over:
            more |= self._condition
        self.ask(
            "CompleteMultipartUpload",
            lambda: self._client.complete_multipart_upload(
                MultipartUpload={"Parts": parts}, **more, **self._customer
            ),
            key,
        )

    def put(self, key: str, content_type: str, body: bytes, *, over: bool) -> None:
        """Write an object at once, unless there is one; ``over`` replaces it."""
        more = {"ContentType": content_type, **self._new, **self._customer}
        if not over:
            more |= self._condition
        self.ask(
            "PutObject",
            lambda: self._client.put_object(Bucket=self.name, Key=key, Body=body, **more),
            key,
        )

    def abort(self, key: str, upload: str, tries: int = 0) -> None:
        """Forget an upload and its parts; raises as ``ask``."""
        more = {"Bucket": self.name, "Key": key, "UploadId": upload}
        self.ask(
            "AbortMultipartUpload",
            lambda: self._client.abort_multipart_upload(**more),
            key,
            tries,
        )

    def digest(self, key: str, hasher: Callable[[], Any]) -> str:
        """Return the digest of an object's bytes, read as a stream."""

        def read() -> str:
            found = hasher()
            answer = self._client.get_object(Bucket=self.name, Key=key, **self._customer)
            for chunk in answer["Body"].iter_chunks(1 << 20):
                found.update(chunk)
            return str(found.hexdigest())

        return str(self.ask("GetObject", read, key))

    def tag(self, key: str, offsets: Mapping[str, str]) -> str | None:
        """Tag an object as configured; return what went wrong where that is ignored."""
        tags = {**(offsets if self._tags_offsets else {}), **self._fixed_tags}
        if not tags:
            return None
        pairs = [{"Key": name, "Value": value} for name, value in tags.items()]
        more: dict[str, Any] = {"Bucket": self.name, "Key": key, "Tagging": {"TagSet": pairs}}
        try:
            self.ask("PutObjectTagging", lambda: self._client.put_object_tagging(**more), key)
        except Exception as problem:
            if self._tags_must:
                raise
            return str(problem)
        return None

    def uploads(self, prefix: str, page: int = PAGE_MAX) -> list[tuple[str, str]]:
        """Return (key, upload id) of the unfinished uploads below a prefix, ``page`` a request.

        After ``PAGES_MAX`` requests the others are left for the next start.
        """
        found: list[tuple[str, str]] = []
        after: dict[str, str] = {}
        for _ in range(PAGES_MAX):
            more = {"Bucket": self.name, "Prefix": prefix, "MaxUploads": page, **after}
            answer = self.ask(
                "ListMultipartUploads",
                lambda more=more: self._client.list_multipart_uploads(**more),  # type: ignore[misc]  # of a loop
                prefix,
            )
            found += [(one["Key"], one["UploadId"]) for one in answer.get("Uploads", [])]
            if not answer.get("IsTruncated"):
                break
            after = {
                "KeyMarker": answer["NextKeyMarker"],
                "UploadIdMarker": answer["NextUploadIdMarker"],
            }
        return found


def _of_new_objects(config: S3SinkConfig) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if config.s3_acl_canned:
        found["ACL"] = config.s3_acl_canned
    if config.s3_storage_class:
        found["StorageClass"] = config.s3_storage_class
    has_own = config.s3_sse_customer_key is not None and config.s3_sse_customer_key.value
    if config.s3_ssea_name and not has_own:
        found["ServerSideEncryption"] = config.s3_ssea_name
        if config.s3_sse_kms_key_id:
            found["SSEKMSKeyId"] = config.s3_sse_kms_key_id
    return found


def _customer(config: S3SinkConfig) -> dict[str, Any]:
    secret = config.s3_sse_customer_key
    if secret is None or not secret.value:
        return {}
    return {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": base64.b64decode(secret.value)}
