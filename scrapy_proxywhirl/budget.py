"""What a crawl may cost."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scrapy.utils.asyncio import call_later
from scrapy.utils.defer import deferred_from_coro

from scrapy_proxywhirl.core import ProxyFilter

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from scrapy_proxywhirl.core import Proxy, ProxyPool
    from scrapy_proxywhirl.stats import CrawlStats

logger = logging.getLogger(__name__)

_FREE = ProxyFilter(max_cost=0.0)

REASON = "proxywhirl_budget_spent"


class Budget:
    """
    What a crawl may cost.

    Once it is spent requests go through proxies that cost nothing; without any the spider closes.
    What is under way then is still paid for.

    Args:
        crawler: Whose crawl it is.
        pool: The proxies.
        limit: In the currency of the proxies' costs; None for any sum.
        stats: Of the crawl.

    Attributes:
        spent: What the crawl has cost.
    """

    def __init__(
        self, crawler: Crawler, pool: ProxyPool, limit: float | None, stats: CrawlStats
    ) -> None:
        self._crawler = crawler
        self._pool = pool
        self._limit = limit
        self._stats = stats
        self._revision = -1  # of the pool, when it was last looked whether all cost something
        self._is_over = False
        self._has_told = False
        self._is_closing = False
        self.spent = 0.0

    def charge(self, proxy: Proxy, down: int, up: int) -> None:
        """
        Take in what an answer has cost.

        Args:
            proxy: What brought it.
            down: Bytes that came.
            up: Bytes that were sent.
        """
        proxy.answered(down, up)
        cost = proxy.cost(1, down + up)
        if cost:
            self.spent += cost
            self._stats.spent(self.spent)

    @property
    def only(self) -> ProxyFilter | None:
        """Which proxies may be used still; None for any."""
        return _FREE if self._is_spent else None

    @property
    def is_over(self) -> bool:
        """Whether it is spent, and every proxy costs something."""
        if not self._is_spent:
            return False
        if self._revision != self._pool.revision:
            self._revision = self._pool.revision
            self._is_over = all(proxy.cost() for proxy in self._pool)
        is_over = self._is_over
        if not self._has_told:
            self._has_told = True
            logger.warning(
                "The budget is spent: %g of PROXYWHIRL_BUDGET = %g. %s",
                self.spent,
                self._limit,
                "The spider closes, since every proxy costs something."
                if is_over
                else "The crawl goes on through the proxies that cost nothing.",
                extra={"spider": self._crawler.spider},
            )
        return is_over

    def close_spider(self) -> None:
        """Let the spider close, soon: what waits by then goes back to the scheduler."""
        if not self._is_closing:
            self._is_closing = True
            call_later(0, self._close)

    @property
    def _is_spent(self) -> bool:
        return self._limit is not None and self.spent >= self._limit

    def _close(self) -> None:
        assert self._crawler.engine
        # Not awaited: it waits for what is under way.
        deferred_from_coro(self._crawler.engine.close_spider_async(reason=REASON))
