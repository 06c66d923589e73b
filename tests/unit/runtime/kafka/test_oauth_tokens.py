"""Tokens of OAUTHBEARER from an endpoint on loopback and from a file; Amazon's signatures."""

from __future__ import annotations

import base64
import json
import time
import urllib.parse
import warnings
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from tests.parts.certificates import Authority
from tests.parts.processes import LOOPBACK, free_ports
from tests.parts.token_issuer import CLIENT, CLIENT_SECRET, TokenIssuer

from penstock.errors import BrokerError, ConfigError, RetriableError
from penstock.runtime.kafka.broker import KafkaBroker
from penstock.runtime.kafka.client_settings import ClientRole, split_prefix
from penstock.runtime.kafka.group_security import group_settings
from penstock.runtime.kafka.msk_iam import SignatureRequest
from penstock.runtime.kafka.oauth import ALLOWED_URLS_PROPERTY, TokenRequest
from penstock.runtime.kafka.oauth_tokens import token_source
from penstock.runtime.kafka.properties import ClientKind, translate
from penstock.runtime.secure_stores.contexts import server_context

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of kafka-python, at its import
    import penstock.runtime.kafka.group_tokens  # noqa: F401

URL = "sasl.oauthbearer.token.endpoint.url"


@pytest.fixture
def issuer() -> Iterator[TokenIssuer]:
    with TokenIssuer() as made:
        yield made


def wish(url: str) -> TokenRequest:
    return TokenRequest(url, CLIENT, CLIENT_SECRET, backoff_ms=5, backoff_max_ms=200)


def test_a_token_is_asked_for_once_while_it_is_fresh(issuer: TokenIssuer) -> None:
    source = token_source(attrs.evolve(wish(issuer.url), scope="a b"))
    first = source.token()
    assert first.subject == CLIENT
    assert first.until_s == pytest.approx(time.time() + 3600, abs=5)
    assert source.token() is first
    assert first.text not in repr(first)
    ((headers, fields),) = issuer.requests
    assert fields == {"grant_type": "client_credentials", "scope": "a b"}
    assert headers["accept"] == "application/json"
    text, until_s, subject, extensions = source.for_librdkafka("")
    assert (text, until_s, subject, extensions) == (first.text, first.until_s, CLIENT, {})


def test_a_token_is_renewed_before_it_ends_and_kept_while_the_endpoint_is_away(
    issuer: TokenIssuer,
) -> None:
    issuer.life_s = 3
    source = token_source(attrs.evolve(wish(issuer.url), backoff_max_ms=0))
    first = source.token()
    issuer.fail_with = [503] * 1_000
    while time.time() < first.until_s - 0.2:
        assert source.token() is first
    # Asked again after four fifths of its life, and then ever more seldom than it is wanted.
    assert 2 <= len(issuer.requests) < 10
    while time.time() < first.until_s:
        pass
    with pytest.raises(RetriableError, match="answers 503"):
        source.token()
    issuer.fail_with = []
    assert source.token() is not first


def test_an_endpoint_that_comes_back_is_waited_for(issuer: TokenIssuer) -> None:
    issuer.fail_with = [503, 500, 429]
    assert token_source(wish(issuer.url)).token().subject == CLIENT
    assert len(issuer.requests) == 4


def test_an_endpoint_that_stays_away_is_told_in_bounded_time() -> None:
    (port,) = free_ports(1)
    began_s = time.monotonic()
    with pytest.raises(RetriableError, match="does not answer: Connection refused") as told:
        token_source(wish(f"http://{LOOPBACK}:{port}/token")).token()
    assert time.monotonic() - began_s < 2
    assert URL in str(told.value)
    assert "asked" in str(told.value)


@pytest.mark.parametrize(
    ("status", "part"),
    [(404, f"answers 404; check {URL}"), (302, "answers 302"), (400, "answers 400")],
)
def test_a_refusal_is_final_and_its_body_is_not_told(
    issuer: TokenIssuer, status: int, part: str
) -> None:
    issuer.fail_with = [status]
    with pytest.raises(BrokerError, match=part) as told:
        token_source(wish(issuer.url)).token()
    assert "canary" not in str(told.value)
    assert len(issuer.requests) == 1


def test_wrong_credentials_name_their_property(issuer: TokenIssuer) -> None:
    wrong = attrs.evolve(wish(issuer.url), client_secret="wrong-secret")  # noqa: S106
    with pytest.raises(BrokerError, match=r"401 \(invalid_client\); correct the client id") as told:
        token_source(wrong).token()
    assert "wrong-secret" not in str(told.value)
    assert "canary" not in str(told.value)


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        (b"<html>canary</html>", "without an access_token"),
        (b"[]", "without an access_token"),
        (b'{"access_token": 5}', "without an access_token"),
        (b'{"access_token": "canary"}', "no JWT"),
        (b'{"access_token": "a.b!.canary"}', "no JWT"),
    ],
)
def test_an_answer_that_is_no_token_is_told(issuer: TokenIssuer, answer: bytes, part: str) -> None:
    issuer.answer = answer
    with pytest.raises(BrokerError, match=part) as told:
        token_source(wish(issuer.url)).token()
    assert "canary" not in str(told.value)


