"""One proxy after the other."""

from __future__ import annotations

from collections.abc import Collection
from random import Random

from scrapy_proxywhirl.core.config import StrategyConfig
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.proxy_set import ProxySet
from scrapy_proxywhirl.core.strategies.base import Strategy
from scrapy_proxywhirl.core.strategies.per_pool import PerPool


class RoundRobinStrategy(Strategy):
    """Selects the proxies of the pool in turn, whatever they have shown."""

    def __init__(self, config: StrategyConfig | None = None, *, rng: Random | None = None) -> None:
        super().__init__(config, rng=rng)
        self._turns = PerPool(lambda _: _Turn())

    def _watch(self, pool: ProxySet) -> None:
        self._turns.of(pool)

    def pick(self, pool: ProxySet, excluded: Collection[str], domain: str | None) -> Proxy | None:
        """Choose the proxy whose turn it is."""
        turn = self._turns.of(pool)
        proxies = pool.proxies
        for _ in range(len(proxies)):
            turn.place = (turn.place + 1) % len(proxies)
            proxy = proxies[turn.place]
            if proxy.is_available and (not excluded or proxy.id not in excluded):
                return proxy
        return None


class _Turn:
    """Whose turn it was: the place in the list of proxies."""

    hears_of_slight_changes = False
    place = -1

    def added(self, proxy: Proxy) -> None:
        """Let it come when it is its turn."""

    def changed(self, proxy: Proxy, slightly: bool = False) -> None:
        """Do nothing: whatever it has shown."""

    def removed(self, proxy: Proxy) -> None:
        """Let the others come."""
