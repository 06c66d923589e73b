r"""PEM texts as property files hold them: blocks on lines, on one line, or with ``\n`` written out.

Pure. (source: DefaultSslEngineFactory.PemStore)
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Final

__all__ = ["blocks_of", "normal_pem", "pem_block"]

_BEGIN: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_LINE: Final = 64


def blocks_of(text: str) -> Iterator[tuple[str, str]]:
    """Yield label and body of each PEM block, in one pass over the text."""
    at = 0
    while (match := _BEGIN.search(text, at)) is not None:
        end = f"-----END {match[1]}-----"
        stop = text.find(end, match.end())
        if stop < 0:
            return
        yield match[1], text[match.end() : stop]
        at = stop + len(end)


def normal_pem(text: str) -> list[tuple[str, str]]:
    """Return label and whole text of each block, on lines as OpenSSL wants them.

    Empty when there is no block, or one whose body is no base64.
    """
    found = []
    for label, body in blocks_of(text.replace("\\n", "\n")):
        packed = "".join(body.split())
        if not _BASE64.fullmatch(packed):
            # A key in OpenSSL's old form has headers, which must stay on their lines.
            if "Proc-Type:" not in body:
                return []
            found.append((label, f"-----BEGIN {label}-----{body}-----END {label}-----\n"))
            continue
        lines = [packed[at : at + _LINE] for at in range(0, len(packed), _LINE)]
        whole = "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----\n"])
        found.append((label, whole))
    return found


def pem_block(label: str, der: bytes) -> str:
    """Return DER bytes as one PEM block."""
    (found,) = normal_pem(
        f"-----BEGIN {label}-----{base64.b64encode(der).decode()}-----END {label}-----"
    )
    return found[1]
