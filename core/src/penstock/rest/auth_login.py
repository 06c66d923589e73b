"""Where the users of basic authentication are named: the original's JAAS file, or our property.

(source: PropertyFileLoginModule, BasicAuthSecurityRestExtension)
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from penstock.errors import ConfigError, Problem
from penstock.rest.auth_passwords import is_hash_wrong
from penstock.runtime.files import read_properties
from penstock.runtime.kafka.jaas import parse_jaas

__all__ = ["FILE_KEY", "LOGIN_KEY", "credentials_path", "read_credentials"]

FILE_KEY: Final = "rest.basic.auth.file"
LOGIN_KEY: Final = "java.security.auth.login.config"
_MODULE: Final = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule"
_ENTRY: Final = "KafkaConnect"
_FILE_BYTES_MAX: Final = 1024 * 1024
_PIECE: Final = re.compile(
    r"""//[^\r\n]*|/\*.*?\*/|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[{}]|[^{}"'/]+|.""", re.DOTALL
)
_HOW: Final = (
    f"name a file of lines user=password by {FILE_KEY}, or a JAAS file with an entry {_ENTRY} "
    f"by {LOGIN_KEY}"
)


def _refuse(key: str, fault: str, remedy: str) -> ConfigError:
    return ConfigError(Problem(key, f"{key} {fault}; {remedy}"))


def credentials_path(properties: Mapping[str, str]) -> Path:
    """Return the file of users that the worker's properties lead to.

    ``-Djava.security.auth.login.config=...`` in KAFKA_OPTS is heard too, as the original's scripts
    give it.

    Raises:
        ConfigError: none is named, or the JAAS file has no such entry.
    """
    own = properties.get(FILE_KEY, "").strip()
    if own:
        return Path(own)
    login = properties.get(LOGIN_KEY, "").strip() or _from_options()
    if not login:
        raise _refuse(FILE_KEY, "is missing: nobody could log in", _HOW)
    try:
        with Path(login).open("rb") as file:
            text = file.read(_FILE_BYTES_MAX).decode("utf-8", "replace")
    except OSError as problem:
        why = problem.strerror or type(problem).__name__
        raise _refuse(LOGIN_KEY, f"'{login}' cannot be read: {why}", _HOW) from problem
    return _named_in(text)


def _from_options() -> str:
    try:
        words = shlex.split(os.environ.get("KAFKA_OPTS", ""))
    except ValueError:
        return ""
    start = f"-D{LOGIN_KEY}="
    return next((one.removeprefix(start) for one in words if one.startswith(start)), "")


def _named_in(text: str) -> Path:
    entry = parse_jaas(_body(text))
    if entry.module != _MODULE:
        raise _refuse(
            LOGIN_KEY,
            f"has an entry {_ENTRY} whose login module is not PropertyFileLoginModule; no other "
            "can be run here",
            f"use {_MODULE}",
        )
    file = entry.options.get("file", "")
    if not file:
        raise _refuse(LOGIN_KEY, f"has an entry {_ENTRY} without file=", 'add file="PATH"')
    return Path(file)


def _body(text: str) -> str:
    """Return what stands between the braces of our entry."""
    outside, inside, depth, wanted = "", "", 0, False
    for piece in _PIECE.findall(text):
        if piece.startswith(("//", "/*")):
            continue
        if piece == "{":
            depth += 1
            wanted = outside.replace(";", " ").split()[-1:] == [_ENTRY]
        elif piece == "}":
            depth -= 1
            if wanted and depth == 0:
                return inside
            outside = ""
        elif depth and wanted:
            inside += piece
        elif not depth:
            outside += piece
    raise _refuse(LOGIN_KEY, f"has no whole entry {_ENTRY} {{ ... }};", "add one")


def read_credentials(path: Path) -> dict[str, str]:
    """Return passwords by user, as they are stored; none for an empty file.

    Raises:
        ConfigError: the file cannot be read, or a hash in it cannot.
    """
    try:
        found = read_properties(path)
    except Exception as problem:
        raise _refuse(FILE_KEY, f"'{path}' cannot be read", _HOW) from problem
    wrong = sorted(user for user, stored in found.items() if is_hash_wrong(stored))
    if wrong:
        raise _refuse(
            FILE_KEY,
            f"'{path}' has a hash that cannot be read, of {', '.join(wrong)}",
            "make it with: python -m penstock.rest.auth_passwords",
        )
    # An empty password is a line that somebody left half done, not an open door.
    return {user: stored for user, stored in found.items() if stored}
