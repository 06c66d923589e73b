"""Signs what workers ask of each other (source: InternalRequestSignature). Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from penstock.errors import BadRequestError
from penstock.rest.errors import HttpError
from penstock.runtime.storage.config_records import SessionKey

__all__ = ["ALGORITHMS", "check_signature", "signature_headers"]

AUTHORIZATION: Final = "x-connect-authorization"
ALGORITHM: Final = "x-connect-request-signature-algorithm"
ALGORITHMS: Final[Mapping[str, str]] = {
    "HmacSHA1": "sha1",
    "HmacSHA224": "sha224",
    "HmacSHA256": "sha256",
    "HmacSHA384": "sha384",
    "HmacSHA512": "sha512",
}
"""Java's names of the algorithms that can sign, and Python's."""


def _mac(key: SessionKey, algorithm: str, body: bytes) -> bytes:
    return hmac.new(key.key, body, getattr(hashlib, ALGORITHMS[algorithm])).digest()


def signature_headers(key: SessionKey, algorithm: str, body: bytes) -> dict[str, str]:
    """Return the headers that sign a body for another worker."""
    mac = base64.b64encode(_mac(key, algorithm, body)).decode()
    return {"X-Connect-Authorization": mac, "X-Connect-Request-Signature-Algorithm": algorithm}


def check_signature(
    headers: Mapping[str, str], body: bytes, key: SessionKey | None, allowed: frozenset[str]
) -> None:
    """Let only a worker of this cluster pass.

    Args:
        headers: of the request, names in lower case.
        body: as it came.
        key: the cluster's key; None as long as none is known.
        allowed: algorithms that a signature may have.

    Raises:
        BadRequestError: no signature, or one that cannot be read.
        HttpError: 503 without a key yet, 403 for a wrong signature.
    """
    given, algorithm = headers.get(AUTHORIZATION), headers.get(ALGORITHM)
    if given is None or algorithm is None:
        raise BadRequestError("Internal request missing required signature")
    if algorithm not in allowed or algorithm not in ALGORITHMS:
        raise BadRequestError(f"Signature algorithm {algorithm[:40]!r} is not permitted here")
    try:
        mac = base64.b64decode(given, validate=True)
    except ValueError as problem:
        raise BadRequestError("the signature is not base64") from problem
    if key is None:
        raise HttpError(503, "This worker still has to learn the cluster's session key; try again")
    if not hmac.compare_digest(mac, _mac(key, algorithm, body)):
        raise HttpError(403, "Internal request contained invalid signature.")
