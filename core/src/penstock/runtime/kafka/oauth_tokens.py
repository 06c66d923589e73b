"""Tokens of OAUTHBEARER, got and kept for librdkafka's clients and the group client alike.

An endpoint is asked as the original asks it: client credentials in the ``Authorization`` header,
tries with growing pauses until ``sasl.login.retry.backoff.max.ms`` is over. Redirects are not
followed and no message holds any of an answer but the error codes of RFC 6749: an endpoint might
be somebody else. (source: HttpJwtRetriever, FileJwtRetriever, ClientJwtValidator)
"""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from penstock.errors import BrokerError, RetriableError
from penstock.runtime.kafka.msk_iam import SignatureRequest
from penstock.runtime.kafka.oauth import Token, TokenRequest
from penstock.runtime.secure_stores.causes import explained

__all__ = ["TokenSource", "token_source"]

ANSWER_BYTES_MAX: Final = 1024 * 1024
TIMEOUT_MS: Final = 10_000
"""To connect and to wait for an answer, unless ``sasl.login.*.timeout.ms`` is set."""
FRESH_SHARE: Final = 0.8
"""A token is renewed after this part of its life, as in the original."""
_URL: Final = "sasl.oauthbearer.token.endpoint.url"
_CREDENTIALS: Final = "sasl.oauthbearer.client.credentials.client.secret"
_RETRIED: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_PARTS: Final = 3
# Of RFC 6749, and what to do.
_REFUSALS: Final = {
    "invalid_client": f"correct the client id or {_CREDENTIALS}",
    "unauthorized_client": "allow the client to use the grant client_credentials there",
    "unsupported_grant_type": "the endpoint does not give tokens for client credentials",
    "invalid_scope": "correct sasl.oauthbearer.scope",
    "invalid_grant": f"correct the client id or {_CREDENTIALS}",
    "invalid_request": f"correct {_URL} or sasl.oauthbearer.scope",
}
_BY_STATUS: Final = {401: _REFUSALS["invalid_client"], 403: _REFUSALS["unauthorized_client"]}


class TokenSource:
    """Keeps one client's token, and gets a new one in time. Safe for several threads."""

    def __init__(self, get: Callable[[], Token], extensions: Mapping[str, str]) -> None:
        self._get = get
        self._lock = threading.Lock()  # guards the two below; held while a token is got
        self._token: Token | None = None
        self._renew_s = 0.0
        self.extensions = dict(extensions)

    def token(self) -> Token:
        """Return a token that has not expired; gets one when the last is no longer fresh.

        Raises:
            BrokerError, RetriableError: none is to be had; what is wrong and the property.
        """
        with self._lock:
            now_s = time.time()
            if self._token is None or now_s >= self._renew_s:
                try:
                    found = self._get()
                except RetriableError:
                    if self._token is None or now_s >= self._token.until_s:
                        raise
                    # It is still good; half of what is left passes before the next try.
                    self._renew_s = (time.time() + self._token.until_s) / 2
                    return self._token
                self._token = found
                self._renew_s = now_s + (found.until_s - now_s) * FRESH_SHARE
            return self._token

    def for_librdkafka(self, _config: str) -> tuple[str, float, str, dict[str, str]]:
        """Return what ``oauth_cb`` wants."""
        token = self.token()
        return token.text, token.until_s, token.subject, self.extensions


def token_source(request: TokenRequest | SignatureRequest) -> TokenSource:
    """Return the source that a client's properties ask for.

    Raises:
        ConfigError: Amazon's package is missing, or a store of the endpoint's TLS is wrong.
    """
    if isinstance(request, SignatureRequest):
        from penstock.runtime.kafka.msk_tokens import signer  # noqa: PLC0415 - an extra

        return TokenSource(signer(request), {})
    if request.url.startswith("file:"):
        return TokenSource(lambda: _from_file(request), request.extensions)
    context = _context(request) if request.url.startswith("https:") else None
    return TokenSource(lambda: _from_endpoint(request, context), request.extensions)


def _context(request: TokenRequest) -> ssl.SSLContext:
    # Imported where TLS is used: its libraries take their time.
    from penstock.runtime.secure_stores.contexts import client_context  # noqa: PLC0415

    return client_context(request.tls, "sasl.jaas.config: ")


def _from_file(request: TokenRequest) -> Token:
    path = Path(urllib.parse.unquote(urllib.parse.urlsplit(request.url).path))
    try:
        with path.open("rb") as file:
            text = file.read(ANSWER_BYTES_MAX).decode("ascii", "replace").strip()
    except OSError as problem:
        why = problem.strerror or type(problem).__name__
        raise BrokerError(
            f"the token file '{path}' cannot be read: {why}; correct {_URL}"
        ) from problem
    return _checked(text, f"the token file '{path}'", request.subject_claim)


