"""DropHeaders: remove headers by their keys (source: DropHeaders)."""

from __future__ import annotations

from typing import TypeVar

from penstock.api import Batch, Record, Transform
from penstock.config import config, key
from penstock.data import Headers, Repeat

__all__ = ["DropHeaders"]

R = TypeVar("R", bound=Record)


@config
class DropHeadersConfig:
    """Keys of DropHeaders."""

    headers: list[str] = key(
        importance="high",
        non_empty=True,
        doc="Keys of the headers to remove; each header of such a key is.",
    )


class DropHeaders(Transform[DropHeadersConfig]):
    """Removes headers."""

    def open(self) -> None:
        """Prepare the keys."""
        self._keys = frozenset(self.config.headers)

    def _kept(self, headers: Headers) -> Headers:
        keys = self._keys
        kept = [header for header in headers if header.key not in keys]
        return headers if len(kept) == len(headers) else Headers(kept)

    def apply(self, record: R) -> R:
        """Change one record's headers."""
        return record.with_headers(self._kept(record.headers))

    def apply_batch(self, batch: Batch) -> Batch:
        """Change all headers; rows without any cost nothing."""
        headers = batch.headers
        kept = self._kept
        if isinstance(headers, Repeat):
            return batch.with_headers(Repeat(kept(headers.value), len(headers)))
        return batch.with_headers([kept(one) if one else one for one in headers])
