"""One set of Apache properties means the same to the group client as to librdkafka's."""

from __future__ import annotations

import os
import ssl
import sys
import warnings
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
from tests.parts.certificates import PASSWORD, Authority

from penstock.errors import ConfigError
from penstock.runtime.kafka.broker import KafkaBroker
from penstock.runtime.kafka.group_security import group_settings
from penstock.runtime.kafka.properties import ClientKind
from penstock.runtime.kafka.stores import with_pem_texts
from penstock.runtime.secure_stores.causes import explained

CA = Authority.make()
LEAF = CA.issue("client")
SERVERS = {"bootstrap.servers": "a:1, b:2"}
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"


def secured(folder: Path, kind: str) -> dict[str, str]:
    own = folder / f"own.{kind}"
    return {
        **SERVERS,
        "security.protocol": "SSL",
        "ssl.truststore.location": str(getattr(CA, f"trust_{kind}")(folder)),
        "ssl.truststore.type": kind.upper(),
        "ssl.truststore.password": PASSWORD,
        "ssl.keystore.location": str(getattr(LEAF, kind)(own)),
        "ssl.keystore.type": kind.upper(),
        "ssl.keystore.password": PASSWORD,
    }


def test_without_security_only_the_addresses_are_passed_on() -> None:
    given = {**SERVERS, "ssl.keystore.location": "/nowhere", "group.id": "g"}
    assert group_settings(given) == {"bootstrap_servers": ["a:1", "b:2"]}


@pytest.mark.parametrize("kind", ["jks", "pkcs12", "pem"])
def test_tls_from_each_kind_of_store_for_both_clients(kind: str, tmp_path: Path) -> None:
    properties = secured(tmp_path, kind)
    found = group_settings(properties)
    context = found.pop("ssl_context")
    assert found == {"bootstrap_servers": ["a:1", "b:2"], "security_protocol": "SSL"}
    assert isinstance(context, ssl.SSLContext)
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1
    config = KafkaBroker().settings(properties, ClientKind.ADMIN, client_id="c")
    assert config["ssl.ca.pem"].strip() == CA.pem.strip()
    assert config["ssl.key.pem"].strip() == LEAF.key_pem().strip()
    assert config["ssl.certificate.pem"].strip() == LEAF.chain_pem.strip()
    assert "ssl.keystore.location" not in config


def test_a_folder_of_certificates_stays_librdkafkas_own(tmp_path: Path) -> None:
    given = {"security.protocol": "SSL", "ssl.truststore.location": str(tmp_path)}
    assert with_pem_texts(given) == given


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_passwords_come_from_the_login_entry(mechanism: str) -> None:
    module = PLAIN if mechanism == "PLAIN" else SCRAM
    found = group_settings(
        {
            **SERVERS,
            "security.protocol": "sasl_plaintext",
            "sasl.mechanism": mechanism,
            "sasl.jaas.config": f'{module} required username="u" password="a\\"b";',
        }
    )
    assert found == {
        "bootstrap_servers": ["a:1", "b:2"],
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": mechanism,
        "sasl_plain_username": "u",
        "sasl_plain_password": 'a"b',
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"sasl.jaas.config": 'com.sun.security.auth.module.JndiLoginModule required a="b";'},
            "JndiLoginModule' as login module",
        ),
        ({"sasl.jaas.config": f"{SCRAM} required;"}, "lacks username or password"),
        ({"sasl.mechanism": "GSSAPI"}, "sasl.jaas.config"),
        ({"sasl.mechanism": "MAGIC"}, "sasl.mechanism"),
        ({"security.protocol": "TLS"}, "security.protocol"),
    ],
)
def test_what_is_wrong_names_its_property(change: dict[str, str], expected: str) -> None:
    good = {
        **SERVERS,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.jaas.config": f'{SCRAM} required username="u" password="p-secret";',
    }
    with pytest.raises(ConfigError, match=expected) as told:
        group_settings({**good, **change})
    assert "p-secret" not in str(told.value)


def test_a_scram_answer_with_a_foreign_nonce_is_refused() -> None:
    """CVE-2024-56128, of the library that the group client uses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of kafka-python, at its import
        from kafka.net.sasl.scram import SaslMechanismScram  # noqa: PLC0415 - see above
    login = SaslMechanismScram(
        sasl_plain_username="u",
        sasl_plain_password="p",  # noqa: S106 - of nobody
        sasl_mechanism="SCRAM-SHA-256",
    )
    login.auth_bytes()
    with pytest.raises(ValueError, match="nonce"):
        login.receive(b"r=another-nonce,s=c2FsdA==,i=4096")


KERBEROS = "com.sun.security.auth.module.Krb5LoginModule"


def kerberos(options: str, **more: str) -> dict[str, str]:
    return {
        **SERVERS,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.jaas.config": f"{KERBEROS} required {options};",
        **more,
    }


@pytest.mark.skipif(find_spec("gssapi") is not None, reason="the package is here")
def test_kerberos_without_its_package_names_the_package() -> None:
    with pytest.raises(ConfigError, match=r"needs the package 'gssapi'.*pip install gssapi"):
        group_settings(kerberos("useTicketCache=true serviceName=kafka"))


def test_kerberos_in_the_group_clients_words(monkeypatch: pytest.MonkeyPatch) -> None:
    # Only whether the package is there is asked; tests of Kerberos itself need a KDC.
    monkeypatch.setitem(sys.modules, "gssapi", ModuleType("gssapi"))
    sys.modules["gssapi"].__spec__ = ModuleSpec("gssapi", None)
    monkeypatch.delenv("KRB5_CLIENT_KTNAME", raising=False)
    keytab = "useKeyTab=true keyTab='/etc/k.keytab' principal='connect@EX.ORG'"
    found = group_settings(kerberos(keytab, **{"sasl.kerberos.service.name": "kafka"}))
    assert found["sasl_mechanism"] == "GSSAPI"
    assert found["sasl_kerberos_service_name"] == "kafka"
    assert os.environ["KRB5_CLIENT_KTNAME"] == "/etc/k.keytab"
    ticket = group_settings(kerberos("useTicketCache=true serviceName='k2'"))
    assert ticket["sasl_kerberos_service_name"] == "k2"
    with pytest.raises(ConfigError, match=r"sasl\.kerberos\.service\.name is missing"):
        group_settings(kerberos("useTicketCache=true"))


@pytest.mark.parametrize(
    ("text", "property_name"),
    [
        ("certificate verify failed: IP address mismatch", "endpoint.identification"),
        ("certificate verify failed: Hostname mismatch, x is not valid for 'y'", "endpoint"),
        ("certificate verify failed: certificate has expired", "has expired"),
        ("certificate verify failed: unable to get local issuer certificate", "ssl.truststore"),
        ("broker certificate could not be verified, verify that", "has expired, is for another"),
        ("tlsv13 alert certificate required", "ssl.keystore.location"),
        ("sslv3 alert certificate expired: SSL alert number 45", "ssl.keystore.location"),
        ("SASL authentication error: Authentication failed", "sasl.jaas.config"),
        ("SaslAuthenticationFailedError: [Error 58]", "sasl.jaas.config"),
        ("wrong version number", "security.protocol"),
        ('SASL authentication error: {"status":"invalid_token"}', "refuses the token"),
        ("socket: the broker ended the connection during SASL OAUTHBEARER au", "refuses the tok"),
        ("the token endpoint 'https://x/t' does not answer", "without a token"),
    ],
)
def test_causes_are_told_by_property(text: str, property_name: str) -> None:
    assert property_name in explained(text)
    assert explained("Local: Timed out") == ""
