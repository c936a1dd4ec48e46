"""Any proxy, with the same probability."""

from __future__ import annotations

from collections.abc import Collection

from scrapy_proxywhirl.core.pool import ProxyPool
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.strategies.base import Strategy

# How often an excluded proxy may be drawn before the others are listed.
_REJECTIONS = 4


class RandomStrategy(Strategy):
    """Selects any proxy of the pool with the same probability, whatever it has shown."""

    def pick(self, pool: ProxyPool, excluded: Collection[str]) -> Proxy | None:
        """Choose any proxy."""
        if not len(pool):
            return None
        for _ in range(_REJECTIONS):
            proxy = self._rng.choice(pool.proxies)
            if proxy.is_available and proxy.id not in excluded:
                return proxy
        others = [one for one in pool.proxies if one.is_available and one.id not in excluded]
        return self._rng.choice(others) if others else None
