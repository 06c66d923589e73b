"""Kafka's own Java classes inside this process, to compare ours with, by JPype.

A process has one Java machine: it starts with the first class asked for, and ends with Python.
"""

from __future__ import annotations

import threading
from typing import Any

import jpype
import jpype.config

from tests.parts import jvm_connect
from tests.parts.java import jvm_library, write_logging
from tests.parts.maven import cache_dir

_HEAP = "512m"
_LOCK = threading.Lock()


def start_jvm() -> None:
    """Start the Java machine with Connect's jars, unless it runs."""
    with _LOCK:
        if jpype.isJVMStarted():
            return
        class_path = [str(jar) for jar in jvm_connect.class_path()]
        logging = cache_dir() / "jvm-log4j2.properties"
        if not logging.exists():
            write_logging(logging, "ERROR")
        # Unhooked at Python's end, its last thread was seen to crash the process: it just ends.
        jpype.config.onexit = False
        jpype.startJVM(
            str(jvm_library()),
            f"-Xmx{_HEAP}",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            f"-Dlog4j2.configurationFile={logging}",
            classpath=class_path,
            convertStrings=False,  # a java.lang.String must be told from a Python one
        )


def java_class(name: str) -> Any:
    """Return a Java class by its full name, inner ones after a dollar sign."""
    start_jvm()
    return jpype.JClass(name)


def java_map(values: dict[str, Any]) -> Any:
    """Return a java.util.HashMap with the items, such as a component's `configure` takes."""
    result = java_class("java.util.HashMap")()
    for key, value in values.items():
        result.put(key, value)
    return result
