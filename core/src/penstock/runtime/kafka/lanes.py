"""Which rows are acknowledged, known by counting instead of by a callback a row. Pure.

librdkafka reports a delivery by a callback a message; in Python that callback costs as much as the
sending. It also tells, for next to nothing, how many messages are still undelivered, and (told
``delivery.report.only.error``) calls back for failures alone. From those two alone follows what is
safe: rows of one topic partition are acknowledged in send order, so if ``outstanding`` messages of
all lanes are undelivered, at most the last ``outstanding`` ones of any one lane are; what was sent
before those is acknowledged. Where the partition of a row is not known (the client hashes keys
over several partitions) there is no order to argue with, and rows are known to be acknowledged
whenever nothing at all is outstanding.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import attrs

from penstock.runtime.broker import Delivery

__all__ = ["Lane", "Span", "settled"]


@attrs.define(eq=False)
class Span:
    """Rows ``start`` to ``stop - 1`` of a token; ``end`` is the lane's count after them."""

    token: int
    start: int
    stop: int
    end: int
    size: int
    failed: bool = False


@attrs.define(eq=False)
class Lane:
    """The rows sent to one destination, oldest first. ``ordered``: to one known partition."""

    ordered: bool
    count: int = 0
    spans: deque[Span] = attrs.field(factory=deque)

    def submit(self, token: int, start: int, stop: int, size: int) -> Span:
        """Note rows that the client took; ``size`` is their bytes."""
        self.count += stop - start
        span = Span(token, start, stop, self.count, size)
        self.spans.append(span)
        return span

    def settle(self, outstanding: int) -> Iterator[Span]:
        """Yield and forget the spans that are delivered given what is outstanding in all lanes."""
        spans = self.spans
        if outstanding == 0:
            yield from spans
            spans.clear()
        elif self.ordered:
            safe = self.count - outstanding
            while spans and spans[0].end <= safe:
                yield spans.popleft()


def settled(span: Span) -> Delivery | None:
    """Return the good news of a span, or None when its failure was reported already."""
    return None if span.failed else Delivery(span.token, span.start, span.stop)
