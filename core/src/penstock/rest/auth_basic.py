"""Basic authentication (source: BasicAuthSecurityRestExtension, JaasBasicAuthFilter)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from penstock.api import RestExtension, RestRefusal, RestRequestHead, RestUser
from penstock.errors import ConfigError
from penstock.rest.auth_login import credentials_path, read_credentials
from penstock.rest.auth_passwords import hashed, matches

__all__ = ["BasicAuthSecurityRestExtension"]

log = logging.getLogger(__name__)

KNOWN_S: Final = 60.0
"""A password that was right is not hashed again for so long."""
KNOWN_MAX: Final = 1000
HASHES_AT_ONCE: Final = 2
"""Hashing is slow and takes 16 MiB on purpose; a flood of guesses must not take all."""
_REFUSED: Final = RestRefusal(
    401, "User cannot access the resource.", {"WWW-Authenticate": 'Basic realm="Kafka Connect"'}
)


class BasicAuthSecurityRestExtension(RestExtension):
    """Lets in who is named, with the password, in a file. The file may change meanwhile."""

    def __init__(self) -> None:
        self._path = Path()
        self._seen: tuple[int, int] | None = None
        self._users: dict[str, str] = {}
        self._lock = threading.Lock()  # guards what the file said, and _known
        self._hashing = threading.Semaphore(HASHES_AT_ONCE)
        self._secret = secrets.token_bytes(32)
        self._known: dict[bytes, float] = {}
        self._nobody = ""

    def configure(self, properties: Mapping[str, str]) -> None:
        """Read the users; raises ConfigError when the file is missing or wrong."""
        self._path = credentials_path(properties)
        self._users = read_credentials(self._path)
        self._seen = self._stamp()
        self._nobody = hashed(secrets.token_hex())
        for listener in _open_to_ears(properties):
            log.warning(
                "listener '%s' is http: passwords cross the network unencrypted; use https",
                listener,
            )
        if not self._users:
            log.warning(
                "'%s' names no user: nobody is let in (the original would let in everybody)",
                self._path,
            )

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino

    def _stored(self, user: str) -> str | None:
        """Return what is stored for a user; reads the file anew when it has changed."""
        with self._lock:
            stamp = self._stamp()
            if stamp != self._seen:
                self._known.clear()
                self._seen = stamp
                try:
                    self._users = read_credentials(self._path)
                except ConfigError as problem:
                    self._users = {}
                    log.error("nobody is let in until this is mended: %s", problem)  # noqa: TRY400 - no trace is wanted
            return self._users.get(user)

    def check(self, request: RestRequestHead) -> RestUser | RestRefusal | None:
        """See :class:`penstock.api.RestExtension`."""
        user, password = _credentials(request.headers.get("authorization", ""))
        stored = self._stored(user)
        if stored is None:
            # As slow as a known user, whose names would else be found by the clock.
            self._is_right(user, password, self._nobody)
            return _REFUSED
        return RestUser(user) if self._is_right(user, password, stored) else _REFUSED

    def _is_right(self, user: str, password: str, stored: str) -> bool:
        parts = f"{user}\x00{password}\x00{stored}".encode()
        mark = hmac.new(self._secret, parts, hashlib.sha256).digest()
        now_s = time.monotonic()
        with self._lock:
            if self._known.get(mark, 0.0) > now_s:
                return True
        with self._hashing:
            good = matches(password, stored)
        if good:
            with self._lock:
                if len(self._known) >= KNOWN_MAX:
                    self._known.clear()
                self._known[mark] = now_s + KNOWN_S
        return good


def _open_to_ears(properties: Mapping[str, str]) -> list[str]:
    """Return the listeners that others than this machine reach, without TLS."""
    listeners = properties.get("listeners", "http://:8083").split(",")
    found = []
    for one in (text.strip() for text in listeners):
        scheme, _, rest = one.partition("://")
        host = rest.rpartition(":")[0].strip("[]").lower()
        is_near = host in {"localhost", "::1"} or host.startswith("127.")
        if scheme.lower() == "http" and not is_near:
            found.append(one)
    return found


def _credentials(header: str) -> tuple[str, str]:
    """Return user and password of an ``Authorization`` header; empty ones for any other."""
    method, _, text = header.partition(" ")
    if method.lower() != "basic":
        return "", ""
    try:
        user, colon, password = (
            base64.b64decode(text.strip(), validate=True).decode().partition(":")
        )
    except ValueError:
        return "", ""
    return (user, password) if colon else ("", "")
