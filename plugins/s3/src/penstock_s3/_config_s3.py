"""Keys about S3 itself: the bucket, who we are, how objects are stored and how to try again."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final, Literal

from penstock.config import ClassName, Long, Password, config, key

__all__ = ["CANNED_ACLS", "PART_BYTES_MIN", "S3Keys"]

PART_BYTES_MIN: Final = 5 * 1024 * 1024
_INT_MAX: Final = (1 << 31) - 1
_SSE_KEY_BYTES: Final = 32
CANNED_ACLS: Final = (
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "log-delivery-write",
    "bucket-owner-read",
    "bucket-owner-full-control",
    "aws-exec-read",
)


def _sse_key(_name: str, value: Any) -> str | None:
    if value is None or not value.value:
        return None
    try:
        size = len(base64.b64decode(value.value, validate=True))
    except (binascii.Error, ValueError):
        return "it is not base64; give the base64 text of 32 random bytes"
    if size != _SSE_KEY_BYTES:
        return f"it is the base64 text of {size} bytes; an AES256 key has 32"
    return None


def _tags(_name: str, value: list[str]) -> str | None:
    bad = [pair for pair in value if not pair.partition(":")[0].strip() or ":" not in pair]
    return f"'{bad[0]}' is no pair; write key:value, separated by commas" if bad else None


@config
class S3Keys:
    """Keys of the original about S3, and a few of our own, which say so."""

    s3_bucket_name: str = key(doc="The bucket to write to.", importance="high", non_empty=True)
    s3_region: str = key(default="us-west-2", doc="The region of the bucket.")
    store_url: str | None = key(
        default=None,
        doc="The address of another S3 server; https unless it says http.",
        importance="high",
    )
    s3_part_size: int = key(
        default=26214400,
        min=PART_BYTES_MIN,
        max=_INT_MAX,
        doc="Bytes of one part of an upload, the most that is sent at once.",
        importance="high",
    )
    s3_buffer_memory: Long = key(
        default=128 * 1024 * 1024,
        min=2 * PART_BYTES_MIN,
        doc="Our own. Bytes that all open files of a task may hold in memory together; buffers grow"
        " from small, and the largest file is sent on first when it gets tight.",
    )
    s3_upload_threads: int = key(
        default=4,
        min=1,
        max=64,
        doc="Our own. How many parts a task sends at the same time.",
        importance="low",
    )
    s3_object_tagging: bool = key(
        default=False,
        doc="Tag objects with startOffset, endOffset and recordCount.",
        importance="low",
    )
    s3_object_tagging_key_value_pairs: list[str] = key(
        default=[], doc="More tags, as key:value, separated by commas.", validator=_tags
    )
    s3_object_behavior_on_tagging_error: Literal["ignore", "fail"] = key(
        default="ignore",
        any_case=True,
        doc="What to do when an object cannot be tagged.",
        importance="low",
    )
    s3_storage_class: str = key(
        default="",
        doc="Our own. The storage class of objects, such as STANDARD_IA; empty is the bucket's.",
        importance="low",
    )
    s3_credentials_provider_class: ClassName | None = key(
        default=None,
        doc="Where credentials come from. Left out: the keys here, else the default chain"
        " (environment, profile, web identity, container, instance). Known:"
        " io.confluent.connect.s3.auth.AwsAssumeRoleCredentialsProvider.",
        importance="low",
    )
    aws_access_key_id: str = key(default="", doc="A static access key.", importance="high")
    aws_secret_access_key: Password | None = key(
        default=None, doc="The secret of the static access key.", importance="high"
    )
    aws_session_token: Password | None = key(
        default=None, doc="Our own. The token of temporary static credentials.", importance="low"
    )
    aws_profile: str = key(
        default="", doc="Our own. A profile of the AWS configuration files.", importance="low"
    )
    s3_credentials_provider_sts_role_arn: str = key(default="", doc="The role to assume.")
    s3_credentials_provider_sts_role_session_name: str = key(
        default="", doc="The session name of the assumed role."
    )
    s3_credentials_provider_sts_role_external_id: Password | None = key(
        default=None, doc="The external id that the role's owner asks for."
    )
    s3_credentials_provider_sts_region: str = key(
        default="", doc="The region of the token service; empty is s3.region."
    )
    s3_ssea_name: str = key(
        default="",
        choices=("", "AES256", "aws:kms", "aws:kms:dsse"),
        doc="Encryption at the server: AES256, aws:kms, or none when empty.",
        importance="low",
    )
    s3_sse_customer_key: Password | None = key(
        default=None,
        validator=_sse_key,
        doc="Our key for encryption at the server, base64 of 32 bytes; needs AES256.",
        importance="low",
    )
    s3_sse_kms_key_id: str = key(
        default="", doc="The key of KMS to encrypt with; needs aws:kms.", importance="low"
    )
    s3_acl_canned: str | None = key(
        default=None,
        choices=CANNED_ACLS,
        doc="The canned ACL of objects; left out, none is sent.",
        importance="low",
    )
    s3_wan_mode: bool = key(default=False, doc="Use S3's accelerated address.")
    s3_path_style_access_enabled: bool = key(
        "s3.path.style.access.enabled",
        default=True,
        doc="Put the bucket in the path of an address, not in the host name.",
        importance="low",
    )
    s3_part_retries: int = key(
        default=3, min=0, doc="How often a request is tried again.", importance="medium"
    )
    s3_retry_backoff_ms: Long = key(
        default=200,
        min=0,
        doc="The longest first wait before a request is tried again (ms); doubles each time, and a"
        " random part of it is waited.",
        importance="low",
    )
    retry_backoff_ms: Long = key(
        default=5000,
        min=0,
        doc="Wait before rows are given again whose upload failed for a while (ms).",
        importance="low",
    )
    s3_http_send_expect_continue: bool = key(
        default=True,
        doc="Accepted; the server is always asked before a body is sent.",
        importance="low",
    )
    s3_proxy_url: str = key(default="", doc="The proxy to S3.", importance="low")
    s3_proxy_user: str | None = key(
        default=None, doc="The user name for the proxy.", importance="low"
    )
    s3_proxy_password: Password | None = key(
        default=None, doc="The password for the proxy.", importance="low"
    )
    s3_send_digest: bool = key(
        default=False,
        doc="Accepted; no MD5 is sent, requests are signed with the SHA-256 of their body.",
        importance="low",
    )
    s3_elastic_buffer_enable: bool = key(
        default=False, doc="Accepted; buffers always grow.", importance="low"
    )
    s3_elastic_buffer_init_capacity: int = key(
        default=131072,
        min=4096,
        doc="Accepted; buffers grow by what is written.",
        importance="low",
    )
    enable_conditional_writes: bool = key(
        default=True,
        doc="Let S3 refuse to write over an object that another task has completed.",
        importance="low",
    )
