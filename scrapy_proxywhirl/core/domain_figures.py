"""What proxies have shown to one domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_proxywhirl.core.average import Move, MovingAverage
from scrapy_proxywhirl.core.indexed_set import IndexedSet

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.paces import Paces
    from scrapy_proxywhirl.core.proxy import Proxy


class Pair:
    """
    What one proxy has shown to one domain.

    Attributes:
        requests_started: Attempts at the domain's pages that the proxy was selected for.
        requests_completed: Those that have ended.
        last_response_time_ms: Of the last success, in milliseconds; None before the first.
    """

    __slots__ = ("_average", "last_response_time_ms", "requests_completed", "requests_started")

    def __init__(self) -> None:
        self.requests_started = 0
        self.requests_completed = 0
        self.last_response_time_ms: float | None = None
        self._average = MovingAverage()

    @property
    def requests_active(self) -> int:
        """Attempts in flight."""
        return self.requests_started - self.requests_completed


class DomainFigures:
    """
    What proxies have shown to one domain, and what they may be expected to show.

    Not thread-safe: it is called with the pool's lock held.

    Args:
        domain: Which; None for none in particular.
        paces: What is known of the proxies elsewhere.

    Attributes:
        pairs: By proxy, of those that have been selected for the domain.
        answered: Those of them that have answered.
    """

    __slots__ = ("_domain", "_paces", "answered", "pairs")

    def __init__(self, domain: str | None, paces: Paces) -> None:
        self._domain = domain
        self._paces = paces
        self.pairs: dict[Proxy, Pair] = {}
        self.answered: IndexedSet[Pair] = IndexedSet()

    def ema_ms(self, proxy: Proxy) -> float | None:
        """
        Return what the domain's pages take by *proxy*, in milliseconds.

        That is a moving average where it was measured, and else what the proxy's pace makes of the
        domain's level; where it has no pace, its EMA over all domains.
        """
        pair = self.pairs.get(proxy)
        if pair is not None:
            ema_ms = pair._average.ema_ms
            if ema_ms is not None:
                return ema_ms
        expected_ms = self._paces.expected_ms(proxy, self._domain)
        return proxy._average.ema_ms if expected_ms is None else expected_ms

    def record(self, proxy: Proxy) -> Pair:
        """Return what *proxy* has shown to the domain, a blank sheet where that is nothing."""
        return self.pairs.get(proxy) or Pair()

    def started(self, proxy: Proxy) -> None:
        """Note an attempt."""
        self._pair(proxy).requests_started += 1

    def ended(self, proxy: Proxy) -> None:
        """Note that an attempt is over."""
        pair = self._pair(proxy)
        pair.requests_completed += 1
        pair.requests_started = max(pair.requests_started, pair.requests_completed)

    def take_in(
        self, proxy: Proxy, response_time_ms: float, alpha: float, may_restart: bool
    ) -> None:
        """Learn from a response: see :meth:`Proxy.complete_request`."""
        pair = self._pair(proxy)
        if may_restart:
            pair._average.doubt(response_time_ms, alpha)
        pair._average.take_in(response_time_ms, alpha)
        if pair.last_response_time_ms is None:
            self.answered.add(pair)
        pair.last_response_time_ms = response_time_ms

    def charge(self, proxy: Proxy, charge_ms: float, alpha: float) -> tuple[MovingAverage, Move]:
        """Move what is known of *proxy* by what a failure is charged; return what that did."""
        average = self._pair(proxy)._average
        if average.ema_ms is None:
            average.replace(self.ema_ms(proxy))
            average.is_stale = average.ema_ms is not None
        return average, average.charge(charge_ms, alpha)

    def forget(self, proxy: Proxy) -> None:
        """Know nothing of *proxy* any more."""
        pair = self.pairs.pop(proxy, None)
        if pair is not None:
            self.answered.discard(pair)

    def _pair(self, proxy: Proxy) -> Pair:
        pair = self.pairs.get(proxy)
        if pair is None:
            pair = self.pairs[proxy] = Pair()
        return pair
