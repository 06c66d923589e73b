from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

import penstock_converters

JAVA = {
    "org.apache.kafka.connect.storage.StringConverter": "StringConverter",
    "org.apache.kafka.connect.json.JsonConverter": "JsonConverter",
    **{
        f"org.apache.kafka.connect.converters.{name}Converter": f"{name}Converter"
        for name in ("ByteArray", "Boolean", "Double", "Float", "Integer", "Long", "Short")
    },
}


def entry_points(group: str) -> dict[str, str]:
    found = importlib.metadata.distribution("penstock-converters").entry_points
    return {point.name: point.value for point in found if point.group == group}


def test_each_converter_has_a_short_name_and_a_java_name() -> None:
    points = entry_points("penstock.converters")
    for java, name in JAVA.items():
        assert (
            points[java] == points[name.removesuffix("Converter")] == f"penstock_converters:{name}"
        )


def test_each_java_converter_is_a_header_converter_too() -> None:
    points = entry_points("penstock.header_converters")
    for java, name in JAVA.items():
        header = name.replace("Converter", "HeaderConverter")
        assert points[java] == f"penstock_converters:{header}"
    simple = "org.apache.kafka.connect.storage.SimpleHeaderConverter"
    assert points[simple] == points["Simple"] == "penstock_converters:SimpleHeaderConverter"


def test_every_entry_point_loads() -> None:
    for point in importlib.metadata.distribution("penstock-converters").entry_points:
        plugin = point.load()
        assert plugin.version() == importlib.metadata.version("penstock-converters")
        plugin.config_spec().describe()
        made = plugin(plugin.config_spec().parse({"converter.type": "value"}))
        made.open()
        made.close()


def test_import_is_light() -> None:
    code = (
        "import sys, penstock_converters; "
        "assert not {'msgspec', 'penstock'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Nope"):
        _ = penstock_converters.Nope
    assert set(penstock_converters.__all__) <= set(dir(penstock_converters))
