"""What a TLS or SASL failure means for the user: cause, property, remedy.

OpenSSL, librdkafka and kafka-python each tell in words of their own; these are looked for. Pure.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["explained"]

_CAUSES: Final = (
    (
        r"broker certificate could not be verified",
        (
            "the broker's certificate has expired, is for another host, or its CA is not in "
            "{p}ssl.truststore.location"
        ),
    ),
    (
        r"is not valid for|hostname mismatch|ip address mismatch",
        (
            "the certificate of the other side is for another host: use a name that it holds, "
            "or make it anew ({p}ssl.endpoint.identification.algorithm says whether names "
            "are checked)"
        ),
    ),
    (
        r"alert.{0,8}certificate.{0,4}expired",
        "this side's certificate has expired; renew it ({p}ssl.keystore.location)",
    ),
    (
        r"certificate has expired|certificate expired",
        "the certificate of the other side has expired; it must be renewed there",
    ),
    (
        (
            r"alert unknown ca|alert_unknown_ca|alert bad certificate|alert_bad_certificate"
            r"|alert certificate unknown|alert_certificate_unknown"
        ),
        "the other side does not trust this side's certificate; correct {p}ssl.keystore.location",
    ),
    (
        r"certificate.required|alert.handshake.failure",
        "the other side wants a certificate; set {p}ssl.keystore.location",
    ),
    (
        r"certificate.verify.failed|unable to get (local )?issuer|self.signed certificate",
        (
            "the CA that signed the other side's certificate is not trusted; add it to "
            "{p}ssl.truststore.location"
        ),
    ),
    (
        r"unsupportedsaslmechanism|unsupported sasl mechanism|does not support .* sasl mechanism",
        "the broker does not offer this mechanism; correct {p}sasl.mechanism",
    ),
    (
        (
            r"illegalsaslstate|wrong.version.number|unexpected.eof|record.layer.failure|unexpected.message"
            r"|ssl handshake failed: disconnected|connecting to a plaintext|broker version < 0\.10"
            r"|incorrect security\.protocol|connecting to a ssl listener"
        ),
        (
            "the broker's listener is of another kind; correct {p}security.protocol, or the port "
            "in bootstrap.servers"
        ),
    ),
    (
        r"the token (endpoint|file) '",
        "without a token the broker was not even asked",
    ),
    (
        r"invalid_token|insufficient_scope|ended the connection during sasl oauthbearer",
        (
            "the broker refuses the token: its issuer, audience, scope or time; correct "
            "{p}sasl.oauthbearer.scope or {p}sasl.oauthbearer.token.endpoint.url, or what the "
            "issuer gives"
        ),
    ),
    (
        r"ended the connection during sasl",
        (
            "most likely the broker refuses the user or the password, or does not offer this "
            "mechanism; correct {p}sasl.jaas.config or {p}sasl.mechanism"
        ),
    ),
    (
        r"sasl.{0,20}authentication|saslauthentication|invalid credentials|authentication failed",
        "the broker refuses the user or the password; correct {p}sasl.jaas.config",
    ),
)
_COMPILED: Final = [(re.compile(words), text) for words, text in _CAUSES]


def explained(problem: str, prefix: str = "") -> str:
    """Return the cause and the remedy, or nothing when the words are not known.

    Args:
        problem: what a library said.
        prefix: what stands before the properties where the user wrote them.
    """
    low = problem.lower()
    for words, text in _COMPILED:
        if words.search(low):
            return text.format(p=prefix)
    return ""
