"""Passwords in the credentials file: as they are, or hashed as ``{scrypt}...``.

``python -m penstock.rest.auth_passwords`` asks for a password and prints its hash.
"""

from __future__ import annotations

import base64
import getpass
import hashlib
import hmac
import re
import secrets
import sys
from typing import Final

__all__ = ["hashed", "is_hash_wrong", "matches"]

_LOG_N: Final = 14
_LOG_N_MAX: Final = 17
_R: Final = 8
_P: Final = 1
_SALT_BYTES: Final = 16
_KEY_BYTES: Final = 32
_MEMORY_SPARE: Final = 2
_SCHEME: Final = "{scrypt}"
_HASH: Final = re.compile(
    r"\{scrypt\}ln=([0-9]{1,2}),r=([0-9]{1,2}),p=([0-9]{1,2})\$([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+)"
)


def _key(password: str, salt: bytes, costs: tuple[int, int, int], length: int) -> bytes:
    log_n, r, p = costs
    memory = 128 * r * 2**log_n * _MEMORY_SPARE
    return hashlib.scrypt(
        password.encode(), salt=salt, n=2**log_n, r=r, p=p, maxmem=memory, dklen=length
    )


def hashed(password: str) -> str:
    """Return a password as ``{scrypt}ln=14,r=8,p=1$salt$hash``."""
    salt = secrets.token_bytes(_SALT_BYTES)
    key = _key(password, salt, (_LOG_N, _R, _P), _KEY_BYTES)
    texts = (base64.b64encode(one).decode() for one in (salt, key))
    return f"{_SCHEME}ln={_LOG_N},r={_R},p={_P}${'$'.join(texts)}"


def is_hash_wrong(stored: str) -> bool:
    """Return whether what is stored means to be a hash, and cannot be read."""
    if not re.match(r"\{[A-Za-z0-9-]{2,20}\}", stored):
        return False
    found = _HASH.fullmatch(stored)
    return (
        found is None or not 1 <= int(found[1]) <= _LOG_N_MAX or not int(found[2]) * int(found[3])
    )


def matches(password: str, stored: str) -> bool:
    """Return whether a password is the stored one; takes as long for a wrong one."""
    found = _HASH.fullmatch(stored)
    if found is None:
        return hmac.compare_digest(password.encode(), stored.encode())
    try:
        salt, expected = (base64.b64decode(text, validate=True) for text in found.groups()[3:])
        costs = (int(found[1]), int(found[2]), int(found[3]))
        return hmac.compare_digest(_key(password, salt, costs, len(expected)), expected)
    except ValueError:
        return False


def _main() -> None:
    ask = getpass.getpass if sys.stdin.isatty() else lambda _: sys.stdin.readline().rstrip("\r\n")
    sys.stdout.write(f"{hashed(ask('Password: '))}\n")


if __name__ == "__main__":
    _main()
