from __future__ import annotations

import abc
import sys
from typing import Any

import attrs
import pytest

from penstock.api import (
    Converter,
    HeaderConverter,
    Side,
    SinkConnector,
    SourceConnector,
    Transform,
)
from penstock.config import NoConfig
from penstock.errors import NotFoundError, PluginError
from penstock.runtime.plugins import PluginInfo, PluginRegistry
from penstock.runtime.plugins.names import KINDS, aliases_of


class Lines(SourceConnector[NoConfig]):
    pass


class Out(SinkConnector[NoConfig]):
    pass


class Plain(Transform[NoConfig]):
    pass


class Sided(Transform[NoConfig]):
    sided = True


class Text(Converter[NoConfig]):
    VERSION = "3.2"


class TextHeader(HeaderConverter[NoConfig]):
    pass


class Unfinished(Transform[NoConfig], abc.ABC):
    @abc.abstractmethod
    def rest(self) -> None: ...


def made() -> PluginRegistry:
    return PluginRegistry.from_classes(
        {
            "connectors": {"com.example.LinesConnector": Lines, "Out": Out},
            "transforms": {"com.example.Sided$Key": Sided, "Plain": Plain},
            "converters": {"Text": Text},
            "header_converters": {"Text": TextHeader},
        }
    )


def info(kind: str, name: str, reference: str, distribution: str) -> PluginInfo:
    return PluginInfo(
        kind=kind,
        rest_type="source",
        name=name,
        aliases=aliases_of(kind, [name], reference),
        class_name=name,
        distribution=distribution,
        version="1",
        reference=reference,
        registered=(name,),
    )


@pytest.mark.parametrize(
    "name",
    ["com.example.LinesConnector", "LinesConnector", "Lines", f"{__name__}.Lines", " Lines "],
)
def test_every_name_of_a_plugin_resolves_to_it(name: str) -> None:
    assert made().resolve("connectors", name).class_name == "com.example.LinesConnector"
    assert made().load("connectors", name) is Lines


def test_unknown_name_names_near_and_installed_ones() -> None:
    with pytest.raises(PluginError) as told:
        made().resolve("connectors", "Linez")
    assert str(told.value) == (
        "no connector 'Linez' is installed (did you mean 'Lines'?); "
        "installed: Out, com.example.LinesConnector"
    )


def test_list_of_installed_names_is_bounded() -> None:
    many = PluginRegistry.from_classes({"converters": {f"text{n:03}": Text for n in range(100)}})
    with pytest.raises(PluginError, match=r"text039 and 60 more$"):
        many.resolve("converters", "zzz")


@pytest.mark.parametrize(
    "name",
    ["os:system", "builtins", "subprocess.Popen", "antigravity", "", "a b", "..", "x" * 10_000],
)
def test_a_name_never_reaches_the_import_machinery(name: str) -> None:
    before = set(sys.modules)
    with pytest.raises(PluginError):
        made().load("connectors", name)
    assert set(sys.modules) == before


def test_kinds_do_not_mix() -> None:
    assert made().load("converters", "Text") is Text
    assert made().load("header_converters", "Text") is TextHeader
    with pytest.raises(PluginError, match="no transform 'Text' is installed"):
        made().load("transforms", "Text")


def test_side_in_the_name_is_told() -> None:
    assert made().resolve("transforms", "com.example.Sided$Key").side is Side.KEY
    assert made().resolve("transforms", "Sided$Value").side is Side.VALUE
    assert made().resolve("transforms", "Sided").side is None
    assert made().resolve("transforms", "Sided$Key").qualified_name == "com.example.Sided$Key"
    assert made().resolve("transforms", "Sided").qualified_name == "com.example.Sided"


def test_side_of_a_transform_that_has_none_is_refused() -> None:
    with pytest.raises(PluginError, match="does not work on the key or the value alone"):
        made().load("transforms", "Plain$Key")


@pytest.mark.parametrize("found", [dict, "text", Text, Out])
def test_what_is_not_of_the_kind_is_refused(found: Any) -> None:
    plugin = attrs.evolve(made().resolve("connectors", "Lines"), loaded=found)
    with pytest.raises(
        PluginError, match=r"must name a subclass of penstock\.api\.SourceConnector"
    ):
        made().load_plugin(plugin)


def test_abstract_class_is_refused() -> None:
    with pytest.raises(PluginError, match="is abstract: it does not define rest"):
        PluginRegistry.from_classes({"transforms": {"u": Unfinished}}).load("transforms", "u")


def test_name_of_two_distributions_is_refused_naming_both() -> None:
    both = PluginRegistry(
        [
            info("connectors", "Lines", "a:Lines", "one"),
            info("connectors", "Lines", "b:Lines", "two"),
        ]
    )
    with pytest.raises(PluginError) as told:
        both.resolve("connectors", "Lines")
    for part in ("'Lines'", "one 1 (a:Lines)", "two 1 (b:Lines)", "uninstall all but one"):
        assert part in str(told.value)
    with pytest.raises(PluginError, match="several"):
        both.find("Lines")
    assert len(both.list()) == 2
    assert all("several plugins" in row.error for row in both.check())


def test_only_the_contested_name_is_refused() -> None:
    both = PluginRegistry(
        [info("connectors", "x.Lines", "a:A", "one"), info("connectors", "y.Lines", "b:B", "two")]
    )
    assert both.resolve("connectors", "x.Lines").distribution == "one"
    with pytest.raises(PluginError, match=r"write one of 'x\.Lines', 'y\.Lines'"):
        both.resolve("connectors", "Lines")


def test_registered_name_goes_before_an_alias() -> None:
    both = PluginRegistry(
        [info("connectors", "x.Lines", "a:A", "one"), info("connectors", "Lines", "b:B", "two")]
    )
    assert both.resolve("connectors", "Lines").distribution == "two"


def test_find_looks_through_all_kinds() -> None:
    assert made().find("Plain").kind == "transforms"
    assert made().find("Text").kind == "converters"
    assert made().find("Text", "header_converters").kind == "header_converters"
    with pytest.raises(NotFoundError, match=r"Unknown plugin Plein\. \(did you mean 'Plain'"):
        made().find("Plein")


def test_rest_listing_has_the_order_and_shape_of_the_original() -> None:
    listed = [dict(row) for row in made().rest_listing()]
    assert [row["type"] for row in listed] == [
        "sink",
        "source",
        "transformation",
        "transformation",
        "converter",
        "header_converter",
    ]
    assert listed[4] == {"class": f"{__name__}.Text", "type": "converter", "version": "3.2"}
    assert "com.example.Sided$Key" in [row["class"] for row in listed]


def test_list_is_by_kind_and_name() -> None:
    kinds = [plugin.kind for plugin in made().list()]
    assert kinds == sorted(kinds, key=KINDS.index)
    assert made().names("connectors") == ["Out", "com.example.LinesConnector"]
