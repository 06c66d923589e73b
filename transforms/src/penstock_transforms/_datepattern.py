"""The patterns of ``java.text.SimpleDateFormat``, cut into fields and texts. Pure."""

from __future__ import annotations

from itertools import groupby
from typing import Final

import attrs

__all__ = ["LETTERS", "Field", "Literal", "Piece", "pieces_of"]

LETTERS: Final = "GyYMLwWDdFEuaHkKhmsSzZX"
_ZONE_WIDTH_MAX: Final = 3


@attrs.frozen
class Literal:
    """Text that stands for itself."""

    text: str


@attrs.frozen
class Field:
    """A letter and how often it was written."""

    letter: str
    width: int


Piece = Literal | Field


def pieces_of(pattern: str) -> list[Piece]:
    """Return the pieces of a pattern, neighbouring texts joined.

    Raises:
        ValueError: a letter has no meaning, or a quote is not closed.
    """
    found: list[Piece] = []
    # Between quotes stands text, and an empty pair is a quote itself, inside as well as outside.
    parts = pattern.replace("''", "\0").split("'")
    if len(parts) % 2 == 0:
        raise ValueError("Unterminated quote")
    for i, part in enumerate(parts):
        if i % 2:
            found.append(Literal(part.replace("\0", "'")))
        else:
            found += _unquoted(part)
    return _joined(found)


def _unquoted(part: str) -> list[Piece]:
    found: list[Piece] = []
    for letter, run in groupby(part):
        width = len(list(run))
        if not (letter.isascii() and letter.isalpha()):
            found.append(Literal(letter.replace("\0", "'") * width))
            continue
        if letter not in LETTERS:
            raise ValueError(f"Illegal pattern character '{letter}'")
        if letter == "X" and width > _ZONE_WIDTH_MAX:
            raise ValueError(f"invalid ISO 8601 format: length={width}")
        found.append(Field(letter, width))
    return found


def _joined(pieces: list[Piece]) -> list[Piece]:
    found: list[Piece] = []
    for is_text, run in groupby(pieces, lambda piece: isinstance(piece, Literal)):
        if not is_text:
            found += run
            continue
        text = "".join(piece.text for piece in run if isinstance(piece, Literal))
        if text:
            found.append(Literal(text))
    return found
