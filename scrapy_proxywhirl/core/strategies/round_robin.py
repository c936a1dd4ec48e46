"""One proxy after the other."""

from __future__ import annotations

from scrapy_proxywhirl.core.context import SelectionContext
from scrapy_proxywhirl.core.pool import ProxyPool
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.strategies.base import Strategy, no_proxy_left, proxy_to_stay_on


class RoundRobinStrategy(Strategy):
    """Selects the proxies of the pool in turn, whatever they have shown."""

    _turn = -1

    def select(self, pool: ProxyPool, context: SelectionContext | None = None) -> Proxy:
        """
        Select the proxy whose turn it is.

        Raises:
            ProxyPoolEmptyError: The pool is empty, or each of its proxies is among the failed ones.
        """
        context = context or SelectionContext()
        with pool.lock:
            proxy = proxy_to_stay_on(pool, context) or self._next(pool, context)
            proxy.requests_started += 1
            return proxy

    def _next(self, pool: ProxyPool, context: SelectionContext) -> Proxy:
        for _ in range(len(pool)):
            self._turn = (self._turn + 1) % len(pool)
            proxy = pool.proxies[self._turn]
            if proxy.id not in context.failed_proxy_ids:
                return proxy
        raise no_proxy_left(pool)
