"""What goes into the stats collector."""

from __future__ import annotations

from heapq import nlargest
from typing import TYPE_CHECKING

from scrapy_proxywhirl.outcomes import Outcome, Verdict
from scrapy_proxywhirl.summary import state_of, table

if TYPE_CHECKING:
    from scrapy.statscollectors import StatsCollector

    from scrapy_proxywhirl.core import Proxy, ProxyPool

_TOTALS = {
    Outcome.SUCCESS: "proxywhirl/successes",
    Outcome.BAN: "proxywhirl/bans",
    Outcome.FAILURE: "proxywhirl/failures",
    Outcome.NEUTRAL: "proxywhirl/neutral",
}


# What is written of a proxy.
_FIGURES = (
    "attempts",
    "successes",
    "bans",
    "failures",
    "ema_ms",
    "bytes",
    "bytes_down",
    "bytes_up",
    "cost",
    "share",
    "state",
)

# Of so many proxies all figures are written each time: it takes the crawl 0.02 ms for each.
_FEW = 500


class CrawlStats:
    """
    What goes into the stats collector.

    Totals are written as they happen. A call of the collector costs as much as choosing a proxy, so
    that the figures of single proxies are written by :meth:`flush`, now and then, and only of those
    that were used most.

    Args:
        collector: Scrapy's.
        pool: The proxies.
        most: How many of them get figures of their own.
    """

    def __init__(self, collector: StatsCollector, pool: ProxyPool, most: int) -> None:
        self._collector = collector
        self._count = collector.inc_value  # Scrapy's take their time to look it up
        self._pool = pool
        self._most = most
        self._cost = 0.0
        self._response_time_ms = 0.0
        self._measured = 0
        self._known: set[Proxy] = set()
        self._used: set[Proxy] = set()
        self._written: set[Proxy] = set()
        self._touched: set[Proxy] = set()
        pool.watch_members(self)

    def added(self, proxy: Proxy) -> None:
        """Take note of a proxy that joined the pool."""
        if proxy.ema_response_time_ms is not None:
            self._known.add(proxy)

    def learned(self, proxy: Proxy) -> None:
        """Take note that something may be known of a proxy now."""
        if proxy.ema_response_time_ms is not None and proxy in self._pool:
            self._known.add(proxy)

    def removed(self, proxy: Proxy) -> None:
        """Take note of a proxy that left."""
        self._known.discard(proxy)

    @property
    def attempts(self) -> int:
        """How many there were."""
        count: int = self._collector.get_value("proxywhirl/attempts", 0)
        return count

    def started(self, proxy: Proxy) -> None:
        """Count an attempt."""
        self._count("proxywhirl/attempts")
        self._touched.add(proxy)

    def ended(self, proxy: Proxy, verdict: Verdict) -> None:
        """Count what an attempt came to."""
        total = _TOTALS[verdict.outcome]
        self._count(total)
        if verdict.reason:
            self._count(f"{total}/{verdict.reason}")
        self._touched.add(proxy)

    def spent(self, cost: float) -> None:
        """Note what the crawl has cost so far."""
        self._cost = cost

    def measured(self, response_time_ms: float) -> None:
        """Take a success's response time into the mean."""
        self._response_time_ms += response_time_ms
        self._measured += 1

    def retried(self) -> None:
        """Count a page that is sent again through another proxy."""
        self._count("proxywhirl/retries")

    def retries_exhausted(self) -> None:
        """Count a page that has had its retries."""
        self._count("proxywhirl/retries_exhausted")

    def waiting(self) -> None:
        """Count a page that waits for a proxy."""
        self._count("proxywhirl/waits")

    def blamed(self) -> None:
        """Count a page that proxies failed which otherwise work."""
        self._count("proxywhirl/pages_at_fault")

    def left_alone(self) -> None:
        """Count a request that goes around the pool."""
        self._count("proxywhirl/left_alone")

    def went_direct(self) -> None:
        """Count a request that was sent without a proxy, as the user wants it."""
        self._count("proxywhirl/direct")

    def no_robots_txt(self) -> None:
        """Count a /robots.txt that could not be had."""
        self._count("proxywhirl/robotstxt_unavailable")

    def unmatched(self) -> None:
        """Count a request for which the pool has no proxy that is what it wants."""
        self._count("proxywhirl/unmatched")

    def fell_back(self) -> None:
        """Count a request that was sent through a proxy that is not what it wants."""
        self._count("proxywhirl/fallbacks")

    def no_proxy(self) -> None:
        """Count a request that was not sent since there was no proxy."""
        self._count("proxywhirl/empty")

    def flush(self, is_last: bool = True) -> None:
        """
        Write the figures that are not written as they happen.

        Args:
            is_last: Whether somebody may read them now. Otherwise, where many proxies have
                figures, only those are brought up to date that were used since.
        """
        self._collector.set_value("proxywhirl/proxies/total", len(self._pool))
        self._collector.set_value("proxywhirl/proxies/known", self._count_known())
        cooldowns = self._pool.cooldowns
        cooling = len(cooldowns.everywhere.barred) if cooldowns is not None else 0
        self._collector.set_value("proxywhirl/proxies/cooling", cooling)
        if self._cost:
            self._collector.set_value("proxywhirl/cost", round(self._cost, 6))
        if self._measured:
            mean = self._response_time_ms / self._measured
            self._collector.set_value("proxywhirl/mean_ms", round(mean, 1))
        # Counts only grow, so that a proxy which was not among the most used comes among them only
        # when it is used.
        candidates = self._written | self._touched
        most_used = set(nlargest(self._most, candidates, key=lambda proxy: proxy.requests_started))
        self._remove(self._written - most_used)
        total = self.attempts
        if is_last or len(most_used) <= _FEW:
            to_write = most_used
        else:
            to_write = {
                one for one in most_used if one in self._touched or one not in self._written
            }
        for proxy in to_write:
            self._write(proxy, total)
        self._written = most_used
        self._used |= self._touched
        self._touched.clear()

    def summary(self) -> str:
        """Return the totals in a line, and some proxies in a table, as they stand when flushed."""
        mean = self._collector.get_value("proxywhirl/mean_ms")
        totals = ", ".join(
            f"{self._collector.get_value(name, 0)} {name.rpartition('/')[2]}"
            for name in ("proxywhirl/attempts", *_TOTALS.values())
        )
        line = f"Crawled through {len(self._used)} of {len(self._pool)} proxies: {totals}"
        if mean is not None:
            line += f"; mean response time {mean} ms"
        return "\n".join(filter(None, (line, table(self._used))))

    def _count_known(self) -> int:
        for proxy in self._touched:
            self.learned(proxy)
        return len(self._known)

    def _write(self, proxy: Proxy, total: int) -> None:
        prefix = _prefix(proxy)
        ema = proxy.ema_response_time_ms
        figures = (
            proxy.requests_started,
            proxy.total_successes,
            proxy.total_bans,
            proxy.total_failures,
            None if ema is None else round(ema, 1),
            proxy.bytes_down + proxy.bytes_up,
            proxy.bytes_down,
            proxy.bytes_up,
            round(proxy.spent, 6) or None,
            round(proxy.requests_started / total, 4) if total else 0.0,
            state_of(proxy),
        )
        for name, value in zip(_FIGURES, figures, strict=True):
            if value is not None:
                self._collector.set_value(prefix + name, value)

    def _remove(self, proxies: set[Proxy]) -> None:
        if not proxies:
            return
        stats = self._collector.get_stats()
        for proxy in proxies:
            prefix = _prefix(proxy)
            for name in _FIGURES:
                stats.pop(prefix + name, None)
        self._collector.set_stats(stats)  # where what we got was a copy


def _prefix(proxy: Proxy) -> str:
    return f"proxywhirl/proxy/{proxy.label}/"
