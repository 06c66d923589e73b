"""The sasl.* properties, up to a client of librdkafka's that accepts them."""

from __future__ import annotations

from collections.abc import Mapping

import confluent_kafka
import pytest

from penstock.errors import ConfigError
from penstock.runtime.kafka.oauth import (
    ALLOWED_FILES_PROPERTY,
    ALLOWED_URLS_PROPERTY,
    TokenRequest,
)
from penstock.runtime.kafka.properties import ClientKind, Setting, Translation, translate

COMMON = "org.apache.kafka.common.security."
OAUTH = COMMON + "oauthbearer."
URL = "https://issuer.example/token"
FILE_URL = "file:///run/token"
OAUTH_BASE = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "OAUTHBEARER",
    "sasl.oauthbearer.token.endpoint.url": URL,
}
ASSERTION = "sasl.oauthbearer.assertion."
JAAS = "sasl.jaas.config"
SECRET = "hunter2"  # noqa: S105


def translated(properties: Mapping[str, str], *, gssapi: bool = False) -> Translation:
    given = {"bootstrap.servers": "127.0.0.1:1", **properties}
    return translate(
        given,
        ClientKind.PRODUCER,
        oauth_urls=[URL, FILE_URL],
        oauth_files=["/k.pem", "/t.json", "/a.jwt"],
        gssapi=gssapi,
    )


def created(properties: Mapping[str, str]) -> Mapping[str, Setting]:
    config = translated(properties).config
    confluent_kafka.Producer({**config, "log_level": 0})
    return config


def problems_of(properties: Mapping[str, str], *, gssapi: bool = False) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        translated(properties, gssapi=gssapi)
    assert "hunter2" not in str(caught.value)
    return {problem.key: problem.message for problem in caught.value.problems}


def sasl(mechanism: str, jaas: str, protocol: str = "SASL_PLAINTEXT") -> dict[str, str]:
    return {"security.protocol": protocol, "sasl.mechanism": mechanism, JAAS: jaas}


@pytest.mark.parametrize(
    ("mechanism", "module"),
    [
        ("PLAIN", "plain.PlainLoginModule"),
        ("SCRAM-SHA-256", "scram.ScramLoginModule"),
        ("SCRAM-SHA-512", "scram.ScramLoginModule"),
    ],
)
def test_passwords_from_jaas(mechanism: str, module: str) -> None:
    jaas = f'{COMMON}{module} required username="al" password="hun\\"ter2 " user_x=y;'
    config = created(sasl(mechanism, jaas))
    assert (config["sasl.mechanism"], config["security.protocol"]) == (mechanism, "sasl_plaintext")
    assert (config["sasl.username"], config["sasl.password"]) == ("al", 'hun"ter2 ')


