"""An issuer of tokens on loopback: client credentials in, signed JWTs out; and its public keys."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
import urllib.parse
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.parts.processes import LOOPBACK

AUDIENCE: Final = "kafka"
ISSUER: Final = "https://issuer.test"
CLIENT: Final = "connect-client"
CLIENT_SECRET: Final = "client-secret:/+ä"  # noqa: S105 - of this issuer
_KEY_ID: Final = "test-key"


class TokenIssuer:
    """Gives tokens to `CLIENT`; what it answers instead can be set.

    Attributes:
        fail_with: statuses of the next answers, first to last; then it answers as it should.
        life_s: how long tokens are good; negative for expired ones.
        answer: sent instead of a token when not None.
        requests: the headers (in lower case) and fields of what was asked.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        """`context` makes it speak https."""
        self.fail_with: list[int] = []
        self.life_s = 3600
        self.answer: bytes | None = None
        self.requests: list[tuple[dict[str, str], dict[str, str]]] = []
        self._key = rsa.generate_private_key(65537, 2048)
        self._server = ThreadingHTTPServer((LOOPBACK, 0), _handler(self))
        self._scheme = "http" if context is None else "https"
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The token endpoint."""
        return f"{self._scheme}://{LOOPBACK}:{self._server.server_port}/token"

    def write_keys(self, path: Path) -> Path:
        """Write the public key as a broker reads it (JWKS)."""
        numbers = self._key.public_key().public_numbers()
        key = {
            "kty": "RSA",
            "kid": _KEY_ID,
            "use": "sig",
            "alg": "RS256",
            "n": _text(numbers.n.to_bytes(256, "big")),
            "e": _text(numbers.e.to_bytes(3, "big")),
        }
        path.write_text(json.dumps({"keys": [key]}))
        return path

    def token(self, **changed: Any) -> str:
        """Return a signed token; claims that are None are left out."""
        now_s = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": CLIENT,
            "scope": "connect",
            "iat": now_s - 7200 if self.life_s < 0 else now_s,
            "exp": now_s + self.life_s,
            **changed,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        head = {"alg": "RS256", "kid": _KEY_ID, "typ": "JWT"}
        plain = ".".join(_text(json.dumps(part).encode()) for part in (head, claims))
        signature = self._key.sign(plain.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{plain}.{_text(signature)}"

    def answered(self, headers: Mapping[str, str], body: str) -> tuple[int, bytes]:
        """Return the status and the body of an answer."""
        fields = dict(urllib.parse.parse_qsl(body))
        self.requests.append(({name.lower(): text for name, text in headers.items()}, fields))
        if self.fail_with:
            return self.fail_with.pop(0), b"<html>canary-of-the-body</html>"
        if self.answer is not None:
            return 200, self.answer
        kind, _, given = headers.get("Authorization", "").partition(" ")
        wanted = base64.b64encode(f"{CLIENT}:{CLIENT_SECRET}".encode()).decode()
        if kind != "Basic" or given != wanted:
            return 401, b'{"error": "invalid_client", "error_description": "canary-of-the-body"}'
        answer = {
            "access_token": self.token(),
            "token_type": "Bearer",
            "expires_in": self.life_s,
        }
        return 200, json.dumps(answer).encode()


def _handler(issuer: TokenIssuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", "0"))
            body = self.rfile.read(size).decode()
            status, answer = issuer.answered(dict(self.headers.items()), body)
            self.send_response(status)
            if status in (301, 302, 307):
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
