"""Which proxy a request gets, and what is said where it gets none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_proxywhirl.choice import CHOICE
from scrapy_proxywhirl.core import NoMatchingProxyError, ProxyPoolEmptyError, SelectionContext
from scrapy_proxywhirl.note import proxy_to_stay_on

if TYPE_CHECKING:
    from scrapy import Request

    from scrapy_proxywhirl.budget import Budget
    from scrapy_proxywhirl.choice import Demand
    from scrapy_proxywhirl.core import Proxy, ProxyPool, Strategy, Wanted
    from scrapy_proxywhirl.note import Note
    from scrapy_proxywhirl.shortage import Shortage
    from scrapy_proxywhirl.sources.supply import Supply
    from scrapy_proxywhirl.stats import CrawlStats


class Selector:
    """
    Selects proxies for requests, as far as there are any that will do.

    Args:
        pool: What it selects from.
        budget: What may be spent.
        takes_any: Whether one that is not what a request wants is better than none.
        shortage: Tells where there is none.
        stats: Of the crawl.
        supply: Tells whether proxies are still to come.
    """

    def __init__(
        self,
        pool: ProxyPool,
        budget: Budget,
        takes_any: bool,
        shortage: Shortage,
        stats: CrawlStats,
        supply: Supply,
    ) -> None:
        self._pool = pool
        self._budget = budget
        self._takes_any = takes_any
        self._shortage = shortage
        self._stats = stats
        self._supply = supply

    def select(
        self, request: Request, demand: Demand, strategy: Strategy, earlier: Note | None
    ) -> Proxy | None:
        """
        Select a proxy for *request*; return None where none may be selected now.

        Args:
            request: What is to be sent.
            demand: What it asks with.
            strategy: What selects.
            earlier: The note of the attempt before at the same page.

        Raises:
            NoProxyForRequestError: No proxy of the pool is what it wants.
        """
        domain, wanted = demand
        failed = earlier["failed"] if earlier else ()
        stay_on = proxy_to_stay_on(request)
        wishes = (wanted,) if wanted is None or not self._takes_any else self._wishes(wanted)
        # Where all that there are have failed the page, one of them is better than none.
        for excluded in (failed, ()) if failed else ((),):
            for wish in wishes:
                try:
                    proxy = strategy.select(
                        self._pool, SelectionContext(excluded, stay_on, domain, wish)
                    )
                except ProxyPoolEmptyError as error:
                    reason = error
                    continue
                if wish is not wanted:
                    self._stats.fell_back()
                return proxy
        if self._supply.is_expected:
            return None
        if isinstance(reason, NoMatchingProxyError) and len(self._pool):
            self._stats.unmatched()
            raise self._shortage.error(
                request, f"{reason} (meta['{CHOICE}'] is {request.meta.get(CHOICE)})"
            )
        if not self._pool.has_busy(domain, wanted):
            self._shortage.tell(request, demand, str(reason))
        return None

    def _wishes(self, wanted: Wanted) -> tuple[Wanted, ...]:
        affordable = self._budget.only
        if wanted.only == affordable and wanted.proxy_id is None:
            return (wanted,)
        return (wanted, wanted._replace(only=affordable, proxy_id=None))
