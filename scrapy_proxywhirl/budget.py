"""What a crawl may cost."""

from __future__ import annotations

import logging
from math import inf
from typing import TYPE_CHECKING

from scrapy.utils.asyncio import call_later

from scrapy_proxywhirl.closing import close_spider
from scrapy_proxywhirl.core import ProxyFilter

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from scrapy_proxywhirl.core import Proxy, ProxyPool
    from scrapy_proxywhirl.stats import CrawlStats

logger = logging.getLogger(__name__)

_FREE = ProxyFilter(max_cost=0.0)

_REASON = "proxywhirl_budget_spent"


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
        only: Which proxies may be used still; None for any.
    """

    def __init__(
        self, crawler: Crawler, pool: ProxyPool, limit: float | None, stats: CrawlStats
    ) -> None:
        self._crawler = crawler
        self._pool = pool
        self._limit = inf if limit is None else limit
        self._stats = stats
        self._is_closing = False
        self.spent = 0.0
        self.only: ProxyFilter | None = None

    def charge(self, proxy: Proxy, down: int, up: int) -> None:
        """
        Take in what an answer has cost.

        Args:
            proxy: What brought it.
            down: Bytes that came.
            up: Bytes that were sent.
        """
        proxy.answered(down, up)
        if not proxy.cost_per_request and not proxy.cost_per_gb:
            return
        self.spent += proxy.cost(1, down + up)
        self._stats.spent(self.spent)
        if self.spent >= self._limit and self.only is None:
            self.only = _FREE
            logger.warning(
                "The budget is spent: %g of PROXYWHIRL_BUDGET = %g. %s",
                self.spent,
                self._limit,
                "The spider closes, since every proxy costs something."
                if self.is_over()
                else "The crawl goes on through the proxies that cost nothing.",
                extra={"spider": self._crawler.spider},
            )

    def is_over(self) -> bool:
        """Tell whether it is spent, and every proxy costs something."""
        if self.only is None:
            return False
        with self._pool.lock:
            return not len(self._pool.view(self.only))

    def close_spider(self) -> None:
        """Let the spider close, soon: what waits by then goes back to the scheduler."""
        if not self._is_closing:
            self._is_closing = True
            call_later(0, close_spider, self._crawler, _REASON)
