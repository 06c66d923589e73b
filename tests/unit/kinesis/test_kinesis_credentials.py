"""Credentials providers of the originals, by their class names."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.errors import ConfigError
from penstock_kinesis import ConfluentKinesisSourceConnector
from penstock_kinesis._credentials import PROVIDERS, session
from penstock_kinesis._keys import Settings

RAW = {"kafka.topic": "t", "kinesis.stream": "s", "kinesis.region": "eu-west-1"}
CLASS = "kinesis.credentials.provider.class"
V1, V2 = "com.amazonaws.auth.", "software.amazon.awssdk.auth.credentials."
ASSUME = "io.confluent.connect.kinesis.auth.AwsAssumeRoleCredentialsProvider"


def settings(raw: dict[str, str]) -> Settings:
    found: Settings = ConfluentKinesisSourceConnector.config_spec().parse(raw).settings(raw)
    return found


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without credentials but those that a test sets; it asks no network."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    shared = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(shared))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return shared


def key_of(raw: dict[str, str]) -> str | None:
    found = session(settings(raw)).get_credentials()
    return None if found is None else str(found.access_key)


@pytest.mark.parametrize("package", [V1, V2])
def test_environment_is_asked_and_nothing_else(
    package: str, nobody: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = RAW | {CLASS: package + "EnvironmentVariableCredentialsProvider"}
    nobody.write_text("[default]\naws_access_key_id = file\naws_secret_access_key = s\n")
    assert key_of(raw) is None
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    assert key_of(raw) == "environment"


@pytest.mark.parametrize("package", [V1 + "profile.", V2])
def test_profile_is_asked_and_not_the_environment(
    package: str, nobody: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = RAW | {CLASS: package + "ProfileCredentialsProvider"}
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    assert key_of(raw) is None
    nobody.write_text("[default]\naws_access_key_id = file\naws_secret_access_key = s\n")
    assert key_of(raw) == "file"


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_static_keys_come_first_whatever_the_provider(provider: str) -> None:
    raw = RAW | {CLASS: provider, "aws.access.key.id": "static", "aws.secret.key.id": "s"}
    assert key_of(raw) == "static"


def test_unknown_provider_is_refused_by_its_name() -> None:
    with pytest.raises(ConfigError, match=r"no credentials provider 'com\.acme\.Ours' is known"):
        settings(RAW | {CLASS: "com.acme.Ours"})


def test_assumed_role_takes_the_originals_keys_and_needs_them() -> None:
    prefix = "kinesis.credentials.provider.sts.role."
    arn = "arn:aws:iam::123456789012:role/reader"
    raw = RAW | {CLASS: ASSUME, prefix + "arn": arn, prefix + "session.name": "me"}
    raw[prefix + "external.id"] = "hush"
    found = settings(raw)
    assert (found.role_arn, found.role_session) == (arn, "me")
    assert found.role_external_id is not None
    assert found.role_external_id.value == "hush"
    told = [
        value.errors
        for value in ConfluentKinesisSourceConnector.validate(RAW | {CLASS: ASSUME})
        if value.errors
    ]
    assert "needs kinesis.credentials.provider.sts.role.arn" in told[0][0]
