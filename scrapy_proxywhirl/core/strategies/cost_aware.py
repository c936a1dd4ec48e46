"""The least cost of a good page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.proxy_set import ProxySet
from scrapy_proxywhirl.core.strategies.by_kind import ByKindStrategy

# Keeps finite what a page costs by proxies that a domain refuses.
_LEAST_RATE = 0.01

# The share of the selections that tries what would cost less if the domain took it.
_PROBES = 0.02


class CostAwareStrategy(ByKindStrategy[float]):
    """
    Selects the faster proxies of those by which a good page costs least.

    What a good page of a domain costs is what a page of 100,000 bytes costs by a proxy, divided by
    the share of pages that the domain does not refuse to proxies of that cost: a refusal is billed
    too. What costs nothing comes first while it may be selected. One selection in fifty tries what
    would cost less if the domain took it again.
    """

    rate_alpha = 0.05  # of a rate of a half, the standard deviation is 0.08

    def kind_of(self, proxy: Proxy) -> float:
        """Return what a page costs."""
        return proxy.cost()

    def in_order(self, kinds: Collection[float], rates: Mapping[float, float]) -> Iterable[float]:
        """Return the costs of a page by those of a good one."""

        def of_good_page(cost: float) -> float:
            return cost / max(rates.get(cost, 1.0), _LEAST_RATE)

        best, *others = sorted(kinds, key=of_good_page)
        if self._rng.random() < _PROBES:
            cheaper = [cost for cost in others if cost < of_good_page(best)]
            if cheaper:
                probed = self._rng.choice(cheaper)
                others.remove(probed)
                return (probed, best, *others)
        return (best, *others)

    def weigh(self, proxy: Proxy, pool: ProxySet) -> float:
        """Return what *proxy* weighs: less by far the more it costs."""
        return super().weigh(proxy, pool) / (1e-9 + proxy.cost()) ** 4
