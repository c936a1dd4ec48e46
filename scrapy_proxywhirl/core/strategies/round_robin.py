"""One proxy after the other."""

from __future__ import annotations

from collections.abc import Collection

from scrapy_proxywhirl.core.pool import ProxyPool
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.strategies.base import Strategy


class RoundRobinStrategy(Strategy):
    """Selects the proxies of the pool in turn, whatever they have shown."""

    _turn = -1

    def pick(self, pool: ProxyPool, excluded: Collection[str]) -> Proxy | None:
        """Choose the proxy whose turn it is."""
        for _ in range(len(pool)):
            self._turn = (self._turn + 1) % len(pool)
            proxy = pool.proxies[self._turn]
            if proxy.is_available and proxy.id not in excluded:
                return proxy
        return None
