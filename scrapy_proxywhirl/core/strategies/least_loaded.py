"""The less loaded of two proxies that are drawn."""

from __future__ import annotations

from collections.abc import Collection

from scrapy_proxywhirl.core.available import AvailableProxies
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.proxy_set import ProxySet
from scrapy_proxywhirl.core.strategies.drawing import DrawingStrategy

# The EMA, in milliseconds, that a proxy counts with which is being tried, or has but failed.
_UNKNOWN_EMA_MS = 1e6

# Keeps the weight of no load finite: a microsecond.
_LEAST_LOAD_MS = 0.001


class LeastLoadedStrategy(DrawingStrategy[AvailableProxies]):
    """
    Draws two proxies, and selects the one with less to do.

    Its load is what its attempts in flight and one more may take, ``ema * (1 + in-flight)``; a
    proxy of which nothing is known, and on which nothing is in flight, has none. The better of two
    is nearly as good as the best of all, and no proxy is crowded by all those who find it the best
    (M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001; Finagle's
    balancers choose so by a moving average of latencies).
    """

    draws_from = AvailableProxies
    goes_by_response_times = True

    def pick(self, pool: ProxySet, excluded: Collection[str], domain: str | None) -> Proxy | None:
        """Choose the less loaded of two."""
        one, other = self._available.of(pool).draw_two(excluded)
        if one is None or other is None:
            return one
        if pool.figures is None:  # as _load_ms() has it, without the calls
            one_ms, other_ms = one._average.ema_ms, other._average.ema_ms
            if one_ms is not None and other_ms is not None:
                one_ms *= 1 + one.requests_started - one.requests_completed
                other_ms *= 1 + other.requests_started - other.requests_completed
                return one if one_ms <= other_ms else other
        return one if _load_ms(one, pool) <= _load_ms(other, pool) else other

    def weigh(self, proxy: Proxy, pool: ProxySet) -> float:
        """Return the inverse of the load."""
        return 1.0 / max(_load_ms(proxy, pool), _LEAST_LOAD_MS)


def _load_ms(proxy: Proxy, pool: ProxySet) -> float:
    figures = pool.figures  # as ema_ms() has it, without the call
    ema = proxy._average.ema_ms if figures is None else figures.ema_ms(proxy)
    in_flight = proxy.requests_started - proxy.requests_completed
    if ema is None:
        ema = _UNKNOWN_EMA_MS if in_flight or proxy.consecutive_failures else 0.0
    return ema * (1 + in_flight)
