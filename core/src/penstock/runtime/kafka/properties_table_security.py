"""The ``security.*``, ``ssl.*`` and ``sasl.*`` properties, common to all Apache clients.

Data only. ``tls`` and ``sasl`` read those that are ``Elsewhere``.
"""

from __future__ import annotations

from typing import Final

from penstock.runtime.kafka.properties_rules import (
    LONG_MAX,
    Choice,
    Elsewhere,
    Ignored,
    Number,
    Refused,
    Rule,
    Text,
    Unsupported,
    same,
)

__all__ = [
    "KERBEROS_RELOGIN",
    "LOGIN_TIMES",
    "MSK_CLIENT_HANDLER",
    "MSK_LOGIN_HANDLER",
    "OAUTH_PACKAGE",
    "OAUTH_TARGETS",
    "SECURITY",
]

OAUTH_PACKAGE: Final = "org.apache.kafka.common.security.oauthbearer."
"""Where the original keeps its OAUTHBEARER classes."""
MSK_CLIENT_HANDLER: Final = "software.amazon.msk.auth.iam.IAMClientCallbackHandler"
MSK_LOGIN_HANDLER: Final = "software.amazon.msk.auth.iam.IAMOAuthBearerLoginCallbackHandler"
"""Amazon's classes, which users name; what they do is done by ``msk_iam``."""
LOGIN_TIMES: Final = {
    "sasl.login.connect.timeout.ms": "connect_ms",
    "sasl.login.read.timeout.ms": "read_ms",
    "sasl.login.retry.backoff.ms": "backoff_ms",
    "sasl.login.retry.backoff.max.ms": "backoff_max_ms",
}
"""The times of OAUTHBEARER's login, and the fields of a token request that they fill."""

_RELOGIN: Final = Ignored("librdkafka renews tickets and tokens by its own clock")
_JWKS: Final = Ignored("only a broker checks tokens against published keys")
_CLASS_REMEDY: Final = "remove it; PLAIN, SCRAM and OAUTHBEARER (client credentials) work without"
_JAVA_TLS: Final = Ignored("names a part of Java's TLS; OpenSSL is used here")
_OPENSSL_TLS: Final = "librdkafka offers TLS 1.2 and 1.3 and cannot be told otherwise"

_SSL: Final[dict[str, Rule]] = {
    **same(
        Elsewhere("tls"),
        (
            "ssl.cipher.suites",
            "ssl.endpoint.identification.algorithm",
            "ssl.key.password",
            "ssl.keystore.certificate.chain",
            "ssl.keystore.key",
            "ssl.keystore.location",
            "ssl.keystore.password",
            "ssl.keystore.type",
            "ssl.truststore.certificates",
            "ssl.truststore.location",
            "ssl.truststore.password",
            "ssl.truststore.type",
        ),
    ),
    "ssl.enabled.protocols": Elsewhere("tls"),
    "ssl.protocol": Unsupported(
        _OPENSSL_TLS, "restrict the versions on the broker", frozenset({"", "TLS", "TLSv1.3"})
    ),
    "ssl.engine.factory.class": Refused(
        "cannot be honoured: a Java class cannot set TLS up here",
        "remove it and use PEM files (ssl.truststore.type=PEM, ssl.keystore.type=PEM)",
    ),
    **same(
        _JAVA_TLS,
        (
            "ssl.keymanager.algorithm",
            "ssl.provider",
            "ssl.secure.random.implementation",
            "ssl.trustmanager.algorithm",
        ),
    ),
}

_SASL: Final[dict[str, Rule]] = {
    "sasl.mechanism": Elsewhere("sasl"),
    **same(Elsewhere("sasl"), tuple(LOGIN_TIMES)),
    "sasl.jaas.config": Elsewhere("sasl"),
    "sasl.client.callback.handler.class": Refused(
        "cannot be honoured: a Java class cannot be run here",
        _CLASS_REMEDY,
        frozenset({"", MSK_CLIENT_HANDLER}),
    ),
    "sasl.login.class": Refused(
        "cannot be honoured: a Java class cannot be run here", _CLASS_REMEDY
    ),
    "sasl.login.callback.handler.class": Refused(
        "cannot be honoured: a Java class cannot be run here",
        _CLASS_REMEDY,
        frozenset(
            {
                "",
                OAUTH_PACKAGE + "OAuthBearerLoginCallbackHandler",
                OAUTH_PACKAGE + "secured.OAuthBearerLoginCallbackHandler",
                MSK_LOGIN_HANDLER,
            }
        ),
    ),
    **same(
        _RELOGIN,
        (
            "sasl.kerberos.ticket.renew.jitter",
            "sasl.kerberos.ticket.renew.window.factor",
            "sasl.login.refresh.buffer.seconds",
            "sasl.login.refresh.min.period.seconds",
            "sasl.login.refresh.window.factor",
            "sasl.login.refresh.window.jitter",
        ),
    ),
    # librdkafka runs its kinit.cmd in a shell; a property must not become a command.
    "sasl.kerberos.kinit.cmd": Unsupported(
        "commands in properties are not run; librdkafka calls 'kinit' from the PATH",
        "put kinit on the PATH of the worker",
        frozenset({"", "kinit", "/usr/bin/kinit"}),
    ),
    "sasl.kerberos.service.name": Elsewhere("sasl"),
    "sasl.kerberos.min.time.before.relogin": Elsewhere("sasl"),
}

