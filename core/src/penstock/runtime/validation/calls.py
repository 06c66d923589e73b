"""What the worker asks a host about plugins; plain JSON data in and out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from penstock.api import SinkConnector
from penstock.config import ConfigSpec, KeyReport
from penstock.runtime.connector_keys import CommonKeys, SinkKeys, SourceKeys
from penstock.runtime.model import ConnectorType
from penstock.runtime.plugins import registry
from penstock.runtime.validation.connector import connector_class, unknown_keys, validate
from penstock.runtime.validation.versions import check_version

__all__ = ["connector_type", "describe_plugin", "validate_connector"]

log = logging.getLogger(__name__)


def validate_connector(
    config: Mapping[str, str | None], worker: Mapping[str, str]
) -> dict[str, Any]:
    """Return ``{infos: ConfigInfos, type: source|sink}``.

    Raises:
        BadRequestError: ``connector.class`` is missing or names nothing.
    """
    cls = connector_class(config)
    infos = validate(config, worker)
    for sentence in unknown_keys(config, infos):
        log.warning("connector '%s': %s", config.get("name") or infos.name, sentence)
    kind = ConnectorType.SINK if issubclass(cls, SinkConnector) else ConnectorType.SOURCE
    return {"infos": infos.to_json(), "type": kind.value}


def connector_type(class_name: str, worker: Mapping[str, str] | None = None) -> str:
    """Return ``source`` or ``sink``.

    Raises:
        BadRequestError: it names no connector that can be loaded.
    """
    cls = connector_class({"connector.class": class_name})
    kind = ConnectorType.SINK if issubclass(cls, SinkConnector) else ConnectorType.SOURCE
    return kind.value


def describe_plugin(
    name: str,
    kind: str | None = None,
    worker: Mapping[str, str] | None = None,
    version: str | None = None,
) -> list[dict[str, Any]]:
    """Return a plugin's keys; a connector's with those that every connector has.

    Raises:
        BadRequestError: the version that is installed is not in the range ``version``.
        NotFoundError: there is no such plugin.
        PluginError: it cannot be loaded.
    """
    plugin = registry().find(name, kind)
    if version is not None:
        check_version(plugin.class_name, plugin.version, version)
    cls = registry().load_plugin(plugin)
    own: list[KeyReport] = cls.config_spec().describe()
    if plugin.kind == "connectors":
        keys = SinkKeys if issubclass(cls, SinkConnector) else SourceKeys
        common = ConfigSpec.of(CommonKeys).describe() + ConfigSpec.of(keys).describe()
        taken = {report.name for report in own}
        own = [report for report in common if report.name not in taken] + own
    return [report.to_json() for report in own]