def _from_endpoint(request: TokenRequest, context: ssl.SSLContext | None) -> Token:
    """Ask until there is a token, the endpoint refuses, or the time is over."""
    end_s = time.monotonic() + request.backoff_max_ms / 1000
    pause_s = request.backoff_ms / 1000
    tries = 0
    while True:
        tries += 1
        try:
            return _asked(request, context)
        except RetriableError as problem:
            if time.monotonic() + pause_s >= end_s:
                raise RetriableError(f"{problem} (asked {tries} times)") from problem
        threading.Event().wait(pause_s)
        pause_s = min(pause_s * 2, max(end_s - time.monotonic(), 0.01))


def _asked(request: TokenRequest, context: ssl.SSLContext | None) -> Token:
    parts = urllib.parse.urlsplit(request.url)
    where = f"the token endpoint '{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}'"
    try:
        status, body = _posted(parts, _body(request), _authorization(request), request, context)
    except ssl.SSLCertVerificationError as problem:
        cause = explained(str(problem), "the login entry's option ")
        raise BrokerError(f"{where} is not talked to: {problem.verify_message}; {cause}") from None
    except (OSError, http.client.HTTPException) as problem:
        why = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
        raise RetriableError(f"{where} does not answer: {why}; check {_URL}") from problem
    if status != http.client.OK:
        raise _refusal(where, status, body)
    return _checked(_token_in(body, where), where, request.subject_claim)


def _posted(
    parts: urllib.parse.SplitResult,
    body: str,
    authorization: str,
    request: TokenRequest,
    context: ssl.SSLContext | None,
) -> tuple[int, bytes]:
    connect_s = (request.connect_ms or TIMEOUT_MS) / 1000
    host = parts.hostname or ""
    connection = (
        http.client.HTTPConnection(host, parts.port, timeout=connect_s)
        if context is None
        else http.client.HTTPSConnection(host, parts.port, timeout=connect_s, context=context)
    )
    try:
        connection.connect()
        connection.sock.settimeout((request.read_ms or TIMEOUT_MS) / 1000)
        path = parts.path or "/"
        headers = {
            "Accept": "application/json",
            "Authorization": authorization,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        target = f"{path}?{parts.query}" if parts.query else path
        connection.request("POST", target, body.encode(), headers)
        answer = connection.getresponse()
        return answer.status, answer.read(ANSWER_BYTES_MAX)
    finally:
        connection.close()


def _body(request: TokenRequest) -> str:
    fields = {"grant_type": "client_credentials"}
    if request.scope:
        fields["scope"] = request.scope
    return urllib.parse.urlencode(fields)


def _authorization(request: TokenRequest) -> str:
    pair = [request.client_id, request.client_secret]
    if request.encodes:
        pair = [urllib.parse.quote_plus(one) for one in pair]
    return "Basic " + base64.b64encode(":".join(pair).encode()).decode()


def _refusal(where: str, status: int, body: bytes) -> Exception:
    try:
        code = json.loads(body).get("error")
    except (ValueError, AttributeError):
        code = None
    known = isinstance(code, str) and code in _REFUSALS
    remedy = _REFUSALS[str(code)] if known else _BY_STATUS.get(status, f"check {_URL}")
    text = f"{where} answers {status}{f' ({code})' if known else ''}; {remedy}"
    return RetriableError(text) if status in _RETRIED and not known else BrokerError(text)


def _token_in(body: bytes, where: str) -> str:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    found = answer.get("access_token") or answer.get("id_token") if _is_map(answer) else None
    if not isinstance(found, str) or not found.strip():
        raise BrokerError(f"{where} answers without an access_token; check {_URL}")
    return found.strip()


def _checked(text: str, where: str, subject_claim: str) -> Token:
    """Return the token; raises BrokerError when it cannot be one or is over."""
    claims = _claims(text)
    if claims is None:
        raise BrokerError(f"{where} gives what is no JWT; check {_URL}")
    until_s, subject = claims.get("exp"), claims.get(subject_claim)
    if not isinstance(until_s, int | float) or isinstance(until_s, bool):
        raise BrokerError(f"{where} gives a token without the claim 'exp'; correct it there")
    if not isinstance(subject, str) or not subject.strip():
        raise BrokerError(
            f"{where} gives a token without the claim '{subject_claim}'; correct "
            "sasl.oauthbearer.sub.claim.name"
        )
    now_s = time.time()
    if until_s <= now_s:
        raise BrokerError(
            f"{where} gives a token that has expired {now_s - until_s:.0f} s ago; renew it there, "
            "or compare the clocks"
        )
    return Token(text, float(until_s), subject)


def _claims(text: str) -> dict[str, Any] | None:
    parts = text.split(".")
    if len(parts) != _PARTS or not text.isascii() or not text.isprintable():
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        return None
    return claims if _is_map(claims) else None


def _is_map(value: object) -> bool:
    return isinstance(value, dict)
