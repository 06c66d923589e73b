from __future__ import annotations

from pathlib import Path

import pytest

from penstock.errors import ConfigError
from penstock.runtime.embedded.address import Address, Durability, parse_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("embedded:log.db", Address(Path("log.db"))),
        (" embedded:/var/lib/a b.db ", Address(Path("/var/lib/a b.db"))),
        ("plain/path.db", Address(Path("plain/path.db"))),
        ("embedded:x?durability=process", Address(Path("x"), Durability.PROCESS)),
        ("embedded:x?retention.bytes=5&durability=power", Address(Path("x"), retention_bytes=5)),
        ("embedded:x?retention.bytes=-1", Address(Path("x"))),
        ("embedded:x?", Address(Path("x"))),
    ],
)
def test_address_is_read(text: str, expected: Address) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("embedded:", "names no file"),
        ("embedded:?durability=power", "names no file"),
        ("embedded:a\0b", "names no file"),
        ("embedded:x?durabilty=power", "did you mean 'durability'?"),
        ("embedded:x?durability=powr", "did you mean 'power'?"),
        ("embedded:x?durability=power&durability=power", "twice"),
        ("embedded:x?retention.bytes=1g", "write a number of bytes"),
        ("embedded:x?retention.bytes=²", "write a number of bytes"),
    ],
)
def test_wrong_address_is_refused_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_address(text)
    assert said in str(refused.value)
    assert refused.value.problems[0].key == "bootstrap.servers"


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_address("embedded:?a=1&durability=x&retention.bytes=y")
    assert len(refused.value.problems) == 4
