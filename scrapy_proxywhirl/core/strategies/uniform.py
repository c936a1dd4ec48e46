"""Any proxy, with the same probability."""

from __future__ import annotations

from scrapy_proxywhirl.core.context import SelectionContext
from scrapy_proxywhirl.core.pool import ProxyPool
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.strategies.base import Strategy, no_proxy_left, proxy_to_stay_on

# How often a failed proxy may be drawn before the others are listed.
_REJECTIONS = 4


class RandomStrategy(Strategy):
    """Selects any proxy of the pool with the same probability, whatever it has shown."""

    def select(self, pool: ProxyPool, context: SelectionContext | None = None) -> Proxy:
        """
        Select any proxy.

        Raises:
            ProxyPoolEmptyError: The pool is empty, or each of its proxies is among the failed ones.
        """
        context = context or SelectionContext()
        with pool.lock:
            proxy = proxy_to_stay_on(pool, context) or self._any(pool, context)
            proxy.requests_started += 1
            return proxy

    def _any(self, pool: ProxyPool, context: SelectionContext) -> Proxy:
        if not len(pool):
            raise no_proxy_left(pool)
        failed = context.failed_proxy_ids
        for _ in range(_REJECTIONS):
            proxy = self._rng.choice(pool.proxies)
            if proxy.id not in failed:
                return proxy
        others = [proxy for proxy in pool.proxies if proxy.id not in failed]
        if not others:
            raise no_proxy_left(pool)
        return self._rng.choice(others)
