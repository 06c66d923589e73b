"""The keys of the four connectors, and the one set of settings that all of them become."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import attrs

from penstock.config import ClassName, Long, Password, compile_java, config, key, regex_problem
from penstock_kinesis._credentials import ASSUME_ROLE, PROVIDERS, provider_problem
from penstock_kinesis._keys import KinesisKeys, Settings, moment_of

__all__ = [
    "CamelKinesisSourceConfig",
    "ClassicKinesisSourceConfig",
    "ConfluentKinesisSourceConfig",
    "KinesisSourceConfig",
]

_POSITIONS: Final = ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP")
"""The original takes the types by sequence number too, and cannot say from which number."""
_BACKOFF_MIN_MS: Final = 500
_KAMELET: Final = "camel.kamelet.aws-kinesis-source."


def _moment(_name: str, value: Any) -> str | None:
    try:
        moment_of(value)
    except ValueError as problem:
        return str(problem)
    return None


def _provider(name: str, value: Any) -> str | None:
    return None if value is None else provider_problem(name, str(value))


@config
class KinesisSourceConfig(KinesisKeys):
    """Keys of KinesisSource; three are enough."""

    stream: str = key(
        importance="high",
        non_empty=True,
        doc="The stream to read, by name or by ARN; an ARN may be of another account.",
    )
    topic: str = key(importance="high", non_empty=True, doc="The topic to write to.")
    region: str = key(
        importance="high", non_empty=True, doc="The region of the stream, such as eu-west-1."
    )
    position: Literal["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER"] = key(
        default="TRIM_HORIZON",
        any_case=True,
        doc="Where to begin in shards of which nothing was read yet.",
    )
    timestamp: str = key(
        default="",
        validator=_moment,
        doc="With AT_TIMESTAMP: the moment, in ISO 8601 or Unix milliseconds.",
    )
    sequence_number: str = key(
        default="",
        doc="With AT_SEQUENCE_NUMBER: the first record to read; for a stream of one shard.",
    )
    record_limit: int = key(
        default=10_000, min=1, max=10_000, importance="low", doc="The most records of one read."
    )
    endpoint: str = key(default="", importance="low", doc="The address of another server.")
    access_key_id: str = key(default="", doc="A static access key; empty: the default chain.")
    secret_access_key: Password | None = key(
        default=None, doc="The secret of the static access key."
    )
    value_format: Literal["bytes", "string", "struct"] = key(
        default="bytes",
        any_case=True,
        doc="What a value is: the record's bytes, its UTF-8 text, or a struct with all about it.",
    )

    def settings(self, raw: Mapping[str, str]) -> Settings:
        """Return what the task works with."""
        return self.common(
            stream=self.stream,
            topic=self.topic,
            region=self.region,
            position=self.position,
            timestamp_ms=moment_of(self.timestamp),
            sequence=self.sequence_number or None,
            record_limit=self.record_limit,
            endpoint=self.endpoint,
            access_key=self.access_key_id,
            secret_key=self.secret_access_key,
            value_format=self.value_format,
            key_format="string",
        )


@config
class ClassicKinesisSourceConfig(KinesisKeys):
    """Keys of com.github.jcustenborder's connector."""

    aws_access_key_id: str = key(importance="high", default="", doc="A static access key.")
    aws_secret_key_id: Password | None = key(
        default=None, importance="high", doc="The secret of the static access key."
    )
    kafka_topic: str = key(importance="high", non_empty=True, doc="The topic to write to.")
    kinesis_stream: str = key(importance="high", non_empty=True, doc="The stream to read.")
    kinesis_region: str = key(
        default="US_EAST_1", doc="The region, as us-east-1 or in the older spelling US_EAST_1."
    )
    kinesis_shard_id: str = key(
        default=".*",
        validator=regex_problem,
        doc="A pattern: only shards whose id it is found in are read, in any case.",
    )
    kinesis_position: str = key(
        default="TRIM_HORIZON",
        choices=_POSITIONS,
        any_case=True,
        doc="Where to begin in shards of which nothing was read yet.",
    )
    kinesis_shard_timestamp: str = key(
        default="",
        validator=_moment,
        doc="With AT_TIMESTAMP: the moment, in ISO 8601 or Unix milliseconds.",
    )
    kinesis_record_limit: int = key(
        default=500, min=1, max=10_000, doc="The most records of one read."
    )
    kinesis_empty_records_backoff_ms: Long | None = key(
        default=None,
        min=_BACKOFF_MIN_MS,
        doc="Wait when all was read (ms). Left out: kinesis.poll.interval.ms.",
    )
    kinesis_throughput_exceeded_backoff_ms: Long = key(
        default=10_000, min=_BACKOFF_MIN_MS, doc="The longest wait after a refused read (ms)."
    )

    def settings(self, raw: Mapping[str, str]) -> Settings:
        """Return what the task works with."""
        found = self.common(
            stream=self.kinesis_stream,
            topic=self.kafka_topic,
            region=self.kinesis_region,
            position=self.kinesis_position,
            timestamp_ms=moment_of(self.kinesis_shard_timestamp),
            record_limit=self.kinesis_record_limit,
            access_key=self.aws_access_key_id,
            secret_key=self.aws_secret_key_id,
            value_format="struct",
            key_format="struct",
            shard_pattern=re.compile(compile_java(self.kinesis_shard_id).pattern, re.IGNORECASE),
            backoff_s=self.kinesis_throughput_exceeded_backoff_ms / 1000,
        )
        if self.kinesis_empty_records_backoff_ms is not None:
            return attrs.evolve(found, idle_s=self.kinesis_empty_records_backoff_ms / 1000)
        return found