_OAUTH: Final[dict[str, Rule]] = {
    **same(
        Elsewhere("sasl"),
        (
            "sasl.oauthbearer.assertion.algorithm",
            "sasl.oauthbearer.assertion.claim.aud",
            "sasl.oauthbearer.assertion.claim.exp.seconds",
            "sasl.oauthbearer.assertion.claim.iss",
            "sasl.oauthbearer.assertion.claim.jti.include",
            "sasl.oauthbearer.assertion.claim.nbf.seconds",
            "sasl.oauthbearer.assertion.claim.sub",
            "sasl.oauthbearer.assertion.file",
            "sasl.oauthbearer.assertion.private.key.file",
            "sasl.oauthbearer.assertion.private.key.passphrase",
            "sasl.oauthbearer.assertion.template.file",
            "sasl.oauthbearer.client.credentials.client.id",
            "sasl.oauthbearer.client.credentials.client.secret",
            "sasl.oauthbearer.jwt.retriever.class",
            "sasl.oauthbearer.scope",
            "sasl.oauthbearer.sub.claim.name",
            "sasl.oauthbearer.token.endpoint.url",
        ),
    ),
    **same(
        _JWKS,
        (
            "sasl.oauthbearer.clock.skew.seconds",
            "sasl.oauthbearer.expected.audience",
            "sasl.oauthbearer.expected.issuer",
            "sasl.oauthbearer.jwks.endpoint.refresh.ms",
            "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms",
            "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms",
            "sasl.oauthbearer.jwks.endpoint.url",
            "sasl.oauthbearer.scope.claim.name",
        ),
    ),
    "sasl.oauthbearer.header.urlencode": Elsewhere("sasl"),
    "sasl.oauthbearer.jwt.validator.class": Unsupported(
        "no Java class can check the token here; the broker checks it",
        "remove it",
        frozenset(
            {"", OAUTH_PACKAGE + "DefaultJwtValidator", OAUTH_PACKAGE + "ClientJwtValidator"}
        ),
    ),
}

OAUTH_TARGETS: Final[dict[str, Rule]] = {
    "sasl.oauthbearer.sub.claim.name": Text("sasl.oauthbearer.sub.claim.name", empty=False),
    "sasl.oauthbearer.assertion.algorithm": Choice(
        "sasl.oauthbearer.assertion.algorithm", {"rs256": "RS256", "es256": "ES256"}, folded=True
    ),
    "sasl.oauthbearer.assertion.claim.aud": Text("sasl.oauthbearer.assertion.claim.aud"),
    "sasl.oauthbearer.assertion.claim.exp.seconds": Number(
        ("sasl.oauthbearer.assertion.claim.exp.seconds",), 0, 86_400, 1
    ),
    "sasl.oauthbearer.assertion.claim.iss": Text("sasl.oauthbearer.assertion.claim.iss"),
    "sasl.oauthbearer.assertion.claim.jti.include": Choice(
        "sasl.oauthbearer.assertion.claim.jti.include", {"true": True, "false": False}, folded=True
    ),
    "sasl.oauthbearer.assertion.claim.nbf.seconds": Number(
        ("sasl.oauthbearer.assertion.claim.nbf.seconds",), 0, 3_600
    ),
    "sasl.oauthbearer.assertion.claim.sub": Text("sasl.oauthbearer.assertion.claim.sub"),
    "sasl.oauthbearer.assertion.file": Text("sasl.oauthbearer.assertion.file", empty=False),
    "sasl.oauthbearer.assertion.private.key.file": Text(
        "sasl.oauthbearer.assertion.private.key.file", empty=False
    ),
    "sasl.oauthbearer.assertion.template.file": Text(
        "sasl.oauthbearer.assertion.jwt.template.file", empty=False
    ),
}
"""What ``sasl`` passes on once it knows that OAUTHBEARER is meant; the first claims to all."""

KERBEROS_RELOGIN: Final = Number(
    ("sasl.kerberos.min.time.before.relogin",), 0, LONG_MAX, 0, 86_400_000
)
"""Minimum ms between ticket renewals; 0 switches renewal off in librdkafka."""

SECURITY: Final[dict[str, Rule]] = {
    "security.protocol": Choice(
        "security.protocol",
        {
            "plaintext": "plaintext",
            "ssl": "ssl",
            "sasl_plaintext": "sasl_plaintext",
            "sasl_ssl": "sasl_ssl",
        },
        folded=True,
    ),
    **_SSL,
    **_SASL,
    **_OAUTH,
}
"""Every security property of the Apache clients."""
