"""Who we are: static keys, one of the providers, a role."""

from __future__ import annotations

from typing import Any, Final

import boto3
from botocore.credentials import DeferredRefreshableCredentials, create_assume_role_refresher
from botocore.session import Session

from penstock.config import Password
from penstock_kinesis._answers import Answers
from penstock_kinesis._keys import Settings

__all__ = ["ASSUME_ROLE", "PROVIDERS", "provider_problem", "session", "text_of"]

_PROFILE: Final = ("assume-role", "sso", "shared-credentials-file", "custom-process", "config-file")
_METHODS: Final[dict[str, tuple[str, ...]]] = {
    "auth.DefaultAWSCredentialsProviderChain": (),
    "auth.EnvironmentVariableCredentialsProvider": ("env",),
    "auth.profile.ProfileCredentialsProvider": _PROFILE,
    "auth.InstanceProfileCredentialsProvider": ("iam-role",),
    "auth.ContainerCredentialsProvider": ("container-role",),
    "auth.EC2ContainerCredentialsProviderWrapper": ("container-role", "iam-role"),
    "auth.WebIdentityTokenCredentialsProvider": ("assume-role-with-web-identity",),
}
_METHODS_2: Final[dict[str, tuple[str, ...]]] = {
    "DefaultCredentialsProvider": (),
    "EnvironmentVariableCredentialsProvider": ("env",),
    "ProfileCredentialsProvider": _PROFILE,
    "InstanceProfileCredentialsProvider": ("iam-role",),
    "ContainerCredentialsProvider": ("container-role",),
    "WebIdentityTokenFileCredentialsProvider": ("assume-role-with-web-identity",),
}
PROVIDERS: Final[dict[str, tuple[str, ...]]] = {
    **{f"com.amazonaws.{name}": methods for name, methods in _METHODS.items()},
    **{
        f"software.amazon.awssdk.auth.credentials.{name}": methods
        for name, methods in _METHODS_2.items()
    },
}
"""Java's class names, and botocore's names of what they ask; nothing: the default chain."""
ASSUME_ROLE: Final = "AwsAssumeRoleCredentialsProvider"
"""Confluent's own, in a package for each connector; the role has keys of its own."""


def provider_problem(_name: str, provider: str) -> str | None:
    """Return what is wrong with the name of a provider."""
    if provider in PROVIDERS or provider.rpartition(".")[2] == ASSUME_ROLE:
        return None
    known = ", ".join(sorted({one.rpartition(".")[2] for one in PROVIDERS} | {ASSUME_ROLE}))
    return (
        f"no credentials provider '{provider}' is known, and Java classes are not run here; use "
        f"one of {known} with its package, or leave it out and set kinesis.role.arn, "
        "kinesis.profile or static keys"
    )


def session(settings: Settings) -> Any:
    """Return a session of boto3; nothing is asked yet."""
    inner = Session(profile=settings.profile or None)
    inner.register_component("response_parser_factory", Answers())
    if settings.providers:
        chain = inner.get_component("credential_provider")
        chain.providers = [one for one in chain.providers if one.METHOD in settings.providers]
    plain = boto3.session.Session(
        botocore_session=inner,
        aws_access_key_id=settings.access_key or None,
        aws_secret_access_key=text_of(settings.secret_key),
        aws_session_token=text_of(settings.session_token) if settings.access_key else None,
        region_name=settings.stream.region,
    )
    if not settings.role_arn:
        return plain
    parts = {
        "RoleArn": settings.role_arn,
        "RoleSessionName": settings.role_session,
        "ExternalId": text_of(settings.role_external_id),
    }
    refresh = create_assume_role_refresher(
        plain.client("sts"), {name: text for name, text in parts.items() if text}
    )
    assumed = Session()
    assumed.register_component("response_parser_factory", Answers())
    assumed._credentials = DeferredRefreshableCredentials(  # noqa: SLF001 - botocore has no setter
        refresh_using=refresh, method="sts-assume-role"
    )
    return boto3.session.Session(botocore_session=assumed, region_name=settings.stream.region)


def text_of(password: Password | None) -> str | None:
    """Return a secret, None when there is none."""
    return password.value or None if password is not None else None
