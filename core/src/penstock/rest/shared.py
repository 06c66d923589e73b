"""One answer for equal requests that wait at the same time."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["SharedAnswers"]

A = TypeVar("A")


class SharedAnswers(Generic[A]):
    """Makes an answer once for all who ask before its making begins. Owner: the event loop.

    Nobody gets what was made from a state older than their question: who asks while an answer is
    being made shares the next one. So at most two are under way for a question, however many ask.
    The questions are few: each is kept.
    """

    def __init__(self) -> None:
        """Nothing is asked yet."""
        self._next: dict[Hashable, asyncio.Task[A]] = {}
        self._turns: defaultdict[Hashable, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def get(self, question: Hashable, make: Callable[[], Awaitable[A]]) -> A:
        """Return the answer to a question; raises what ``make`` raises."""
        waiting = self._next.get(question)
        if waiting is None:
            waiting = self._next[question] = asyncio.ensure_future(self._made(question, make))
        # Who goes away must not take it from the others.
        return await asyncio.shield(waiting)

    async def _made(self, question: Hashable, make: Callable[[], Awaitable[A]]) -> A:
        async with self._turns[question]:
            del self._next[question]
            return await make()