def test_a_token_that_has_expired_or_names_nobody_is_told(issuer: TokenIssuer) -> None:
    issuer.life_s = -60
    with pytest.raises(BrokerError, match=r"expired 6\d s ago"):
        token_source(wish(issuer.url)).token()
    issuer.life_s = 60
    for changed, part in (({"exp": None}, "claim 'exp'"), ({"sub": None}, r"sub\.claim\.name")):
        issuer.answer = json.dumps({"access_token": issuer.token(**changed)}).encode()
        with pytest.raises(BrokerError, match=part):
            token_source(wish(issuer.url)).token()
    named = attrs.evolve(wish(issuer.url), subject_claim="iss")
    issuer.answer = json.dumps({"id_token": issuer.token(sub=None)}).encode()
    assert token_source(named).token().subject == "https://issuer.test"


def test_credentials_are_encoded_when_asked(issuer: TokenIssuer) -> None:
    issuer.answer = json.dumps({"access_token": issuer.token()}).encode()
    token_source(attrs.evolve(wish(issuer.url), encodes=True)).token()
    sent = base64.b64decode(issuer.requests[0][0]["authorization"].removeprefix("Basic "))
    assert sent == f"{CLIENT}:{urllib.parse.quote_plus(CLIENT_SECRET)}".encode()


def test_an_https_endpoint_is_checked_by_the_login_entrys_own_options(tmp_path: Path) -> None:
    authority = Authority.make()
    own = authority.issue("issuer").pem(tmp_path / "issuer.pem")
    context = server_context({"ssl.keystore.location": str(own), "ssl.keystore.type": "PEM"})
    with TokenIssuer(context) as issuer:
        trust = {
            "ssl.truststore.location": str(authority.trust_pem(tmp_path)),
            "ssl.truststore.type": "PEM",
        }
        request = attrs.evolve(wish(issuer.url), tls=trust)
        assert token_source(request).token().subject == CLIENT
        with pytest.raises(BrokerError, match=r"not trusted.*option ssl\.truststore\.location"):
            token_source(wish(issuer.url)).token()


def test_a_token_in_a_file_is_read_anew(issuer: TokenIssuer, tmp_path: Path) -> None:
    path = tmp_path / "a token"
    path.write_text(issuer.token() + "\n")
    assert token_source(TokenRequest(path.as_uri())).token().subject == CLIENT
    path.unlink()
    with pytest.raises(BrokerError, match=f"cannot be read: No such file.*{URL}"):
        token_source(TokenRequest(path.as_uri())).token()
    path.write_text("canary:x:0:0")
    with pytest.raises(BrokerError, match="no JWT") as told:
        token_source(TokenRequest(path.as_uri())).token()
    assert "canary" not in str(told.value)


def properties(url: str) -> dict[str, str]:
    return {
        "bootstrap.servers": "127.0.0.1:1",
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "OAUTHBEARER",
        URL: url,
        "sasl.oauthbearer.client.credentials.client.id": CLIENT,
        "sasl.oauthbearer.client.credentials.client.secret": CLIENT_SECRET,
        "sasl.login.retry.backoff.max.ms": "50",
    }