@config
class ConfluentKinesisSourceConfig(ClassicKinesisSourceConfig):
    """Keys of Confluent's connector: the older one's and a few more."""

    kinesis_base_url: str = key(default="", doc="The address of another server.")
    kinesis_credentials_provider_class: ClassName | None = key(
        default=None,
        validator=_provider,
        doc="Where credentials come from when no static key is set: a provider of the AWS SDK by "
        "its class name. Left out: the default chain.",
    )
    kinesis_credentials_provider_sts_role_arn: str = key(
        default="", importance="low", doc="AwsAssumeRoleCredentialsProvider: the role to assume."
    )
    kinesis_credentials_provider_sts_role_session_name: str = key(
        default="", importance="low", doc="Likewise: the name of its session."
    )
    kinesis_credentials_provider_sts_role_external_id: Password | None = key(
        default=None, importance="low", doc="Likewise: the id that the role's owner asks for."
    )
    kinesis_proxy_username: str = key(default="", doc="The user name for the proxy.")

    def settings(self, raw: Mapping[str, str]) -> Settings:
        """Return what the task works with."""
        found = super().settings(raw)
        provider = self.kinesis_credentials_provider_class or ""
        if provider.endswith(ASSUME_ROLE):
            found = attrs.evolve(
                found,
                needs_role=True,
                role_arn=self.kinesis_credentials_provider_sts_role_arn or found.role_arn,
                role_session=self.kinesis_credentials_provider_sts_role_session_name
                or found.role_session,
                role_external_id=self.kinesis_credentials_provider_sts_role_external_id
                or found.role_external_id,
            )
        return attrs.evolve(
            found,
            providers=PROVIDERS.get(provider, ()),
            endpoint=self.kinesis_base_url,
            proxy_user=self.kinesis_proxy_username or found.proxy_user,
        )


@config
class CamelKinesisSourceConfig(KinesisKeys):
    """Keys of Camel's aws-kinesis-source; those about its own clients change nothing."""

    topics: str = key(importance="high", non_empty=True, doc="The topic to write to.")
    stream: str = key(_KAMELET + "stream", importance="high", non_empty=True, doc="The stream.")
    region: str = key(_KAMELET + "region", importance="high", non_empty=True, doc="The region.")
    access_key: Password | None = key(_KAMELET + "accessKey", default=None, doc="A static key.")
    secret_key: Password | None = key(_KAMELET + "secretKey", default=None, doc="Its secret.")
    camel_session_token: Password | None = key(
        _KAMELET + "sessionToken", default=None, doc="The token of temporary credentials."
    )
    use_default: bool = key(
        _KAMELET + "useDefaultCredentialsProvider",
        default=False,
        doc="Use the default chain, whatever keys are set.",
    )
    use_profile: bool = key(
        _KAMELET + "useProfileCredentialsProvider", default=False, doc="Use the profile."
    )
    use_session: bool = key(
        _KAMELET + "useSessionCredentials", default=False, doc="Use the session token."
    )
    profile_name: str = key(
        _KAMELET + "profileCredentialsName", default="", doc="The profile's name."
    )
    uri_override: str = key(
        _KAMELET + "uriEndpointOverride", default="", doc="The address of another server."
    )
    override: bool = key(
        _KAMELET + "overrideEndpoint", default=False, doc="Whether to use that address."
    )
    delay: Long | None = key(
        _KAMELET + "delay",
        default=None,
        min=1,
        doc="Wait when all was read (ms). Left out: kinesis.poll.interval.ms.",
    )
    async_client: bool = key(_KAMELET + "asyncClient", default=False, doc="Accepted.")
    use_kcl: bool = key(_KAMELET + "useKclConsumers", default=False, doc="Accepted; no table.")
    kcl_metrics: bool = key(
        _KAMELET + "kclDisableCloudwatchMetricsExport", default=False, doc="Accepted."
    )
    value_format: Literal["auto", "bytes", "string", "struct"] = key(
        "kinesis.value.format",
        default="auto",
        any_case=True,
        doc="Our own. What a value is; auto: bytes for a ByteArrayConverter, else UTF-8 text.",
    )

    def settings(self, raw: Mapping[str, str]) -> Settings:
        """Return what the task works with."""
        kind = self.value_format.lower()
        if kind == "auto":
            is_binary = raw.get("value.converter", "").endswith("ByteArrayConverter")
            kind = "bytes" if is_binary else "string"
        is_static = not (self.use_default or self.use_profile)
        found = self.common(
            stream=self.stream,
            topic=self.topics,
            region=self.region,
            position="TRIM_HORIZON",
            endpoint=self.uri_override if self.override else "",
            access_key=self.access_key.value if self.access_key and is_static else "",
            secret_key=self.secret_key if is_static else None,
            value_format=kind,
            key_format="string",
            header_prefix="CamelHeader.CamelAwsKinesis",
        )
        if self.use_profile and self.profile_name:
            found = attrs.evolve(found, profile=self.profile_name)
        if self.use_session and is_static:
            found = attrs.evolve(found, session_token=self.camel_session_token)
        if self.delay is not None:
            found = attrs.evolve(found, idle_s=self.delay / 1000)
        return found
