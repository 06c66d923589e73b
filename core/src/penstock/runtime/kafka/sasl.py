"""The ``sasl.*`` properties for librdkafka: PLAIN, SCRAM, OAUTHBEARER and Kerberos.

Pure. Only the four login modules below are ever accepted: a login module named by a property is
how CVE-2023-25194 (JndiLoginModule) and CVE-2025-27818 (LdapLoginModule) run foreign code in the
original. A token endpoint must be on the worker's list, as since Kafka 4.0 (CVE-2025-27817).
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Collection
from typing import Final

from penstock.errors import ConfigError
from penstock.runtime.kafka.jaas import JAAS_KEY, JaasEntry, parse_jaas
from penstock.runtime.kafka.properties_rules import Elsewhere, Text, Work
from penstock.runtime.kafka.properties_table_security import (
    KERBEROS_RELOGIN,
    OAUTH_PACKAGE,
    OAUTH_TARGETS,
    SECURITY,
)

__all__ = ["ALLOWED_URLS_PROPERTY", "apply_sasl"]

ALLOWED_URLS_PROPERTY: Final = "org.apache.kafka.sasl.oauthbearer.allowed.urls"
"""The worker's list of token endpoints, by commas: a system property of the JVM in the original."""
_SECURITY_PACKAGE: Final = "org.apache.kafka.common.security."
_MODULES: Final[dict[str, frozenset[str]]] = {
    _SECURITY_PACKAGE + "plain.PlainLoginModule": frozenset({"PLAIN"}),
    _SECURITY_PACKAGE + "scram.ScramLoginModule": frozenset({"SCRAM-SHA-256", "SCRAM-SHA-512"}),
    OAUTH_PACKAGE + "OAuthBearerLoginModule": frozenset({"OAUTHBEARER"}),
    "com.sun.security.auth.module.Krb5LoginModule": frozenset({"GSSAPI"}),
}
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI")
_CLASS_NAME: Final = re.compile(r"([A-Za-z_$][\w$]{0,60}\.){1,12}[A-Za-z_$][\w$]{0,60}", re.ASCII)
# librdkafka pastes both into a shell command (kinit), the principal without quotes.
_PRINCIPAL: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/@-]*")
_KEYTAB: Final = re.compile(r"[A-Za-z0-9._/+@,=-]+")
_EXTENSION_NAME: Final = re.compile(r"[A-Za-z]+")
_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION: Final = "sasl.oauthbearer.assertion."
_EXTENSION: Final = "extension_"
_CLIENT_ID: Final = "sasl.oauthbearer.client.credentials.client.id"
_CLIENT_SECRET: Final = "sasl.oauthbearer.client.credentials.client.secret"  # noqa: S105
_RETRIEVER: Final = "sasl.oauthbearer.jwt.retriever.class"
_URL: Final = "sasl.oauthbearer.token.endpoint.url"
_SCOPE: Final = "sasl.oauthbearer.scope"


def apply_sasl(work: Work, oauth_urls: Collection[str], *, gssapi: bool) -> None:
    """Carry every ``sasl.*`` property of ``work`` that needs a look at another one.

    Args:
        oauth_urls: the token endpoints that clients may call, compared as whole texts.
        gssapi: whether this librdkafka was built with Kerberos.
    """
    entry = _entry(work)
    if not str(work.config.get("security.protocol", "plaintext")).startswith("sasl"):
        for key in work.properties:
            if isinstance(SECURITY.get(key), Elsewhere) and key.startswith("sasl."):
                work.ignore(key, "security.protocol is not SASL_PLAINTEXT or SASL_SSL")
        return
    mechanism = work.value("sasl.mechanism") or "GSSAPI"
    if mechanism not in _MECHANISMS:
        work.refuse("sasl.mechanism", f"must be one of {', '.join(_MECHANISMS)}", "choose one")
        return
    if entry is not None and mechanism not in _MODULES[entry.module]:
        name = entry.module.rpartition(".")[2]
        work.refuse(JAAS_KEY, f"names {name}, which is not for {mechanism}", "make them agree")
        return
    work.config["sasl.mechanism"] = mechanism
    options = dict(entry.options) if entry is not None else {}
    if mechanism == "GSSAPI":
        _apply_kerberos(work, options, gssapi=gssapi)
    elif mechanism == "OAUTHBEARER":
        _apply_oauth(work, options, oauth_urls)
    elif JAAS_KEY in work.properties:
        if entry is not None:
            _apply_password(work, options)
    else:
        work.refuse(JAAS_KEY, f"is missing: {mechanism} needs a username and password", "add it")


