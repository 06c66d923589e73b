"""Secrets that a process knows are taken out of what it tells of failures."""

from __future__ import annotations

import gc
import io
import logging
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.config import Password
from penstock.runtime.host.failures import failure
from penstock.runtime.logs import setup_logging
from penstock.runtime.providers import resolved
from penstock.runtime.redaction import note_secret, without_secrets

FILE = "org.apache.kafka.common.config.provider.FileConfigProvider"


def fresh(end: str = "") -> str:
    return f"secret-{uuid.uuid4().hex}{end}"


def test_a_password_is_hidden_while_it_lives() -> None:
    text = fresh()
    password = Password(text)
    assert without_secrets(f"login {text}!") == "login [hidden]!"
    del password
    gc.collect()
    assert text in without_secrets(text)


def test_what_a_provider_gave_is_hidden_also_in_its_repr(tmp_path: Path) -> None:
    text = fresh("\\\\'")
    (tmp_path / "s.properties").write_text(f"word={text}\nshort=1\n")
    worker = {
        "config.providers": "file",
        "config.providers.file.class": FILE,
        "config.providers.file.param.allowed.paths": str(tmp_path),
    }
    path = tmp_path / "s.properties"
    given = resolved({"a": f"x${{file:{path}:word}}y", "b": f"${{file:{path}:short}}"}, worker)
    secret = given["a"][1:-1]
    told = without_secrets(f"{secret} {secret!r} 1 {{'a': {given['a']!r}}}")
    assert secret not in told
    assert repr(secret)[1:-1] not in told
    assert " 1 " in told  # too short to be hidden: it would be found everywhere


def test_a_longer_secret_goes_first() -> None:
    short = fresh()
    note_secret(short)
    note_secret(short + "-more")
    assert without_secrets(f"{short}-more {short}") == "[hidden] [hidden]"


def test_a_failure_that_quotes_a_secret_tells_all_but_it() -> None:
    text = fresh()
    password = Password(text)
    try:
        try:
            raise ValueError(f"inner {password.value}")
        except ValueError as inner:
            raise RuntimeError(f"outer {password.value}") from inner
    except RuntimeError as problem:
        told = failure(problem)
    assert text not in told.reason + told.trace
    assert "outer [hidden]" in told.reason
    assert "inner [hidden]" in told.trace


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    out = io.StringIO()
    yield out
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("style", ["plain", "json"])
def test_a_log_line_that_quotes_a_secret_tells_all_but_it(lines: io.StringIO, style: str) -> None:
    password = Password(fresh())
    setup_logging({"log.format": style}, stream=lines)
    log = logging.getLogger("a.plugin")
    try:
        raise ValueError(f"inner {password.value}")
    except ValueError:
        log.exception("cannot log in with %s", password.value, extra={"also": password.value})
    assert password.value not in lines.getvalue()
    assert "cannot log in with [hidden]" in lines.getvalue()
    assert "inner [hidden]" in lines.getvalue()