def test_nothing_is_asked_that_the_worker_does_not_allow(
    issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = properties(issuer.url)
    for make in (lambda: KafkaBroker().admin(given, client_id="c"), lambda: group_settings(given)):
        with pytest.raises(ConfigError, match="not among the token endpoints"):
            make()
    assert not issuer.requests
    allowed = {ALLOWED_URLS_PROPERTY: f"http://x/, {issuer.url} "}
    KafkaBroker().admin(given | allowed, client_id="c")
    provider = group_settings(given | allowed)["sasl_oauth_token_provider"]
    assert provider.token().count(".") == 2
    monkeypatch.setenv("KAFKA_OPTS", f"-Xmx1g -D{ALLOWED_URLS_PROPERTY}={issuer.url}")
    KafkaBroker().admin(given, client_id="c")
    assert len(issuer.requests) == 3


def test_a_connector_cannot_allow_itself_an_endpoint(issuer: TokenIssuer) -> None:
    worker = {"bootstrap.servers": "127.0.0.1:1", f"producer.{ALLOWED_URLS_PROPERTY}": issuer.url}
    connector = {
        f"producer.override.{key}": value
        for key, value in {**properties(issuer.url), ALLOWED_URLS_PROPERTY: issuer.url}.items()
    }
    role = ClientRole.SOURCE_PRODUCER
    found = split_prefix(worker, connector, role=role, connector="c", task=0).properties
    assert ALLOWED_URLS_PROPERTY not in found
    worker[ALLOWED_URLS_PROPERTY] = "https://mine/"
    found = split_prefix(worker, connector, role=role, connector="c", task=0).properties
    assert found[ALLOWED_URLS_PROPERTY] == "https://mine/"
    with pytest.raises(ConfigError, match="not among the token endpoints"):
        KafkaBroker().producer(found, client_id="c")
    assert not issuer.requests


def test_a_client_is_not_made_without_its_first_token(issuer: TokenIssuer) -> None:
    given = {**properties(issuer.url), ALLOWED_URLS_PROPERTY: issuer.url}
    issuer.fail_with = [503] * 100
    began_s = time.monotonic()
    with pytest.raises(BrokerError, match="answers 503"):
        KafkaBroker().producer(given, client_id="c")
    assert time.monotonic() - began_s < 5


MSK_ENTRY = "software.amazon.msk.auth.iam.IAMLoginModule required"
BROKER = "b-1.demo.abc.c2.kafka.eu-west-1.amazonaws.com:9098"


def msk(options: str = "", **changed: str) -> dict[str, str]:
    return {
        "bootstrap.servers": BROKER,
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "AWS_MSK_IAM",
        "sasl.jaas.config": f"{MSK_ENTRY} {options};",
        "sasl.client.callback.handler.class": (
            "software.amazon.msk.auth.iam.IAMClientCallbackHandler"
        ),
        **changed,
    }


def test_amazons_login_module_is_understood() -> None:
    found = translate(msk("awsProfileName='prod'"), ClientKind.PRODUCER)
    assert found.tokens == SignatureRequest("eu-west-1", "prod")
    assert found.config["sasl.mechanism"] == "OAUTHBEARER"
    role = "awsRoleArn='arn:aws:iam::123456789012:role/r' awsRoleSessionName=s awsStsRegion=x"
    found = translate(msk(role), ClientKind.ADMIN)
    arn = "arn:aws:iam::123456789012:role/r"
    assert found.tokens == SignatureRequest("x", "", arn, "s")
    handler = {
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.jaas.config": (
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
            "awsProfileName='p';"
        ),
        "sasl.login.callback.handler.class": (
            "software.amazon.msk.auth.iam.IAMOAuthBearerLoginCallbackHandler"
        ),
    }
    assert translate(msk(**handler), ClientKind.CONSUMER).tokens == SignatureRequest(
        "eu-west-1", "p"
    )


@pytest.mark.parametrize(
    ("options", "changed", "part"),
    [
        ("", {"security.protocol": "SASL_PLAINTEXT"}, "must be SASL_SSL"),
        ("awsRoleArn='https://x'", {}, "names no role"),
        ("awsKey='x'", {}, "option that cannot be honoured"),
        ("awsStsRegion='x'", {}, "without awsRoleArn"),
        (
            "awsProfileName=p awsRoleArn='arn:aws:iam::123456789012:role/r'",
            {},
            "keep one of the two",
        ),
    ],
)
def test_amazons_options_that_are_wrong_are_told(
    options: str, changed: dict[str, str], part: str
) -> None:
    with pytest.raises(ConfigError, match=part):
        translate(msk(options, **changed), ClientKind.PRODUCER)


def test_amazons_signature_has_the_shape_that_their_brokers_want(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("aws_msk_iam_sasl_signer")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "static-secret")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    token = token_source(SignatureRequest("eu-west-1")).token()
    padded = token.text + "=" * (-len(token.text) % 4)
    signed = urllib.parse.urlsplit(base64.urlsafe_b64decode(padded).decode())
    query = dict(urllib.parse.parse_qsl(signed.query))
    assert signed.hostname == "kafka.eu-west-1.amazonaws.com"
    assert query["Action"] == "kafka-cluster:Connect"
    assert query["X-Amz-Credential"].startswith("AKIDEXAMPLE/")
    assert "/eu-west-1/kafka-cluster/" in query["X-Amz-Credential"]
    assert "static-secret" not in signed.geturl()
    assert 0 < token.until_s - time.time() <= 900
    provider = group_settings(msk())["sasl_oauth_token_provider"]
    assert provider.token()


def test_a_profile_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("aws_msk_iam_sasl_signer")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(BrokerError, match="awsProfileName"):
        token_source(SignatureRequest("eu-west-1", "nobody")).token()


def test_a_region_must_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(ConfigError, match="AWS_REGION"):
        token_source(SignatureRequest())
