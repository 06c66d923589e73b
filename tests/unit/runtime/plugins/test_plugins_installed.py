"""Third-party distributions: seen with no registration step, and harmless when broken."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from fake_installs import TRANSFORM, install

from penstock.errors import PluginError
from penstock.runtime.plugins import PluginRegistry

pytestmark = pytest.mark.usefixtures("fresh")


def test_installed_plugin_is_listed_without_importing_it(site: Path) -> None:
    install(site, "acme_redact", "[penstock.transforms]\nredact = acme_redact:Redact\n")
    found = PluginRegistry.installed().resolve("transforms", "redact")
    assert (found.distribution, found.version) == ("acme-redact", "1.0")
    assert found.class_name == "acme_redact.Redact"
    assert found.reference == "acme_redact:Redact"
    assert "acme_redact" not in sys.modules


def test_loading_imports_only_what_is_named(site: Path) -> None:
    install(site, "acme_redact", "[penstock.transforms]\nredact = acme_redact:Redact\n")
    install(site, "acme_other", "[penstock.transforms]\nother = acme_other:Redact\n")
    cls = PluginRegistry.installed().load("transforms", "acme_redact.Redact")
    assert [key.name for key in cls.config_spec().keys] == ["field"]
    assert "acme_redact" in sys.modules
    assert "acme_other" not in sys.modules


def test_several_names_of_one_object_are_one_plugin(site: Path) -> None:
    install(
        site,
        "acme_redact",
        """
        [penstock.transforms]
        redact = acme_redact:Redact
        com.acme.Redact = acme_redact:Redact
        """,
    )
    found = PluginRegistry.installed()
    mine = [plugin for plugin in found.list("transforms") if plugin.distribution == "acme-redact"]
    assert [plugin.class_name for plugin in mine] == ["com.acme.Redact"]
    assert found.load("transforms", "com.acme.Redact") is found.load("transforms", "redact")


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("import no_such_library_here", "ModuleNotFoundError: No module named"),
        ("raise RuntimeError('first line\\nsecond')", "RuntimeError: first line"),
        ("import sys; sys.exit(7)", "SystemExit: 7"),
        ("assert False, 'broken build'", "AssertionError: broken build"),
        ("def oops(:", "SyntaxError"),
        ("", "AttributeError"),
        (None, "ModuleNotFoundError"),
        ("Redact = 5", "an object of type int"),
        ("class Redact: pass", "the class acme_broken.Redact"),
        ("from penstock.api import Converter as Redact", "penstock.api.Transform"),
    ],
)
def test_broken_plugin_is_a_row_with_its_error(site: Path, code: str | None, cause: str) -> None:
    install(site, "acme_broken", "[penstock.transforms]\nbad = acme_broken:Redact\n", code=code)
    install(site, "acme_redact", "[penstock.transforms]\nredact = acme_redact:Redact\n")
    found = PluginRegistry.installed()
    with pytest.raises(PluginError) as told:
        found.load("transforms", "bad")
    for part in (cause, "acme-broken 1.0", "acme_broken:Redact"):
        assert part in str(told.value)
    assert "second" not in str(told.value)
    errors = {row.plugin.name: row.error for row in found.check("transforms")}
    assert cause in errors["bad"]
    assert errors["redact"] == ""


def test_cause_of_a_failed_import_is_chained(site: Path) -> None:
    install(site, "acme_broken", "[penstock.transforms]\nbad = acme_broken:X\n", code="1 / 0")
    with pytest.raises(PluginError) as told:
        PluginRegistry.installed().load("transforms", "bad")
    assert isinstance(told.value.__cause__, ZeroDivisionError)


def test_plugin_whose_keys_cannot_be_read_is_a_row_with_its_error(site: Path) -> None:
    code = """
        from penstock.api import Transform

        class Redact(Transform):
            @classmethod
            def config_spec(cls):
                raise NameError("no such type")
    """
    install(site, "acme_broken", "[penstock.transforms]\nbad = acme_broken:Redact\n", code=code)
    errors = {row.plugin.name: row.error for row in PluginRegistry.installed().check("transforms")}
    assert "NameError: no such type" in errors["bad"]


def test_name_of_two_distributions_names_both_and_imports_neither(site: Path) -> None:
    for name in ("acme_one", "acme_two"):
        install(site, name, f"[penstock.transforms]\nredact = {name}:Redact\n")
    found = PluginRegistry.installed()
    with pytest.raises(PluginError) as told:
        found.load("transforms", "redact")
    assert "acme-one 1.0" in str(told.value)
    assert "acme-two 1.0" in str(told.value)
    assert not {"acme_one", "acme_two"} & set(sys.modules)


def test_other_names_of_a_contested_plugin_load_the_right_one(site: Path) -> None:
    """Stevedore would import, and take, the last of both."""
    for name in ("acme_one", "acme_two"):
        install(
            site,
            name,
            f"[penstock.transforms]\nredact = {name}:Redact\ncom.{name}.Redact = {name}:Redact\n",
        )
    found = PluginRegistry.installed()
    assert found.load("transforms", "com.acme_one.Redact").__module__ == "acme_one"
    assert "acme_two" not in sys.modules


def test_nobody_can_take_a_name_of_ours(site: Path) -> None:
    install(site, "acme_evil", "[penstock.transforms]\nRegexRouter = acme_evil:Redact\n")
    found = PluginRegistry.installed()
    with pytest.raises(PluginError, match="acme-evil"):
        found.load("transforms", "RegexRouter")
    java = "org.apache.kafka.connect.transforms.RegexRouter"
    assert found.load("transforms", java).__module__.startswith("penstock_transforms")


def test_unreadable_metadata_harms_only_its_distribution(site: Path) -> None:
    """``importlib.metadata.entry_points`` raises for everybody, and so does stevedore."""
    install(site, "acme_bad", "[penstock.transforms]\nno equals sign\n")
    install(site, "acme_redact", "[penstock.transforms]\nredact = acme_redact:Redact\n")
    found = PluginRegistry.installed()
    assert [one.distribution for one in found.broken] == ["acme-bad"]
    assert "entry_points.txt cannot be read" in found.broken[0].error
    assert found.load("transforms", "redact").__module__ == "acme_redact"
    assert found.load("connectors", "FileStreamSource").__name__ == "FileStreamSourceConnector"


def test_distribution_without_metadata_is_listed(site: Path) -> None:
    install(site, "acme_redact", "[penstock.transforms]\nredact = acme_redact:Redact\n")
    (site / "acme_redact-1.0.dist-info" / "METADATA").unlink()
    found = PluginRegistry.installed().resolve("transforms", "redact")
    assert (found.distribution, found.version) == ("unknown", "undefined")


def test_entry_point_that_is_no_reference_is_told(site: Path) -> None:
    install(site, "acme_bad", "[penstock.transforms]\nbad = just some words\n")
    with pytest.raises(PluginError, match="must read 'module:Class'"):
        PluginRegistry.installed().load("transforms", "bad")


def test_misspelt_group_is_told(site: Path) -> None:
    install(site, "acme_bad", "[penstock.transform]\nredact = acme_bad:Redact\n")
    (row,) = PluginRegistry.installed().broken
    assert "unknown entry-point group 'penstock.transform' (did you mean" in row.error
    assert "penstock.transforms" in row.error


@pytest.mark.parametrize(
    ("name", "rest_type"), [("AcmeSource", "source"), ("acme-sink", "sink"), ("acme", "unknown")]
)
def test_connectors_group_tells_the_direction_by_name(
    site: Path, name: str, rest_type: str
) -> None:
    install(site, "acme_conn", f"[penstock.connectors]\n{name} = acme_conn:Thing\n")
    assert PluginRegistry.installed().resolve("connectors", name).rest_type == rest_type


def test_connector_in_the_group_of_the_other_direction_is_refused(site: Path) -> None:
    code = "from penstock.api import SinkConnector\nclass S(SinkConnector): pass\n"
    install(site, "acme_conn", "[penstock.source_connectors]\nacme = acme_conn:S\n", code=code)
    with pytest.raises(PluginError, match=r"penstock\.api\.SourceConnector"):
        PluginRegistry.installed().load("connectors", "acme")


def test_earlier_distribution_on_the_path_hides_a_later_one(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(site, "acme_redact", "[penstock.transforms]\nredact = acme_redact:Redact\n")
    first = tmp_path / "first"
    install(
        first, "acme_redact", "[penstock.transforms]\nredact = acme_redact:Redact\n", version="2.0"
    )
    monkeypatch.syspath_prepend(str(first))
    assert PluginRegistry.installed().resolve("transforms", "redact").version == "2.0"


def test_extras_in_an_entry_point_are_left_out(site: Path) -> None:
    install(site, "acme_redact", "[penstock.transforms]\nredact = acme_redact:Redact [fast]\n")
    found = PluginRegistry.installed()
    assert found.resolve("transforms", "redact").reference == "acme_redact:Redact"
    assert found.load("transforms", "redact").__module__ == "acme_redact"


def test_everything_of_ours_works() -> None:
    rows = PluginRegistry.installed().check()
    assert [row.error for row in rows if row.error] == []
    assert len(rows) >= 15


def test_listing_is_quick_with_many_distributions(site: Path) -> None:
    for number in range(100):
        install(site, f"many_{number}", "[console_scripts]\nx = y:z\n", code=None)
    install(
        site, "acme_redact", "[penstock.transforms]\nredact = acme_redact:Redact\n", code=TRANSFORM
    )
    begin = time.perf_counter()
    PluginRegistry.installed()
    assert time.perf_counter() - begin < 0.5  # 20 ms where nothing else runs
