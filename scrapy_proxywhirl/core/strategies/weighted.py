"""Proxies by weights that were given, or by how often they succeed."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from random import Random

from scrapy_proxywhirl.core.config import StrategyConfig
from scrapy_proxywhirl.core.pool import ProxyPool
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.sampler import WeightedSampler
from scrapy_proxywhirl.core.strategies.base import Strategy
from scrapy_proxywhirl.core.strategies.per_pool import PerPool


class WeightedStrategy(Strategy):
    """
    Selects proxies in proportion to their weights.

    A weight is the proxy's ``weight`` where it was given one. Else it is how likely the proxy is to
    succeed, as its attempts show it: ``(successes + 1) / (attempts + 2)``, 1 in 2 for a new one
    (the rule of succession: P.-S. Laplace, "Essai philosophique sur les probabilités", 1814).
    """

    def __init__(self, config: StrategyConfig | None = None, *, rng: Random | None = None) -> None:
        super().__init__(config, rng=rng)
        self._by_weight = PerPool(partial(ProxiesByWeight, self._rng))

    def pick(self, pool: ProxyPool, excluded: Collection[str]) -> Proxy | None:
        """Choose a proxy with a probability in proportion to its weight."""
        return self._by_weight.of(pool).draw(excluded)

    def weigh(self, proxy: Proxy) -> float:
        """Return the weight."""
        return _weight_of(proxy)


class ProxiesByWeight:
    """
    The proxies of a pool that may be selected, by weight.

    Each operation takes constant time. Not thread-safe: it is called with the pool's lock held.

    Args:
        rng: The source of chance.
    """

    def __init__(self, rng: Random) -> None:
        self._sampler: WeightedSampler[Proxy] = WeightedSampler(rng)

    def added(self, proxy: Proxy) -> None:
        """Take in a proxy that joined the pool."""
        self.changed(proxy)

    def changed(self, proxy: Proxy) -> None:
        """Give a proxy the weight that it has now, or none."""
        if proxy.is_available:
            self._sampler.set(proxy, _weight_of(proxy))
        else:
            self._sampler.discard(proxy)

    def removed(self, proxy: Proxy) -> None:
        """Forget a proxy that left the pool."""
        self._sampler.discard(proxy)

    def draw(self, excluded: Collection[str]) -> Proxy | None:
        """
        Choose one by weight.

        Args:
            excluded: Ids of proxies not to be chosen.

        Returns:
            The proxy; None where there is none that may be chosen.
        """
        if not len(self._sampler):
            return None
        if not excluded:
            return self._sampler.sample()
        return self._sampler.sample_where(lambda proxy: proxy.id not in excluded)


def _weight_of(proxy: Proxy) -> float:
    if proxy.weight is not None:
        return proxy.weight
    ended = proxy.total_successes + proxy.total_bans + proxy.total_failures
    return (proxy.total_successes + 1) / (ended + 2)
