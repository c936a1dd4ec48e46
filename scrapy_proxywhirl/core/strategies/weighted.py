"""Proxies by weights that were given, or by how often they succeed."""

from __future__ import annotations

from collections.abc import Collection
from random import Random

from scrapy_proxywhirl.core.available import Available
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.proxy_set import ProxySet
from scrapy_proxywhirl.core.sampler import WeightedSampler
from scrapy_proxywhirl.core.strategies.drawing import DrawingStrategy


class ProxiesByWeight(Available):
    """
    The proxies of a pool that may be selected, by weight.

    Each operation takes constant time.
    """

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self._sampler: WeightedSampler[Proxy] = WeightedSampler(rng)

    def removed(self, proxy: Proxy) -> None:
        """Forget a proxy that left the pool."""
        self._sampler.discard(proxy)

    def draw(self, excluded: Collection[str]) -> Proxy | None:
        """Choose one by weight."""
        if not len(self._sampler):
            return None
        if not excluded:
            return self._sampler.sample()
        return self._sampler.sample_where(lambda proxy: proxy.id not in excluded)

    def _put(self, proxy: Proxy) -> None:
        self._sampler.set(proxy, _weight_of(proxy))


class WeightedStrategy(DrawingStrategy[ProxiesByWeight]):
    """
    Selects proxies in proportion to their weights.

    A weight is the proxy's ``weight`` where it was given one. Else it is how likely the proxy is to
    succeed, as its attempts show it: ``(successes + 1) / (attempts + 2)``, 1 in 2 for a new one
    (the rule of succession: P.-S. Laplace, "Essai philosophique sur les probabilités", 1814).
    """

    draws_from = ProxiesByWeight

    def weigh(self, proxy: Proxy, pool: ProxySet) -> float:
        """Return the weight."""
        return _weight_of(proxy)


def _weight_of(proxy: Proxy) -> float:
    if proxy.weight is not None:
        return proxy.weight
    successes = proxy.earlier_successes + proxy.total_successes
    failures = proxy.earlier_failures + proxy.total_bans + proxy.total_failures
    return (successes + 1) / (successes + failures + 2)
