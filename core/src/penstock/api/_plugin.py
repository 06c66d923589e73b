"""What all plugins share: a typed config, a version, an open and a close."""

from __future__ import annotations

import typing
from typing import Any, ClassVar, Generic, TypeVar

from penstock.config import ConfigSpec, NoConfig

__all__ = ["Plugin", "config_class_of"]

C = TypeVar("C")


def config_class_of(cls: type[Any]) -> type[Any]:
    """Return the config class that a plugin class names in ``Base[ConfigClass]``, or NoConfig."""
    for ancestor in cls.__mro__:
        for base in ancestor.__dict__.get("__orig_bases__", ()):
            for argument in typing.get_args(base):
                if isinstance(argument, type):
                    return argument
    return NoConfig


class Plugin(Generic[C]):
    """Base of every plugin role; ``C`` is the ``@config`` class that holds its settings.

    Called by: the runtime makes an instance with the parsed config, then calls :meth:`open`,
    uses it on one thread, and calls :meth:`close` once, also after an error.
    """

    config: C
    VERSION: ClassVar[str | None] = None

    def __init__(self, config: C) -> None:
        """Keep the config; acquire nothing yet."""
        self.config = config

    @classmethod
    def version(cls) -> str:
        """Return the plugin's version: ``VERSION``, or that of the distribution it comes from."""
        if cls.VERSION is not None:
            return cls.VERSION
        import importlib.metadata  # noqa: PLC0415 - a third of what importing the api would cost

        top = cls.__module__.partition(".")[0]
        try:
            return importlib.metadata.version(top.replace("_", "-"))
        except importlib.metadata.PackageNotFoundError:
            return "undefined"

    @classmethod
    def config_spec(cls) -> ConfigSpec[Any]:
        """Return the keys that this plugin understands."""
        return ConfigSpec.of(config_class_of(cls))

    def open(self) -> None:
        """Acquire what the plugin needs. Does nothing unless overridden."""

    def close(self) -> None:
        """Release everything; also called when :meth:`open` failed. Does nothing by default."""
