"""The config providers: what they find, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from penstock import providers
from penstock.api import ConfigProvider
from penstock.config import NoConfig
from penstock.errors import ConfigError
from penstock.providers import FILE_BYTES_MAX
from penstock.runtime.plugins import registry
from penstock.runtime.plugins.registry import PluginRegistry
from penstock.runtime.providers import reloads, resolved

JAVA = "org.apache.kafka.common.config.provider."


def opened(name: str, **config: str) -> Any:
    cls = registry().load("config_providers", JAVA + name)
    raw = {key.replace("_", "."): value for key, value in config.items()}
    provider = cls(cls.config_spec().parse(raw))
    provider.open()
    return provider


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "db.properties").write_text("user = joe\npassword=s3\\u00e9cret\n", "utf-8")
    (folder / "token").write_text("tok\n", "utf-8")
    (tmp_path / "other").write_text("not yours", "utf-8")
    return folder


def test_names_of_java_and_short_ones_are_the_same_classes() -> None:
    for short in ("File", "Directory", "EnvVar"):
        name = f"{short}ConfigProvider"
        assert registry().load("config_providers", short) is getattr(providers, name)
        assert registry().load("config_providers", JAVA + name) is getattr(providers, name)


def test_a_key_of_a_properties_file(secrets: Path) -> None:
    provider = opened("FileConfigProvider", allowed_paths=str(secrets))
    file = str(secrets / "db.properties")
    assert provider.lookup(file, "password") == "s3écret"
    assert provider.lookup(file, "user") == "joe"
    assert provider.lookup(file, "nothing") is None


def test_a_file_of_a_directory_keeps_its_text_as_it_is(secrets: Path) -> None:
    provider = opened("DirectoryConfigProvider", allowed_paths=str(secrets))
    assert provider.lookup(str(secrets), "token") == "tok\n"
    assert provider.lookup(str(secrets), "nothing") is None
    for name in ("../other", "..", ".", ""):
        with pytest.raises(ConfigError, match="is no name of a file"):
            provider.lookup(str(secrets), name)


@pytest.mark.parametrize("name", ["FileConfigProvider", "DirectoryConfigProvider"])
def test_paths_that_lead_out_are_refused(secrets: Path, name: str) -> None:
    provider = opened(name, allowed_paths=str(secrets))
    (secrets / "link").symlink_to(secrets.parent)
    for path in (f"{secrets}/../other", f"{secrets}/link/other", "/etc/passwd", ""):
        with pytest.raises(ConfigError, match=r"outside of allowed\.paths|names no path"):
            provider.lookup(path, "x")


def test_a_link_out_of_the_directory_is_refused(secrets: Path) -> None:
    (secrets / "escape").symlink_to(secrets.parent / "other")
    provider = opened("DirectoryConfigProvider", allowed_paths=str(secrets))
    with pytest.raises(ConfigError, match=r"outside of allowed\.paths"):
        provider.lookup(str(secrets), "escape")


def test_unreadable_files_are_told_without_their_content(secrets: Path) -> None:
    provider = opened("FileConfigProvider")
    (secrets / "big").write_bytes(b"x" * (FILE_BYTES_MAX + 1))
    (secrets / "broken").write_bytes(b"secret=\xff")
    for file, told in (("absent", "cannot read"), ("big", "larger"), ("broken", "not UTF-8")):
        with pytest.raises(ConfigError, match=told) as refused:
            provider.lookup(str(secrets / file), "secret")
        assert "secret=" not in str(refused.value)


def test_variables_by_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_TOKEN", "tok")
    monkeypatch.setenv("OTHER", "not yours")
    provider = opened("EnvVarConfigProvider", allowlist_pattern="APP_.*")
    assert provider.lookup("", "APP_TOKEN") == "tok"
    assert provider.lookup("", "OTHER") is None
    assert provider.lookup("", "APP_NONE") is None
    with pytest.raises(ConfigError, match="has no path"):
        provider.lookup("/x", "APP_TOKEN")
    assert opened("EnvVarConfigProvider").lookup("", "OTHER") == "not yours"


@pytest.mark.parametrize(
    ("name", "config", "told"),
    [
        ("FileConfigProvider", {"allowed_paths": "relative/path"}, "not absolute"),
        ("EnvVarConfigProvider", {"allowlist_pattern": "("}, "no regular expression"),
    ],
)
def test_wrong_configurations_are_refused(name: str, config: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        opened(name, **config)


def test_a_worker_resolves_references_of_all_three(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APP_TOKEN", "tok")
    worker = {
        "config.providers": "file,dir,env",
        "config.providers.file.class": f"{JAVA}FileConfigProvider",
        "config.providers.file.param.allowed.paths": str(secrets),
        "config.providers.dir.class": f"{JAVA}DirectoryConfigProvider",
        "config.providers.env.class": f"{JAVA}EnvVarConfigProvider",
    }
    raw = {
        "a": f"${{file:{secrets}/db.properties:user}}-${{env:APP_TOKEN}}",
        "b": f"${{dir:{secrets}:token}}",
        "c": f"${{file:{secrets}/db.properties:nothing}}",
    }
    found = resolved(raw, worker)
    assert (found["a"], found["b"], found["c"]) == ("joe-tok", "tok\n", raw["c"])
    with pytest.raises(ConfigError, match=r"x: .*outside of allowed\.paths"):
        resolved({"x": "${file:/etc/passwd:root}"}, worker)


class Leasing(ConfigProvider[NoConfig]):
    """Gives every value for as long as its path says."""

    def lookup(self, path: str, key: str) -> str | None:
        return f"{path}-{key}"

    def ttl_ms(self, path: str) -> Any:
        return {"": None, "never": -1, "wrong": "5"}.get(path) if not path.isdigit() else int(path)


def leased(monkeypatch: pytest.MonkeyPatch, *references: str) -> list[int]:
    """Return what is told of how long the values of these references live."""
    monkeypatch.setattr(PluginRegistry, "load", lambda *_: Leasing)
    worker = {"config.providers": "p", "config.providers.p.class": "Leasing"}
    told: list[int] = []
    raw = {f"key{number}": one for number, one in enumerate(references)}
    resolved(raw, worker, told.append)
    return told


def test_the_shortest_time_that_values_live_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert leased(monkeypatch, "${p:700:a} and ${p:500:b}", "${p:600:c}", "${p:never:d}") == [500]


@pytest.mark.parametrize("reference", ["${p:a}", "${p:never:a}", "${other:500:a}", "no reference"])
def test_values_without_a_time_tell_nothing(monkeypatch: Any, reference: str) -> None:
    assert leased(monkeypatch, reference) == []


def test_a_time_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"config provider p: ttl_ms .* got str"):
        leased(monkeypatch, "${p:wrong:a}")


def test_the_providers_of_files_know_no_time_as_in_the_original(secrets: Path) -> None:
    for name in ("FileConfigProvider", "DirectoryConfigProvider"):
        assert opened(name, allowed_paths=str(secrets)).ttl_ms(str(secrets)) is None


@pytest.mark.parametrize(
    ("config", "wanted"),
    [({}, True), ({"config.action.reload": " Restart "}, True)]
    + [({"config.action.reload": text}, False) for text in ("none", "NONE")],
)
def test_who_starts_anew(config: dict[str, str], wanted: bool) -> None:
    assert reloads(config) is wanted
