"""Plugins: found in metadata without importing, loaded one at a time, told by hooks."""

from penstock.runtime.plugins.names import KINDS
from penstock.runtime.plugins.registry import PluginInfo, PluginRegistry, registry

__all__ = ["KINDS", "PluginInfo", "PluginRegistry", "registry"]
