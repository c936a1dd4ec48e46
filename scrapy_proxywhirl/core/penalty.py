"""What a failed attempt costs."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.indexed_set import IndexedSet
    from scrapy_proxywhirl.core.proxy import Proxy

DEFAULT_FAILURE_PENALTY = 4.0

# The median response time of a pool is exact up to this many proxies that have answered. Of more,
# so many are looked at, evenly spread: the rank is then off by 0.5 / sqrt(32), 9%, in one standard
# deviation.
_MEDIAN_SAMPLE = 32


def charge_for_failure(
    ema_ms: float | None,
    cost_ms: float,
    failure_penalty: float,
    answered: IndexedSet[Proxy] | None,
) -> float | None:
    """
    Return what a failure is charged, in milliseconds: never less than the EMA.

    How quickly an attempt failed says nothing of its proxy, so that it is charged by what others
    take: ``max(ema, failure_penalty * median, cost)``.

    Args:
        ema_ms: The proxy's EMA; None without one.
        cost_ms: What the failure is known to have cost, as the time-out that it ran into; else 0.
        failure_penalty: In medians of what the pool's proxies last took to answer.
        answered: The proxies of the pool that have answered; None without a pool.

    Returns:
        The charge; None where nothing is known to measure it by.
    """
    # Of what the proxies last took to answer, and not of their EMAs: those hold penalties, and a
    # penalty that is measured by penalties grows without end where a quarter of all attempts fail.
    if not answered:
        return None if ema_ms is None else max(ema_ms, cost_ms)
    proxies = answered.items
    step = (len(proxies) - 1) // _MEDIAN_SAMPLE + 1
    reference = median(proxy.last_response_time_ms or 0.0 for proxy in proxies[::step])
    return max(ema_ms or 0.0, cost_ms, failure_penalty * reference)
