"""The ``sasl.oauthbearer.*`` properties: which token a client shows, and from whom it gets it.

Pure. Client credentials and tokens in files are got by ``oauth_tokens``, for librdkafka and the
group client alike; assertions by librdkafka itself. A token endpoint must be on the worker's list,
as since Kafka 4.0 (CVE-2025-27817).
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Collection, Mapping
from typing import Any, Final

import attrs

from penstock.runtime.kafka.jaas import JAAS_KEY
from penstock.runtime.kafka.properties_rules import INT_MAX, Number, Text, Work
from penstock.runtime.kafka.properties_table_security import (
    LOGIN_TIMES,
    OAUTH_PACKAGE,
    OAUTH_TARGETS,
)

__all__ = [
    "ALLOWED_FILES_PROPERTY",
    "ALLOWED_URLS_PROPERTY",
    "Token",
    "TokenRequest",
    "apply_oauth",
]

ALLOWED_URLS_PROPERTY: Final = "org.apache.kafka.sasl.oauthbearer.allowed.urls"
"""The worker's list of token endpoints, by commas: a system property of the JVM in the original."""
ALLOWED_FILES_PROPERTY: Final = "org.apache.kafka.sasl.oauthbearer.allowed.files"
"""The worker's list of files that assertions and their keys may be read from, by commas."""
_EXTENSION_NAME: Final = re.compile(r"[A-Za-z]+")
_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ASSERTION: Final = "sasl.oauthbearer.assertion."
_ASSERTION_FILES: Final = tuple(
    _ASSERTION + name for name in ("file", "private.key.file", "template.file")
)
_EXTENSION: Final = "extension_"
_CLIENT_ID: Final = "sasl.oauthbearer.client.credentials.client.id"
_CLIENT_SECRET: Final = "sasl.oauthbearer.client.credentials.client.secret"  # noqa: S105
_RETRIEVER: Final = "sasl.oauthbearer.jwt.retriever.class"
_URL: Final = "sasl.oauthbearer.token.endpoint.url"
_SCOPE: Final = "sasl.oauthbearer.scope"
_ENCODE: Final = "sasl.oauthbearer.header.urlencode"
_SUBJECT: Final = "sasl.oauthbearer.sub.claim.name"


@attrs.frozen
class Token:
    """A token and what its own text says of it; the text is kept out of ``repr``."""

    text: str = attrs.field(repr=False)
    until_s: float
    subject: str


@attrs.frozen
class TokenRequest:
    """How a client gets its tokens.

    Attributes:
        url: the token endpoint (http, https) or the file that holds a token (file).
        client_id, client_secret: the client's credentials; the secret is kept out of ``repr``.
        scope: asked for; empty for the endpoint's own.
        encodes: the credentials are URL-encoded before they are sent.
        subject_claim: the claim that names the user.
        extensions: sent to the broker along with the token.
        tls: ``ssl.*`` options of the login entry, for an https endpoint; may hold passwords.
        connect_ms, read_ms: 0 is 10 s.
        backoff_ms, backoff_max_ms: between tries; the tries end after the latter.
    """

    url: str
    client_id: str = ""
    client_secret: str = attrs.field(default="", repr=False)
    scope: str = ""
    encodes: bool = False
    subject_claim: str = "sub"
    extensions: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    tls: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    connect_ms: int = 0
    read_ms: int = 0
    backoff_ms: int = 100
    backoff_max_ms: int = 10_000


def apply_oauth(
    work: Work, options: Mapping[str, str], urls: Collection[str], files: Collection[str]
) -> None:
    """Carry the properties of OAUTHBEARER.

    Args:
        options: of the login entry.
        urls: the token endpoints that clients may use, compared as whole texts.
        files: the files that assertions may be made of, likewise.
    """
    url = _url(work, urls)
    grant = _grant_type(work, url)
    extensions = _extensions(work, options)
    if grant == _JWT_BEARER:
        _apply_assertion(work, options, files, extensions)
        return
    for key in work.properties:
        if key.startswith(_ASSERTION):
            work.ignore(key, "only JwtBearerJwtRetriever makes assertions")
    if not grant:
        return
    request = TokenRequest(
        url,
        scope=work.value(_SCOPE) or options.get("scope", ""),
        encodes=_flag(work, _ENCODE),
        subject_claim=work.value(_SUBJECT) or "sub",
        extensions=extensions,
        tls={name: value for name, value in options.items() if name.startswith("ssl.")},
    )
    request = attrs.evolve(request, **_times(work))
    if grant != "file":
        request = attrs.evolve(
            request,
            client_id=_credential(work, options, _CLIENT_ID, "clientId"),
            client_secret=_credential(work, options, _CLIENT_SECRET, "clientSecret"),
        )
    work.tokens = request


