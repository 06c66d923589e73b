"""The property examples of docs/security.md do what they say: each is taken from there and run."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Final

import httpx
import pytest
from tests.parts.certificates import Authority
from tests.workers import PenstockWorker

from penstock.runtime.kafka.broker import KafkaBroker
from penstock.runtime.kafka.msk_iam import SignatureRequest
from penstock.runtime.kafka.oauth import TokenRequest
from penstock.runtime.kafka.oauth_allowed import split_allowed
from penstock.runtime.kafka.properties import ClientKind, translate
from penstock.runtime.settings import misspelt, not_honoured

pytestmark = pytest.mark.integration
PAGE: Final = Path(__file__).parents[2] / "docs" / "security.md"
EXAMPLES: Final = re.findall(r"```properties\n(.*?)```", PAGE.read_text(), re.DOTALL)
CA = Authority.make()
SECRET: Final = "store-secret"  # noqa: S105 - the page's


def example(text: str, folder: Path) -> dict[str, str]:
    """Return an example's properties, its files made below a folder."""
    found = dict(line.split("=", 1) for line in text.strip().splitlines())
    leaf = CA.issue("worker", "localhost", "127.0.0.1", "worker-1.example")
    for name, value in list(found.items()):
        if "/etc/penstock/" not in value:
            continue
        path = folder / Path(value).name
        made = {
            "client.jks": lambda at: leaf.jks(at, SECRET),
            "server.p12": lambda at: leaf.pkcs12(at, SECRET),
            "trust.pem": lambda at: CA.trust_pem(folder).replace(at),
            "trust.jks": lambda at: CA.trust_jks(folder, SECRET).replace(at),
            "users.properties": lambda at: at.write_text("alice=a\nbob=b\neve=e\n"),
        }
        made[path.name](path)
        found[name] = str(path)
    return found


def only(*words: str) -> str:
    (text,) = [one for one in EXAMPLES if all(word in one for word in words)]
    return str(text)


@pytest.mark.parametrize("text", EXAMPLES)
def test_no_name_in_an_example_is_unknown(text: str, tmp_path: Path) -> None:
    properties = example(text, tmp_path)
    assert misspelt(properties) == []
    assert not_honoured(properties) == []


@pytest.mark.parametrize("word", ["security.protocol=SSL\n", "ScramLoginModule"])
def test_the_examples_of_brokers_make_clients(word: str, tmp_path: Path) -> None:
    properties = example(only(word), tmp_path)
    config = KafkaBroker().settings(properties, ClientKind.ADMIN, client_id="t")
    assert config["security.protocol"] == properties["security.protocol"].lower()
    if word == "ScramLoginModule":
        assert (config["sasl.username"], config["sasl.password"]) == ("connect", "connect-secret")
    else:
        assert "BEGIN PRIVATE KEY" in str(config["ssl.key.pem"])


def test_the_examples_of_tokens_say_whom_to_ask(tmp_path: Path) -> None:
    properties, allowed = split_allowed(example(only("mechanism=OAUTHBEARER"), tmp_path))
    found = translate(properties, ClientKind.ADMIN, oauth_urls=allowed.urls).tokens
    assert found == TokenRequest(
        "https://issuer.example/token", "connect", "connect-secret", scope="kafka"
    )
    amazon = example(only("AWS_MSK_IAM"), tmp_path)
    assert translate(amazon, ClientKind.ADMIN).tokens == SignatureRequest("eu-west-1", "connect")


def test_the_example_of_https_serves_mutual_tls(tmp_path: Path) -> None:
    properties = example(only("listeners.https."), tmp_path)
    properties["listeners"] = "https://127.0.0.1:0,http://127.0.0.1:0"
    made = PenstockWorker(f"embedded:{tmp_path / 'log.db'}", tmp_path)
    made.properties |= properties
    running = made.start()
    try:
        user = ssl.create_default_context(cadata=CA.pem)
        user.verify_flags &= ~ssl.VERIFY_X509_STRICT
        user.load_cert_chain(CA.issue("user").pem(tmp_path / "user.pem"))
        assert running.url.startswith("https://")
        assert running.request("GET", "/", verify=user).status_code == 200
    finally:
        running.stop()


def test_the_example_of_users_gives_each_their_role(tmp_path: Path) -> None:
    made = PenstockWorker(f"embedded:{tmp_path / 'log.db'}", tmp_path)
    made.properties |= example(only("rest.auth.roles"), tmp_path)
    running = made.start()
    try:

        def code(method: str, path: str, user: str) -> int:
            answer: httpx.Response = running.request(method, path, auth=(user, user[0]))
            return answer.status_code

        assert [code("GET", "/connectors", one) for one in ("alice", "bob", "eve")] == [200] * 3
        restart = [code("PUT", "/connectors/c/pause", one) for one in ("alice", "bob", "eve")]
        assert restart == [404, 404, 403]
        delete = [code("DELETE", "/connectors/c", one) for one in ("alice", "bob", "eve")]
        assert delete == [404, 403, 403]
        assert running.request("GET", "/health").status_code == 401
    finally:
        running.stop()
