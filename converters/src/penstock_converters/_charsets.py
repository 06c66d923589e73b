"""Charsets by their Java names, with Java's replacement of what does not fit.

(source: ``String.getBytes(charset)`` and ``new String(bytes, charset)``)
"""

from __future__ import annotations

import codecs
import re
from typing import Final

import attrs

__all__ = ["UTF8", "Charset"]

# Codecs of Python that are no charsets of Java: transformations, escapes, platform things.
_NOT_CHARSETS: Final = frozenset(
    {
        *("charmap", "idna", "mbcs", "oem", "palmos", "punycode", "raw-unicode-escape"),
        *("undefined", "unicode-escape", "utf-7", "utf-8-sig"),
    }
)
_SURROGATE_UTF8: Final = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]?")
_UTF8_ERRORS: Final = "penstock.java-utf-8"
_LITTLE_BOMS: Final = {"utf-16": codecs.BOM_UTF16_LE, "utf-32": codecs.BOM_UTF32_LE}
_BIG_BOMS: Final = {"utf-16": codecs.BOM_UTF16_BE, "utf-32": codecs.BOM_UTF32_BE}


def _replace_as_java(problem: UnicodeError) -> tuple[str, int]:
    """Replace as Java does: a surrogate in three bytes is one character, not three."""
    if not isinstance(problem, UnicodeDecodeError):  # pragma: no cover - registered for decoding
        raise problem
    surrogate = _SURROGATE_UTF8.match(problem.object, problem.start)
    if surrogate is not None:
        return "\ufffd", surrogate.end()
    return "\ufffd", problem.end


codecs.register_error(_UTF8_ERRORS, _replace_as_java)


@attrs.frozen
class Charset:
    """One charset: encodes and decodes without ever failing."""

    name: str

    @classmethod
    def find(cls, name: str) -> Charset | None:
        """Return the charset of a Java name or alias, or None when there is none."""
        try:
            found = codecs.lookup(name)
            # Only text encodings pass; this one knows no other way to ask.
            "".encode(name)
        except (LookupError, ValueError):
            return None
        plain = found.name.replace("_", "-")
        return None if plain in _NOT_CHARSETS else cls(plain)

    @property
    def is_utf8(self) -> bool:
        """Whether bytes in this charset are UTF-8."""
        return self.name == "utf-8"

    def encode(self, text: str) -> bytes:
        """Return the bytes of a text; ``?`` stands for what the charset does not have."""
        if self.name in _BIG_BOMS:
            # Java writes the big-endian form, with a mark for UTF-16 only.
            mark = codecs.BOM_UTF16_BE if self.name == "utf-16" and text else b""
            return mark + text.encode(f"{self.name}-be", "replace")
        return text.encode(self.name, "replace")

    def decode(self, data: bytes) -> str:
        """Return the text of bytes; U+FFFD stands for what is malformed."""
        if self.is_utf8:
            return data.decode("utf-8", _UTF8_ERRORS)
        if self.name in _BIG_BOMS:
            if data.startswith(_LITTLE_BOMS[self.name]):
                little = data[len(_LITTLE_BOMS[self.name]) :]
                return little.decode(f"{self.name}-le", "replace")
            big = data.removeprefix(_BIG_BOMS[self.name])
            return big.decode(f"{self.name}-be", "replace")
        return data.decode(self.name, "replace")


UTF8: Final = Charset("utf-8")
