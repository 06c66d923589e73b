"""The Java plugins of `java_plugins`, compiled to a package on a plugin path."""

from __future__ import annotations

import zipfile
from pathlib import Path

from penstock_jvm._compile import compile_shim

__all__ = ["java_probe"]

_SOURCES = Path(__file__).with_name("java_plugins")
_SERVICES = "META-INF/services/org.apache.kafka.connect."


def java_probe(path: Path) -> str:
    """Compile the plugins into a folder; return it, for ``plugin.path``."""
    jar = compile_shim(_SOURCES, path / "probe-1.0.jar")
    with zipfile.ZipFile(jar, "a") as archive:
        archive.writestr(f"{_SERVICES}source.SourceConnector", "probe.ProbeSource\n")
        archive.writestr(f"{_SERVICES}sink.SinkConnector", "probe.ThreadedSink\n")
        archive.writestr(f"{_SERVICES}transforms.Transformation", "probe.Shout\n")
    return str(path)
