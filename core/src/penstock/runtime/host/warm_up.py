"""Does what every host does at first, once, in the fork server.

Classes build tables when they are first used, and libraries fill their caches; done before the
fork, hosts share the memory and start sooner. Only plugins of Penstock itself are touched.
"""

from __future__ import annotations

from typing import Final

from penstock.runtime.connector_config import plan
from penstock.runtime.plugins import registry

__all__ = ["warm_up"]

_STRING: Final = "org.apache.kafka.connect.storage.StringConverter"
_CONNECTOR: Final = "org.apache.kafka.connect.file.FileStreamSourceConnector"


def warm_up() -> None:
    """Read a connector's configuration, load a converter and a connector, keep none of them.

    Called by: the fork server, before it forks; what it raises is for a host to tell.
    """
    worker = {"key.converter": _STRING, "value.converter": _STRING}
    plan({"name": "warm-up", "connector.class": _CONNECTOR, "topic": "warm-up"}, worker)
    registry().load("converters", _STRING).config_spec().check({})
    connector = registry().load("connectors", _CONNECTOR)
    connector.config_spec().check({})
    connector.version()
