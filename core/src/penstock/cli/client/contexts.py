"""Which cluster is meant: an option, a variable, or a context that was saved under a name."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from penstock.errors import ConfigError, did_you_mean

__all__ = ["DEFAULT_URL", "Contexts", "context_file"]

DEFAULT_URL: Final = "http://localhost:8083"
FILE_VARIABLE: Final = "PENSTOCK_CONTEXTS"


def context_file() -> Path:
    """Return where contexts are saved."""
    named = os.environ.get(FILE_VARIABLE)
    if named:
        return Path(named)
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "penstock" / "contexts.json"


class Contexts:
    """Saved clusters, by name; the file is readable by its owner only, it may hold passwords."""

    def __init__(self, path: Path) -> None:
        """Read the file, which need not exist.

        Raises:
            ConfigError: it is not what this class writes.
        """
        self._path = path
        self.current = ""
        self.urls: dict[str, str] = {}
        if path.exists():
            self._load()

    def _load(self) -> None:
        try:
            found: Any = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError) as problem:
            raise ConfigError(f"{self._path} cannot be read: {problem}") from problem
        if not isinstance(found, dict) or not isinstance(found.get("contexts"), dict):
            raise ConfigError(f"{self._path} holds no contexts; correct or delete it")
        self.current = str(found.get("current") or "")
        self.urls = {str(name): str(url) for name, url in found["contexts"].items()}

    def _save(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        content: Mapping[str, Any] = {"current": self.current, "contexts": self.urls}
        whole = self._path.with_suffix(".new")
        with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(content, file, indent=2)
        whole.replace(self._path)

    def set(self, name: str, url: str) -> None:
        """Save a cluster; the first one becomes the current one."""
        self.urls[name] = url
        self.current = self.current or name
        self._save()

    def use(self, name: str) -> None:
        """Make a saved cluster the current one; raises ConfigError for an unknown one."""
        self._known(name)
        self.current = name
        self._save()

    def remove(self, name: str) -> None:
        """Forget a cluster; raises ConfigError for an unknown one."""
        self._known(name)
        del self.urls[name]
        if self.current == name:
            self.current = ""
        self._save()

    def _known(self, name: str) -> str:
        if name not in self.urls:
            hint = did_you_mean(name, list(self.urls))
            raise ConfigError(f"no context '{name}'{hint}; see penstock context list")
        return self.urls[name]

    def url(self, name: str | None = None) -> str:
        """Return the URL of a context, the current one without a name."""
        if name:
            return self._known(name)
        return self.urls.get(self.current, DEFAULT_URL)
