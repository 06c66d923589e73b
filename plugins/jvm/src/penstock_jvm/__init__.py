"""Connectors written in Java, run inside a Python worker."""

from penstock_jvm._found import JavaPlugins
from penstock_jvm.machine import jars_in, resolve, shim_jar, start_machine

__all__ = ["JavaPlugins", "jars_in", "resolve", "shim_jar", "start_machine"]
