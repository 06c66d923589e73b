"""The ``sasl.*`` properties for librdkafka: PLAIN, SCRAM, OAUTHBEARER and Kerberos.

Pure. Only the four login modules below are ever accepted: a login module named by a property is
how CVE-2023-25194 (JndiLoginModule) and CVE-2025-27818 (LdapLoginModule) run foreign code in the
original. What OAUTHBEARER needs stands in ``oauth``, Amazon's signatures in ``msk_iam``.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from penstock.errors import ConfigError
from penstock.runtime.kafka.jaas import JAAS_KEY, JaasEntry, parse_jaas
from penstock.runtime.kafka.msk_iam import LOGIN_MODULE, MSK, apply_msk
from penstock.runtime.kafka.oauth import apply_oauth
from penstock.runtime.kafka.properties_rules import Elsewhere, Work
from penstock.runtime.kafka.properties_table_security import (
    KERBEROS_RELOGIN,
    LOGIN_TIMES,
    MSK_LOGIN_HANDLER,
    OAUTH_PACKAGE,
    SECURITY,
)

__all__ = ["apply_sasl"]

_SECURITY_PACKAGE: Final = "org.apache.kafka.common.security."
_MODULES: Final[dict[str, frozenset[str]]] = {
    _SECURITY_PACKAGE + "plain.PlainLoginModule": frozenset({"PLAIN"}),
    _SECURITY_PACKAGE + "scram.ScramLoginModule": frozenset({"SCRAM-SHA-256", "SCRAM-SHA-512"}),
    OAUTH_PACKAGE + "OAuthBearerLoginModule": frozenset({"OAUTHBEARER"}),
    "com.sun.security.auth.module.Krb5LoginModule": frozenset({"GSSAPI"}),
    LOGIN_MODULE: frozenset({MSK}),
}
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI", MSK)
_CLASS_NAME: Final = re.compile(r"([A-Za-z_$][\w$]{0,60}\.){1,12}[A-Za-z_$][\w$]{0,60}", re.ASCII)
# librdkafka pastes both into a shell command (kinit), the principal without quotes.
_PRINCIPAL: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/@-]*")
_LOGIN_HANDLER: Final = "sasl.login.callback.handler.class"
_KEYTAB: Final = re.compile(r"[A-Za-z0-9._/+@,=-]+")


def apply_sasl(
    work: Work, oauth_urls: Collection[str], oauth_files: Collection[str], *, gssapi: bool
) -> None:
    """Carry every ``sasl.*`` property of ``work`` that needs a look at another one.

    Args:
        oauth_urls: the token endpoints that clients may call, compared as whole texts.
        oauth_files: the files that assertions may be made of, likewise.
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
    elif entry is not None and mechanism not in _MODULES[entry.module]:
        name = entry.module.rpartition(".")[2]
        work.refuse(JAAS_KEY, f"names {name}, which is not for {mechanism}", "make them agree")
    elif mechanism == MSK or work.value(_LOGIN_HANDLER) == MSK_LOGIN_HANDLER:
        work.config["sasl.mechanism"] = "OAUTHBEARER"
        apply_msk(work, entry.options if entry is not None else {})
    else:
        work.config["sasl.mechanism"] = mechanism
        if mechanism == "OAUTHBEARER":
            apply_oauth(work, entry.options if entry is not None else {}, oauth_urls, oauth_files)
            return
        _apply_others(work, mechanism, entry, gssapi=gssapi)
        for key in work.properties:
            if key in LOGIN_TIMES or key.startswith("sasl.oauthbearer."):
                _ignore_once(work, key)


def _apply_others(work: Work, mechanism: str, entry: JaasEntry | None, *, gssapi: bool) -> None:
    options = dict(entry.options) if entry is not None else {}
    if mechanism == "GSSAPI":
        _apply_kerberos(work, options, gssapi=gssapi)
    elif JAAS_KEY not in work.properties:
        work.refuse(JAAS_KEY, f"is missing: {mechanism} needs a username and password", "add it")
    elif entry is not None:
        _apply_password(work, options)


def _ignore_once(work: Work, key: str) -> None:
    if isinstance(SECURITY.get(key), Elsewhere):
        work.ignore(key, "sasl.mechanism is not OAUTHBEARER")


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
        f"names {name} as login module; only Kafka's own, Kerberos' and Amazon's are accepted, "
        "as others can run foreign code (CVE-2023-25194, CVE-2025-27818)",
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
