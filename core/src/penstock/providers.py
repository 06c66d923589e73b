"""The config providers of Apache Kafka: a properties file, a directory, the environment.

Each may be narrowed to what it is meant for: ``allowed.paths``, ``allowlist.pattern``. A path that
leads out of the allowed ones, through ``..`` or a link, is refused. No message tells a value.
(source: FileConfigProvider, DirectoryConfigProvider, EnvVarConfigProvider)
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from penstock.api import ConfigProvider
from penstock.config import config, key
from penstock.errors import ConfigError, Problem

__all__ = ["DirectoryConfigProvider", "EnvVarConfigProvider", "FileConfigProvider"]

FILE_BYTES_MAX: Final = 1024 * 1024
"""A file of secrets is small; anything else is a mistake."""


def _absolute(name: str, value: Any) -> str | None:
    wrong = [one for one in value if not Path(one).is_absolute()]
    return f"Path {wrong[0]} is not absolute" if wrong else None


@config
class PathsConfig:
    """Keys of the providers that read files."""

    allowed_paths: list[str] = key(
        default=[],
        validator=_absolute,
        doc="Folders or files that may be read, those below included; without any, all may.",
    )


class _Paths:
    """The paths that may be read."""

    def __init__(self, allowed: list[str]) -> None:
        self._allowed = [Path(one).resolve() for one in allowed]

    def checked(self, text: str) -> Path:
        """Return the real path; raises ConfigError when it is outside."""
        if not text:
            raise _refused("the reference names no path, as in ${provider:/path:key}")
        found = Path(text).resolve()
        if self._allowed and not any(found.is_relative_to(one) for one in self._allowed):
            raise _refused(f"{text} is outside of allowed.paths")
        return found


def _refused(text: str) -> ConfigError:
    return ConfigError(Problem("", text))


def _content(path: Path) -> str:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise _refused(f"{path} is larger than {FILE_BYTES_MAX} bytes")
        return path.read_text("utf-8")
    except OSError as problem:
        raise _refused(f"cannot read {path}: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise _refused(f"{path} is not UTF-8") from problem


class FileConfigProvider(ConfigProvider[PathsConfig]):
    """``${file:/path/of.properties:key}``: a key of a properties file."""

    def open(self) -> None:
        """Look up the allowed paths."""
        self._paths = _Paths(self.config.allowed_paths)
        self._read: dict[Path, Mapping[str, str]] = {}

    def lookup(self, path: str, key: str) -> str | None:
        """Return the value of a key; None when the file does not have it."""
        found = self._paths.checked(path)
        if found not in self._read:
            import javaproperties  # noqa: PLC0415 - only who uses this provider pays for it

            self._read[found] = javaproperties.loads(_content(found))
        return self._read[found].get(key)


class DirectoryConfigProvider(ConfigProvider[PathsConfig]):
    """``${directory:/path:name}``: the whole text of a file in a directory."""

    def open(self) -> None:
        """Look up the allowed paths."""
        self._paths = _Paths(self.config.allowed_paths)

    def lookup(self, path: str, key: str) -> str | None:
        """Return a file's text as it is; None when there is no such file.

        A name that leads out of the directory is refused; a link inside of it may lead to where
        the allowed paths do, as mounted secrets are links.
        """
        folder = self._paths.checked(path)
        if not key or "/" in key or key in (".", ".."):
            raise _refused(f"'{key}' is no name of a file in {path}")
        file = self._paths.checked(str(folder / key))
        return _content(file) if file.is_file() else None


@config
class EnvVarConfig:
    """Keys of EnvVarConfigProvider."""

    allowlist_pattern: str | None = key(
        default=None,
        validator=lambda _, value: _pattern_problem(value),
        doc="Regular expression of the variables that may be read; without one, all may.",
    )


def _pattern_problem(value: Any) -> str | None:
    try:
        re.compile(value or "")
    except re.error as problem:
        return f"no regular expression: {problem}"
    return None


class EnvVarConfigProvider(ConfigProvider[EnvVarConfig]):
    """``${env:NAME}``: a variable of the environment that the worker was started with."""

    def lookup(self, path: str, key: str) -> str | None:
        """Return the variable; None when it is not set or may not be read."""
        if path:
            raise _refused("a variable has no path; write ${env:NAME}")
        pattern = self.config.allowlist_pattern
        if pattern and re.fullmatch(pattern, key) is None:
            return None
        return os.environ.get(key)
