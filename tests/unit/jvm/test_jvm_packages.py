"""What is told of Java packages without Java."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from penstock.errors import ConfigError
from penstock_jvm._found import classes_of
from penstock_jvm._packages import JavaPlugin, found_on
from penstock_jvm.machine import jars_in

SERVICE = "META-INF/services/org.apache.kafka.connect.source.SourceConnector"


def jar(path: Path, *classes: str, manifest: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(SERVICE, "# a comment\n" + "".join(f"{name}  # x\n" for name in classes))
        if manifest:
            archive.writestr("META-INF/MANIFEST.MF", manifest)
    return path


def test_a_folder_of_jars_is_one_plugin_and_a_single_jar_another(tmp_path: Path) -> None:
    first = jar(tmp_path / "one" / "lib" / "one-1.2.jar", "a.One")
    library = jar(tmp_path / "one" / "library.jar")
    single = jar(tmp_path / "two.jar", "a.Two", manifest="Implementation-Version: 3.4\n")
    found = found_on([tmp_path])
    assert found == [
        JavaPlugin("source", "a.One", "1.2", (str(first), str(library))),
        JavaPlugin("source", "a.Two", "3.4", (str(single),)),
    ]


def test_a_jar_that_is_no_archive_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "bad.jar").write_bytes(b"no archive")
    jar(tmp_path / "good.jar", "a.Good")
    assert [plugin.name for plugin in found_on([tmp_path])] == ["a.Good"]


def test_the_plain_name_means_the_newest_version_and_each_has_a_name_of_its_own() -> None:
    versions = ("1.9", "1.10", "1.10-rc1")
    plugins = [JavaPlugin("source", "a.One", version, (version,)) for version in versions]
    classes = classes_of(plugins, set())
    assert classes["a.One"].VERSION == "1.10"
    assert {name: cls.VERSION for name, cls in classes.items() if "@" in name} == {
        "a.One@1.9": "1.9",
        "a.One@1.10": "1.10",
        "a.One@1.10-rc1": "1.10-rc1",
    }


def test_a_class_that_python_stands_in_for_is_reached_by_its_name_at_jvm() -> None:
    classes = classes_of([JavaPlugin("sink", "a.One", "1", ("x",))], {"a.One"})
    assert list(classes) == ["a.One@jvm"]
    assert classes["a.One@jvm"].java_class_name == "a.One"


def test_a_folder_without_jars_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no jar is found in the folder"):
        jars_in(tmp_path)
