"""Strategies that draw from what they keep of a pool."""

from __future__ import annotations

from collections.abc import Collection
from random import Random
from typing import Generic, TypeVar

from scrapy_proxywhirl.core.available import Available
from scrapy_proxywhirl.core.config import StrategyConfig
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.proxy_set import ProxySet
from scrapy_proxywhirl.core.strategies.base import Strategy
from scrapy_proxywhirl.core.strategies.per_pool import PerPool

A = TypeVar("A", bound=Available)


class DrawingStrategy(Strategy, Generic[A]):
    """
    Selects what it draws from the available proxies of a pool.

    Attributes:
        draws_from: What keeps the available ones, and is drawn from.
    """

    draws_from: type[A]

    def __init__(self, config: StrategyConfig | None = None, *, rng: Random | None = None) -> None:
        super().__init__(config, rng=rng)
        self._available: PerPool[A] = PerPool(lambda _: self.draws_from(self._rng))

    def _watch(self, pool: ProxySet) -> None:
        self._available.of(pool)

    def pick(self, pool: ProxySet, excluded: Collection[str], domain: str | None) -> Proxy | None:
        """Draw a proxy."""
        return self._available.of(pool).draw(excluded)