PLAIN = f"{COMMON}plain.PlainLoginModule required"
SCRAM = f"{COMMON}scram.ScramLoginModule required"
KRB = "com.sun.security.auth.module.Krb5LoginModule required"
SASL_BAD = [
    (sasl("PLAIN", "hunter2"), JAAS, "semicolon"),
    (sasl("PLAIN", "hunter2 required;"), JAAS, "something that is no class name"),
    (sasl("PLAIN", f'{PLAIN} username="u";'), JAAS, "lacks username or password"),
    (sasl("PLAIN", f"{PLAIN} username=u password='hunter2\\0';"), JAAS, "NUL"),
    (sasl("PLAIN", f"{SCRAM} username='u' password='hunter2';"), JAAS, "not for PLAIN"),
    (
        sasl("SCRAM-SHA-512", f"{SCRAM} username=u password=hunter2 tokenauth=true;"),
        JAAS,
        "delegation token",
    ),
    (sasl("DIGEST-MD5", f"{PLAIN};"), "sasl.mechanism", "must be one of PLAIN"),
    ({"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}, JAAS, "is missing"),
    ({"security.protocol": "SASL_SSL"}, "sasl.mechanism", "when it is not given, but"),
    (sasl("GSSAPI", f"{KRB} useTicketCache=true;"), "sasl.mechanism", "without Kerberos"),
]


@pytest.mark.parametrize(("properties", "key", "part"), SASL_BAD)
def test_bad_logins_are_refused(properties: dict[str, str], key: str, part: str) -> None:
    assert part in problems_of(properties)[key]


@pytest.mark.parametrize(
    "jaas",
    [
        "com.sun.security.auth.module.JndiLoginModule required user.provider.url='ldap://x';",
        'com.sun.security.auth.module."JndiLoginModule" required;',
        "'com.sun.security.auth.module.JndiLoginModule' REQUIRED;",
        '"com.sun.security.auth.module.\\112ndiLoginModule" optional;',
        "com.sun.security.auth.module.LdapLoginModule sufficient;",
        "/* x */com.sun.security.auth.module.jndiloginmodule required;",
        "software.amazon.msk.auth.iam.OtherLoginModule required;",
        "org.apache.kafka.common.security.plain.PlainLoginModule2 required;",
        "'com.sun.security.auth.module.UnixLoginModule' required;",
        "com.sun.security.auth.module.KeyStoreLoginModule required keyStoreURL='file:///etc/x';",
    ],
)
@pytest.mark.parametrize("protocol", ["SASL_SSL", "PLAINTEXT"])
def test_other_login_modules_are_refused_however_spelt(jaas: str, protocol: str) -> None:
    message = problems_of(sasl("PLAIN", jaas, protocol))[JAAS]
    assert "CVE-2023-25194" in message or "control flag" in message


def test_sasl_properties_say_that_they_wait_for_sasl() -> None:
    found = translated(
        sasl("PLAIN", f"{PLAIN} username=u password=hunter2;", "SSL")
        | {"sasl.login.read.timeout.ms": "5"}
    )
    assert [note.key for note in found.ignored] == [
        "sasl.mechanism",
        JAAS,
        "sasl.login.read.timeout.ms",
    ]
    assert "hunter2" not in str(found)
    assert "sasl.password" not in found.config


def test_kerberos_with_a_keytab_and_with_a_ticket() -> None:
    jaas = f"{KRB} useKeyTab=true keyTab='/etc/k.keytab' principal='c/h@EX.ORG' serviceName=kafka;"
    config = translated(
        sasl("GSSAPI", jaas) | {"sasl.kerberos.min.time.before.relogin": "9000"}, gssapi=True
    ).config
    assert config["sasl.kerberos.keytab"] == "/etc/k.keytab"
    assert config["sasl.kerberos.principal"] == "c/h@EX.ORG"
    assert config["sasl.kerberos.service.name"] == "kafka"
    assert config["sasl.kerberos.min.time.before.relogin"] == 9_000
    ticket = {"security.protocol": "SASL_SSL"}
    config = translated(ticket, gssapi=True).config
    assert config["sasl.kerberos.min.time.before.relogin"] == 0
    assert "sasl.kerberos.service.name" not in config


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ("keyTab='/k\";reboot;\"' principal=p", "that a shell reads"),
        ("keyTab='/k' principal='p; reboot'", "needs a principal"),
        ("keyTab='/k' principal='-p'", "needs a principal"),
        ("keyTab='/k'", "needs a principal"),
    ],
)
def test_nothing_reaches_the_shell_of_kinit(options: str, part: str) -> None:
    assert part in problems_of(sasl("GSSAPI", f"{KRB} {options};"), gssapi=True)[JAAS]


def test_kinit_is_never_a_property() -> None:
    found = translated({"sasl.kerberos.kinit.cmd": "reboot"})
    assert [note.key for note in found.unsupported] == ["sasl.kerberos.kinit.cmd"]
    assert "sasl.kerberos.kinit.cmd" not in found.config


def asked(properties: Mapping[str, str]) -> TokenRequest:
    found = translated(properties).tokens
    assert isinstance(found, TokenRequest)
    return found


CREDENTIALS_ENTRY = (
    f"{OAUTH}OAuthBearerLoginModule required clientId='id' clientSecret='hunter2' scope='s'"
    " extension_logicalCluster='lkc-1' extension_poolId='p' ssl.truststore.location='/ca.pem';"
)


def test_oauth_client_credentials_from_jaas() -> None:
    handler = {"sasl.login.callback.handler.class": OAUTH + "OAuthBearerLoginCallbackHandler"}
    found = asked({**OAUTH_BASE, JAAS: CREDENTIALS_ENTRY, **handler})
    assert (found.url, found.client_id, found.client_secret) == (URL, "id", "hunter2")
    assert (found.scope, found.subject_claim, found.encodes) == ("s", "sub", False)
    assert found.extensions == {"logicalCluster": "lkc-1", "poolId": "p"}
    assert found.tls == {"ssl.truststore.location": "/ca.pem"}
    assert "hunter2" not in repr(found)


def test_oauth_client_credentials_from_properties() -> None:
    config = {
        **OAUTH_BASE,
        JAAS: CREDENTIALS_ENTRY,
        "sasl.oauthbearer.client.credentials.client.id": "id2",
        "sasl.oauthbearer.client.credentials.client.secret": "s2 ",
        "sasl.oauthbearer.scope": "s3",
        "sasl.oauthbearer.sub.claim.name": "who",
        "sasl.oauthbearer.header.urlencode": "true",
        "sasl.oauthbearer.jwt.retriever.class": OAUTH + "ClientCredentialsJwtRetriever",
        "sasl.login.connect.timeout.ms": "1",
        "sasl.login.read.timeout.ms": "2",
        "sasl.login.retry.backoff.ms": "3",
        "sasl.login.retry.backoff.max.ms": "4",
        ASSERTION + "algorithm": "RS256",
    }
    found = asked(config)
    assert (found.client_id, found.client_secret, found.scope) == ("id2", "s2 ", "s3")
    assert (found.subject_claim, found.encodes) == ("who", True)
    times = (found.connect_ms, found.read_ms, found.backoff_ms, found.backoff_max_ms)
    assert times == (1, 2, 3, 4)
    # librdkafka is told the mechanism alone: tokens come from us.
    confluent_kafka.Producer({**created_settings(config), "log_level": 0})