def _entry(work: Work) -> JaasEntry | None:
    """Return the login entry, or None when there is none or it is a problem."""
    if JAAS_KEY not in work.properties:
        return None
    try:
        entry = parse_jaas(work.secret(JAAS_KEY))
    except ConfigError as problem:
        work.problems.extend(problem.problems)
        return None
    if any("\0" in text for text in (*entry.options, *entry.options.values())):
        work.refuse(JAAS_KEY, "holds a NUL, at which librdkafka would end the text", "remove it")
        return None
    if entry.module in _MODULES:
        return entry
    # Only what looks like a class name is printed: a password may stand in the wrong place.
    known = _CLASS_NAME.fullmatch(entry.module)
    name = f"'{entry.module}'" if known else "something that is no class name"
    work.refuse(
        JAAS_KEY,
        f"names {name} as login module; only Kafka's own and Kerberos are accepted, as others "
        "can run foreign code (CVE-2023-25194, CVE-2025-27818)",
        f"use one of {', '.join(_MODULES)}",
    )
    return None


def _apply_password(work: Work, options: dict[str, str]) -> None:
    username, password = options.get("username", ""), options.get("password", "")
    if not username or not password:
        work.refuse(JAAS_KEY, "lacks username or password", 'add username="..." password="..."')
    elif options.get("tokenauth", "").lower() == "true":
        work.refuse(
            JAAS_KEY,
            "asks for a delegation token (tokenauth), which librdkafka cannot use",
            "use the user's own SCRAM password",
        )
    else:
        work.config["sasl.username"] = username
        work.config["sasl.password"] = password


def _apply_kerberos(work: Work, options: dict[str, str], *, gssapi: bool) -> None:
    if not gssapi:
        stated = "sasl.mechanism" in work.properties
        work.refuse(
            "sasl.mechanism",
            "is GSSAPI"
            + ("" if stated else " when it is not given")
            + ", but this librdkafka is built without Kerberos",
            "set SCRAM-SHA-512, PLAIN or OAUTHBEARER, or install confluent-kafka from source "
            "against a librdkafka with libsasl2 (pip install --no-binary confluent-kafka)",
        )
        return
    service = work.value("sasl.kerberos.service.name") or options.get("serviceName", "")
    if service:
        work.config["sasl.kerberos.service.name"] = service
    relogin = work.value("sasl.kerberos.min.time.before.relogin")
    if relogin:
        KERBEROS_RELOGIN.apply("sasl.kerberos.min.time.before.relogin", relogin, work)
    keytab, principal = options.get("keyTab", ""), options.get("principal", "")
    if not keytab:
        # A ticket from the cache: librdkafka must not call kinit.
        work.config["sasl.kerberos.min.time.before.relogin"] = 0
    elif not _KEYTAB.fullmatch(keytab):
        work.refuse(JAAS_KEY, "has a keyTab with characters that a shell reads", "rename it")
    elif not _PRINCIPAL.fullmatch(principal):
        work.refuse(
            JAAS_KEY,
            "needs a principal of letters, digits and . _ / @ -",
            'add principal="user@REALM"',
        )
    else:
        work.config["sasl.kerberos.keytab"] = keytab
        work.config["sasl.kerberos.principal"] = principal


