"""Equal questions share an answer, and none gets one that is older than itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from penstock.rest.shared import SharedAnswers


async def _who_asks_while_one_is_made_shares_the_next() -> None:
    answers = SharedAnswers[int]()
    made: list[asyncio.Future[int]] = []

    async def make() -> int:
        made.append(asyncio.get_running_loop().create_future())
        return await made[-1]

    async def settled() -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    first = [asyncio.create_task(answers.get("q", make)) for _ in range(3)]
    await settled()
    late = [asyncio.create_task(answers.get("q", make)) for _ in range(4)]
    other = asyncio.create_task(answers.get("other", make))
    await settled()
    assert len(made) == 2, "one for the first three, one for the other question"
    made[0].set_result(1)
    await settled()
    assert len(made) == 3, "all late ones share one"
    made[1].set_result(7)
    made[2].set_result(2)
    assert await asyncio.gather(*first) == [1, 1, 1]
    assert await asyncio.gather(*late) == [2, 2, 2, 2]
    assert await other == 7


async def _a_failure_is_everybodys_and_is_not_kept() -> None:
    answers = SharedAnswers[int]()

    async def fail() -> int:
        raise LookupError("nothing there")

    found = await asyncio.gather(
        *(answers.get("q", fail) for _ in range(2)), return_exceptions=True
    )
    assert [type(one) for one in found] == [LookupError, LookupError]

    async def make() -> int:
        return 3

    assert await answers.get("q", make) == 3


async def _who_goes_away_does_not_take_the_answer_along() -> None:
    answers = SharedAnswers[int]()
    gate = asyncio.Event()

    async def make() -> int:
        await gate.wait()
        return 5

    going = asyncio.create_task(answers.get("q", make))
    staying = asyncio.create_task(answers.get("q", make))
    await asyncio.sleep(0)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    gate.set()
    assert await staying == 5


@pytest.mark.parametrize(
    "story",
    [
        _who_asks_while_one_is_made_shares_the_next,
        _a_failure_is_everybodys_and_is_not_kept,
        _who_goes_away_does_not_take_the_answer_along,
    ],
)
def test_shared_answers(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(story())
