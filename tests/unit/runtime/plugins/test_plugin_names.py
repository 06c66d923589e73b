from __future__ import annotations

import pytest

from penstock.api import Side
from penstock.runtime.plugins.names import aliases_of, class_name_of, side_of, without_side

FILE = "org.apache.kafka.connect.file.FileStreamSourceConnector"


def test_aliases_are_those_of_the_original_and_the_python_path() -> None:
    found = aliases_of("connectors", [FILE], "penstock_file:FileStreamSourceConnector")
    assert found[0] == FILE
    assert set(found) == {
        FILE,
        "FileStreamSourceConnector",
        "FileStreamSource",
        "penstock_file.FileStreamSourceConnector",
    }


def test_source_and_sink_of_one_name_stay_two_names() -> None:
    """The original prunes 'Connector' only, or FileStream would mean both."""
    assert "FileStream" not in aliases_of("connectors", [FILE], "m:X")


@pytest.mark.parametrize(
    ("kind", "name", "short"),
    [
        ("converters", "a.JsonConverter", "Json"),
        ("header_converters", "a.SimpleHeaderConverter", "Simple"),
        ("transforms", "a.MyTransformation", "My"),
        ("transforms", "a.MyTransform", "My"),
        ("predicates", "a.TombstonePredicate", "Tombstone"),
        ("config_providers", "a.FileConfigProvider", "File"),
    ],
)
def test_the_word_for_the_kind_may_be_left_out(kind: str, name: str, short: str) -> None:
    assert short in aliases_of(kind, [name], "m:X")


def test_a_name_that_is_the_word_itself_is_kept() -> None:
    assert "" not in aliases_of("converters", ["a.Converter"], "m:Converter")


def test_sides_are_kept_and_may_be_left_out() -> None:
    names = ["a.HoistField$Key", "a.HoistField$Value"]
    found = aliases_of("transforms", names, "m:HoistField")
    assert {"HoistField$Key", "HoistField$Value", "a.HoistField", "HoistField"} <= set(found)
    assert side_of("a.HoistField$Key") is Side.KEY
    assert side_of("HoistField$Value") is Side.VALUE
    assert side_of("a.HoistField") is None
    assert without_side("a.B$C$Key") == "a.B$C"


def test_class_name_is_javas_when_there_is_one() -> None:
    assert class_name_of(["Short", "org.a.Long"], "m:X") == "org.a.Long"
    assert class_name_of(["short"], "my.module:X") == "my.module.X"