def _apply_oauth(work: Work, options: dict[str, str], oauth_urls: Collection[str]) -> None:
    url = work.value(_URL)
    grant = _grant_type(work)
    if not url:
        work.refuse(
            _URL,
            "is missing: tokens without an issuer are for tests of the original only",
            "add it",
        )
    elif not _is_web(url):
        work.refuse(_URL, "must be an http or https address", "give the issuer's address")
    elif url not in oauth_urls:
        work.refuse(
            _URL,
            "is not among the token endpoints that this worker allows",
            f"add it to '{ALLOWED_URLS_PROPERTY}' in the worker's properties",
        )
    work.config["sasl.oauthbearer.method"] = "oidc"
    work.config["sasl.oauthbearer.token.endpoint.url"] = url
    scope = work.value(_SCOPE) or options.get("scope", "")
    if scope:
        work.config["sasl.oauthbearer.scope"] = scope
    _apply_extensions(work, options)
    _pass_on(work, "sasl.oauthbearer.sub.claim.name")
    if grant == _JWT_BEARER:
        _apply_assertion(work)
    elif grant:
        _apply_credentials(work, options)


def _is_web(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _grant_type(work: Work) -> str:
    """Return the grant that the retriever class stands for, empty after a problem."""
    name = work.value(_RETRIEVER)
    grants = {
        "": "client_credentials",
        OAUTH_PACKAGE + "DefaultJwtRetriever": "client_credentials",
        OAUTH_PACKAGE + "ClientCredentialsJwtRetriever": "client_credentials",
        OAUTH_PACKAGE + "JwtBearerJwtRetriever": _JWT_BEARER,
    }
    if name not in grants:
        work.refuse(
            _RETRIEVER,
            "cannot be honoured: a Java class cannot be run here",
            "use ClientCredentialsJwtRetriever or JwtBearerJwtRetriever",
        )
    return grants.get(name, "")


def _apply_credentials(work: Work, options: dict[str, str]) -> None:
    for key, option, target in (
        (_CLIENT_ID, "clientId", "sasl.oauthbearer.client.id"),
        (_CLIENT_SECRET, "clientSecret", "sasl.oauthbearer.client.secret"),
    ):
        value = work.secret(key) or options.get(option, "")
        if value:
            work.config[target] = value
        else:
            work.refuse(key, "is missing", f"add it, or {option} to {JAAS_KEY}")
    for key in work.properties:
        if key.startswith(_ASSERTION):
            work.ignore(key, "only JwtBearerJwtRetriever makes assertions")


def _apply_assertion(work: Work) -> None:
    work.config["sasl.oauthbearer.grant.type"] = _JWT_BEARER
    passphrase = work.secret(_ASSERTION + "private.key.passphrase")
    if passphrase:
        work.config[_ASSERTION + "private.key.passphrase"] = passphrase
    made = work.value(_ASSERTION + "file")
    for key in work.properties:
        if not key.startswith(_ASSERTION):
            continue
        if made and key != _ASSERTION + "file":
            work.config.pop(key, None)
            work.ignore(key, "the assertion is read from sasl.oauthbearer.assertion.file")
        elif key in OAUTH_TARGETS:
            _pass_on(work, key)
    if not made and not work.value(_ASSERTION + "private.key.file"):
        work.refuse(_ASSERTION + "private.key.file", "is missing: it signs the assertion", "add it")


def _pass_on(work: Work, key: str) -> None:
    if key in work.properties:
        OAUTH_TARGETS[key].apply(key, work.value(key), work)


def _apply_extensions(work: Work, options: dict[str, str]) -> None:
    """Carry the options ``extension_<name>`` of the login entry."""
    found = {k.removeprefix(_EXTENSION): v for k, v in options.items() if k.startswith(_EXTENSION)}
    if any(not _EXTENSION_NAME.fullmatch(name) or "," in found[name] for name in found):
        work.refuse(
            JAAS_KEY,
            "has an extension whose name is not of letters or whose value has a comma",
            "change or remove it",
        )
    elif found:
        pairs = ",".join(f"{name}={value}" for name, value in found.items())
        Text("sasl.oauthbearer.extensions").apply(JAAS_KEY, pairs, work)