def created_settings(properties: Mapping[str, str]) -> Mapping[str, Setting]:
    settings = translated(properties).config
    assert settings["sasl.mechanism"] == "OAUTHBEARER"
    assert not [name for name in settings if "oauthbearer" in name]
    return settings


def test_a_token_in_a_file_needs_no_credentials() -> None:
    url = {"sasl.oauthbearer.token.endpoint.url": FILE_URL}
    for retriever in ("", "DefaultJwtRetriever", "FileJwtRetriever"):
        name = OAUTH + retriever if retriever else ""
        more = {"sasl.oauthbearer.jwt.retriever.class": name} if name else {}
        assert asked({**OAUTH_BASE, **url, **more}) == TokenRequest(FILE_URL)
    wrong = {"sasl.oauthbearer.jwt.retriever.class": OAUTH + "FileJwtRetriever"}
    assert "does not fit FileJwtRetriever" in str(problems_of({**OAUTH_BASE, **wrong}))


def test_assertions_may_be_made_of_allowed_files_alone() -> None:
    found = problems_of(bearer(private_key_file="/etc/shadow", algorithm="RS256"))
    assert ALLOWED_FILES_PROPERTY in found[ASSERTION + "private.key.file"]
    assert ALLOWED_FILES_PROPERTY in problems_of(bearer(file="/etc/shadow"))[ASSERTION + "file"]


def bearer(**properties: str) -> dict[str, str]:
    given = {ASSERTION + name.replace("_", "."): value for name, value in properties.items()}
    retriever = OAUTH + "JwtBearerJwtRetriever"
    return {**OAUTH_BASE, "sasl.oauthbearer.jwt.retriever.class": retriever, **given}


def test_oauth_assertions() -> None:
    config = created(
        bearer(
            private_key_file="/k.pem",
            private_key_passphrase=SECRET,
            algorithm="es256",
            claim_aud="a",
            claim_exp_seconds="60",
            claim_jti_include="true",
            template_file="/t.json",
        )
    )
    assert config[ASSERTION + "algorithm"] == "ES256"
    assert config[ASSERTION + "private.key.passphrase"] == "hunter2"
    assert config[ASSERTION + "jwt.template.file"] == "/t.json"
    found = translated(bearer(file="/a.jwt", private_key_passphrase=SECRET))
    assert found.config[ASSERTION + "file"] == "/a.jwt"
    assert ASSERTION + "private.key.passphrase" not in found.config
    assert "is missing" in problems_of(bearer(algorithm="RS256"))[ASSERTION + "private.key.file"]


@pytest.mark.parametrize(
    ("changed", "key", "part"),
    [
        ({"sasl.oauthbearer.token.endpoint.url": ""}, "", "is missing"),
        (
            {"sasl.oauthbearer.token.endpoint.url": "file:///etc/passwd"},
            "",
            ALLOWED_URLS_PROPERTY,
        ),
        ({"sasl.oauthbearer.token.endpoint.url": "file://host/passwd"}, "", "http, https or file"),
        ({"sasl.oauthbearer.token.endpoint.url": "ldap://host/x"}, "", "http, https or file"),
        ({"sasl.oauthbearer.header.urlencode": "yes"}, "", "true or false"),
        ({"sasl.login.retry.backoff.ms": "-1"}, "", "from 0 to"),
        ({"sasl.oauthbearer.token.endpoint.url": "https://[x"}, "", "http, https or file"),
        ({"sasl.oauthbearer.token.endpoint.url": "https:///x"}, "", "http, https or file"),
        (
            {"sasl.oauthbearer.token.endpoint.url": "http://169.254.169.254/x"},
            "",
            ALLOWED_URLS_PROPERTY,
        ),
        ({"sasl.oauthbearer.jwt.retriever.class": "x.Y"}, "", "Java class"),
        ({}, "sasl.oauthbearer.client.credentials.client.secret", "add it, or clientSecret"),
        (
            {JAAS: f"{OAUTH}OAuthBearerLoginModule required extension_a='b,c';"},
            JAAS,
            "has a comma",
        ),
        ({"sasl.login.callback.handler.class": "x.Y"}, "", "Java class"),
    ],
)
def test_oauth_faults(changed: dict[str, str], key: str, part: str) -> None:
    found = problems_of({**OAUTH_BASE, **changed})
    assert part in found[key or next(iter(changed))]
