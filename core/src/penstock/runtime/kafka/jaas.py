r"""A parser for ``sasl.jaas.config``: one login module, its control flag and its options.

The grammar is the one that the original reads with ``java.io.StreamTokenizer`` in
``org.apache.kafka.common.security.JaasConfig``::

    Module (required|requisite|sufficient|optional) (name=value)* ;

A value is a word or stands in single or double quotes, with ``\``-escapes; ``//``, ``/* */`` and
``/`` start comments. Stricter in two points: a quote must end on its line, and a number that
is not quoted is refused with a hint instead of being lost. No message holds any of the text but
the place: a password may stand anywhere in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs

from penstock.errors import ConfigError, Problem

__all__ = ["JAAS_KEY", "JaasEntry", "parse_jaas"]

JAAS_KEY: Final = "sasl.jaas.config"
JAAS_LENGTH_MAX: Final = 64 * 1024
"""Characters; far above any real entry, so that parsing has a bound."""
_FLAGS: Final = frozenset({"required", "requisite", "sufficient", "optional"})
_ESCAPES: Final = {
    "a": "\x07", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
}  # fmt: skip
_TOKEN: Final = re.compile(
    r"""(?P<space>[\x00-\x20]+|//[^\r\n]*|/\*.*?\*/|/(?!\*)[^\r\n]*)
      | (?P<quoted>"(?:[^"\\\r\n]|\\[^\r\n])*"|'(?:[^'\\\r\n]|\\[^\r\n])*')
      | (?P<word>[A-Za-z_$\xa0-\U0010ffff][A-Za-z0-9_$.\-\xa0-\U0010ffff]*)
      | (?P<number>[0-9.\-][A-Za-z0-9_$.\-\xa0-\U0010ffff]*)
      | (?P<mark>[=;])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE: Final = re.compile(r"\\([0-3][0-7]{0,2}|[4-7][0-7]?|.)")


@attrs.frozen
class JaasEntry:
    """One login module entry.

    Attributes:
        module: the class name of the login module, as written.
        flag: the control flag in lower case.
        options: the options; hidden from ``repr``, as passwords are among them.
    """

    module: str
    flag: str
    options: Mapping[str, str] = attrs.field(repr=False)


@attrs.frozen
class _Token:
    kind: str
    text: str = attrs.field(repr=False)
    place: int


def parse_jaas(text: str) -> JaasEntry:
    """Parse the value of ``sasl.jaas.config``.

    Args:
        text: one entry; at most 65536 characters.

    Raises:
        ConfigError: it is not exactly one well-formed entry; the message holds none of the text.
    """
    if len(text) > JAAS_LENGTH_MAX:
        raise _error(f"is longer than {JAAS_LENGTH_MAX} characters")
    tokens = _tokens(text)
    if not tokens:
        raise _error("names no login module")
    ends = [at for at, token in enumerate(tokens) if (token.kind, token.text) == ("mark", ";")]
    if not ends or ends[-1] != len(tokens) - 1:
        raise _error("does not end with a semicolon")
    if len(ends) > 1:
        raise _error(f"holds {len(ends)} login modules, but must hold one")
    return _entry(tokens[:-1])


def _entry(tokens: list[_Token]) -> JaasEntry:
    if not tokens or tokens[0].kind not in {"word", "quoted"}:
        raise _error("does not start with the class name of a login module")
    if len(tokens) == 1 or tokens[1].text.lower() not in _FLAGS:
        raise _error("has no control flag behind the login module: write 'required' there")
    options: dict[str, str] = {}
    rest = tokens[2:]
    for at in range(0, len(rest), 3):
        name, *more = rest[at : at + 3]
        if name.kind not in {"word", "quoted"}:
            raise _error(f"has no option name at character {name.place}")
        if len(more) < 2 or (more[0].kind, more[0].text) != ("mark", "="):  # noqa: PLR2004
            raise _error(f"has an option without '=' and value at character {name.place}")
        value = more[1]
        if value.kind == "number":
            raise _error(f"has a value that needs quotes at character {value.place}")
        if value.kind == "mark":
            raise _error(f"has an option without a value at character {name.place}")
        options[name.text] = value.text
    return JaasEntry(tokens[0].text, tokens[1].text.lower(), options)


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            what = "an open quote" if text[at] in "\"'" else "an unexpected character"
            raise _error(f"has {what} at character {at + 1}")
        kind = str(match.lastgroup)
        if kind != "space":
            found = match.group()
            tokens.append(_Token(kind, _unquoted(found) if kind == "quoted" else found, at + 1))
        at = match.end()
    return tokens


def _unquoted(text: str) -> str:
    """Return what stands between the quotes, with Java's escapes resolved."""
    return _ESCAPE.sub(lambda match: _unescaped(match.group(1)), text[1:-1])


def _unescaped(escape: str) -> str:
    if escape[0] in "01234567":
        return chr(int(escape, 8))
    return _ESCAPES.get(escape, escape)


def _error(fault: str) -> ConfigError:
    shape = 'write: <login module class> required <name>="<value>" ... ;'
    return ConfigError(Problem(JAAS_KEY, f"'{JAAS_KEY}' {fault}; {shape}"))