def _url(work: Work, urls: Collection[str]) -> str:
    url = work.value(_URL)
    if not url:
        work.refuse(
            _URL,
            "is missing: tokens without an issuer are for tests of the original only",
            "add it",
        )
    elif not _is_place(url):
        work.refuse(_URL, "must be an http, https or file address", "give the issuer's address")
    elif url not in urls:
        work.refuse(
            _URL,
            "is not among the token endpoints that this worker allows",
            f"add it to '{ALLOWED_URLS_PROPERTY}' in the worker's properties",
        )
    return url


def _is_place(url: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(url)
        port_is_right = parts.port != 0
    except ValueError:
        return False
    if parts.scheme == "file":
        return bool(parts.path) and not parts.hostname
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and port_is_right


def _grant_type(work: Work, url: str) -> str:
    """Return the grant that the retriever class stands for, empty after a problem."""
    name = work.value(_RETRIEVER)
    is_file = url.startswith("file:")
    grants = {
        "": "file" if is_file else "client_credentials",
        OAUTH_PACKAGE + "DefaultJwtRetriever": "file" if is_file else "client_credentials",
        OAUTH_PACKAGE + "FileJwtRetriever": "file",
        OAUTH_PACKAGE + "ClientCredentialsJwtRetriever": "client_credentials",
        OAUTH_PACKAGE + "JwtBearerJwtRetriever": _JWT_BEARER,
    }
    if name not in grants:
        work.refuse(
            _RETRIEVER,
            "cannot be honoured: a Java class cannot be run here",
            "use ClientCredentialsJwtRetriever, FileJwtRetriever or JwtBearerJwtRetriever",
        )
    elif url and is_file != (grants[name] == "file"):
        work.refuse(_URL, f"does not fit {name.rpartition('.')[2]}", "make them agree")
        return ""
    return grants.get(name, "")


def _credential(work: Work, options: Mapping[str, str], key: str, option: str) -> str:
    value = work.secret(key) or options.get(option, "")
    if not value:
        work.refuse(key, "is missing", f"add it, or {option} to {JAAS_KEY}")
    return value


def _flag(work: Work, key: str) -> bool:
    value = work.value(key).lower()
    if value not in {"", "true", "false"}:
        work.refuse(key, "must be true or false", "correct it")
    return value == "true"


def _times(work: Work) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, name in LOGIN_TIMES.items():
        if work.value(key):
            rule = Number((name,), 0, INT_MAX)
            scratch = attrs.evolve(work, config={})
            rule.apply(key, work.value(key), scratch)
            found[name] = int(scratch.config.get(name, 0))
    return found


def _apply_assertion(
    work: Work, options: Mapping[str, str], files: Collection[str], extensions: Mapping[str, str]
) -> None:
    """Have librdkafka sign and send an assertion."""
    work.config["sasl.oauthbearer.method"] = "oidc"
    work.config["sasl.oauthbearer.token.endpoint.url"] = work.value(_URL)
    work.config["sasl.oauthbearer.grant.type"] = _JWT_BEARER
    scope = work.value(_SCOPE) or options.get("scope", "")
    if scope:
        work.config["sasl.oauthbearer.scope"] = scope
    if extensions:
        pairs = ",".join(f"{name}={value}" for name, value in extensions.items())
        Text("sasl.oauthbearer.extensions").apply(JAAS_KEY, pairs, work)
    _pass_on(work, _SUBJECT)
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
        elif key in _ASSERTION_FILES and work.value(key) and work.value(key) not in files:
            work.refuse(
                key,
                "is not among the files that this worker allows",
                f"add it to '{ALLOWED_FILES_PROPERTY}' in the worker's properties",
            )
        elif key in OAUTH_TARGETS:
            _pass_on(work, key)
    if not made and not work.value(_ASSERTION + "private.key.file"):
        work.refuse(_ASSERTION + "private.key.file", "is missing: it signs the assertion", "add it")


def _pass_on(work: Work, key: str) -> None:
    if key in work.properties:
        OAUTH_TARGETS[key].apply(key, work.value(key), work)


def _extensions(work: Work, options: Mapping[str, str]) -> dict[str, str]:
    """Return the options ``extension_<name>`` of the login entry."""
    found = {k.removeprefix(_EXTENSION): v for k, v in options.items() if k.startswith(_EXTENSION)}
    if any(not _EXTENSION_NAME.fullmatch(name) or "," in found[name] for name in found):
        work.refuse(
            JAAS_KEY,
            "has an extension whose name is not of letters or whose value has a comma",
            "change or remove it",
        )
        return {}
    return found
