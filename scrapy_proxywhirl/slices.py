"""Work that is long, done a little at a time while a crawl goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter

from scrapy.utils.asyncio import call_later
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.defer import Deferred

# In seconds: what the crawl waits for at most, as long as no single step takes longer.
_SLICE = 0.002


async def in_slices(steps: Iterator[None], goes_on: Callable[[], bool]) -> bool:
    """
    Take all *steps*, and let the crawl go on whenever they have taken 2 ms.

    Args:
        steps: Does the work.
        goes_on: Asked between slices whether it is still wanted.

    Returns:
        Whether it was done to its end.
    """
    began = perf_counter()
    for _ in steps:
        if perf_counter() - began > _SLICE:
            await pause(0)
            if not goes_on():
                return False
            began = perf_counter()
    return True


async def pause(seconds: float) -> None:
    """Let the crawl go on meanwhile, on whatever event loop it runs."""
    over: Deferred[None] = Deferred()
    call_later(seconds, over.callback, None)
    await maybe_deferred_to_future(over)
