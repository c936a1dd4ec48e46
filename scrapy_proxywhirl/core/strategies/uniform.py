"""Any proxy, with the same probability."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from random import Random

from scrapy_proxywhirl.core.available import AvailableProxies
from scrapy_proxywhirl.core.config import StrategyConfig
from scrapy_proxywhirl.core.pool import ProxyPool
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.strategies.base import Strategy
from scrapy_proxywhirl.core.strategies.per_pool import PerPool


class RandomStrategy(Strategy):
    """Selects any proxy of the pool with the same probability, whatever it has shown."""

    def __init__(self, config: StrategyConfig | None = None, *, rng: Random | None = None) -> None:
        super().__init__(config, rng=rng)
        self._available = PerPool(partial(AvailableProxies, self._rng))

    def pick(self, pool: ProxyPool, excluded: Collection[str]) -> Proxy | None:
        """Choose any proxy."""
        return self._available.of(pool).draw(excluded)
