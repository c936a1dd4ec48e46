"""How much a proxy is used at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import TYPE_CHECKING

from scrapy_proxywhirl.core.wanted import is_worth_waiting_for

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.proxy import Proxy
    from scrapy_proxywhirl.core.wanted import Wanted


class PoolLimits:
    """
    How much each proxy of a pool is used at a time.

    One that has as many attempts in flight as it may, or on which the last one began less than a
    delay ago, is busy, and not selected until it is free again.

    Each operation takes constant time, those on a delay logarithmic time. Not thread-safe: it is
    called with the pool's lock held.

    Args:
        concurrency: The most attempts in flight on one proxy; 0 for any number.
        delay: The least time between two attempts on one proxy, in seconds; 0 for none.
        clock: Gives the time in seconds.

    Raises:
        ValueError: *concurrency* or *delay* is negative, or *delay* infinite.
    """

    def __init__(self, concurrency: int, delay: float, clock: Callable[[], float]) -> None:
        if concurrency < 0 or not 0.0 <= delay < inf:
            raise ValueError(
                f"concurrency is {concurrency!r} and delay {delay!r}; they must be at least 0, the"
                " second a finite number"
            )
        self._concurrency = concurrency
        self._delay = delay
        self._clock = clock
        self._busy: dict[str, Proxy] = {}
        self._free_again: dict[str, float] = {}  # when the delay of a proxy is over
        self._due: list[tuple[float, int, Proxy]] = []
        self._order = count()

    def started(self, proxy: Proxy) -> None:
        """Note an attempt through *proxy*."""
        if self._delay:
            due = self._clock() + self._delay
            self._free_again[proxy.id] = due
            heappush(self._due, (due, next(self._order), proxy))
        self._look_at(proxy)

    def ended(self, proxy: Proxy) -> None:
        """Note that an attempt through *proxy* is over."""
        if proxy.id in self._busy:
            self._look_at(proxy)

    def wake(self) -> None:
        """Let go of those whose delay is over."""
        if not self._due:
            return
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            due, _, proxy = heappop(self._due)
            if self._free_again.get(proxy.id) == due:
                del self._free_again[proxy.id]
                self._look_at(proxy)

    def next_free(self) -> float:
        """Return in how many seconds the next delay is over; infinity where there is none."""
        return self._due[0][0] - self._clock() if self._due else inf

    def has_busy(self, resting: Collection[str], wanted: Wanted | None = None) -> bool:
        """
        Tell whether a proxy is but busy: it neither rests nor is one of *resting*.

        Args:
            resting: Ids of proxies that do not count.
            wanted: What else one has to be; None for any.
        """
        return any(is_worth_waiting_for(proxy, resting, wanted) for proxy in self._busy.values())

    def forget(self, proxy: Proxy) -> None:
        """Know nothing of *proxy* any more: it has left the pool."""
        self._busy.pop(proxy.id, None)
        self._free_again.pop(proxy.id, None)
        proxy._be_busy(False)

    def _look_at(self, proxy: Proxy) -> None:
        is_busy = proxy.id in self._free_again or 0 < self._concurrency <= proxy.requests_active
        if is_busy:
            self._busy[proxy.id] = proxy
        else:
            self._busy.pop(proxy.id, None)
        proxy._be_busy(is_busy)
