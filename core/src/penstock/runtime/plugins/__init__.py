"""Plugins: found in metadata without importing, loaded one at a time, told by hooks."""

from penstock.runtime.plugins.info import PluginCheck, PluginInfo
from penstock.runtime.plugins.names import KINDS
from penstock.runtime.plugins.registry import PluginRegistry, registry, tell_plugin_path

__all__ = ["KINDS", "PluginCheck", "PluginInfo", "PluginRegistry", "registry", "tell_plugin_path"]
