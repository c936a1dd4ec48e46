"""The least cost of a good page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scrapy_proxywhirl.core.identity import PAGE_BYTES
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.strategies.by_kind import ByKindStrategy

# Keeps finite what a page costs by proxies that a domain refuses.
_LEAST_RATE = 0.01

# The share of the selections that tries what would cost less if the domain took it.
_PROBES = 0.02


class CostAwareStrategy(ByKindStrategy[tuple[float, float]]):
    """
    Selects the faster proxies of the price at which a good page costs least.

    What a good page of a domain costs is what a page costs by a proxy's price, divided by the share
    of pages that the domain does not refuse to proxies of that price: a refusal is billed too. For
    that a page has 100,000 bytes. What costs nothing comes first while it may be selected. One
    selection in fifty tries the price that would be less if the domain took it again.
    """

    rate_alpha = 0.05  # of a rate of a half, the standard deviation is 0.08

    def kind_of(self, proxy: Proxy) -> tuple[float, float]:
        """Return the price."""
        return proxy.price

    def in_order(
        self, kinds: Sequence[tuple[float, float]], domain: str | None
    ) -> Iterable[tuple[float, float]]:
        """Return the prices by what a good page costs at them."""
        rates = self._rates.of(domain)
        costs = {price: _cost_of_page(price) for price in kinds}

        def cost_of_good_page(price: tuple[float, float]) -> float:
            return costs[price] / max(rates.get(price, 1.0), _LEAST_RATE)

        best, *others = sorted(kinds, key=cost_of_good_page)
        if rates and self._rng.random() < _PROBES:
            cheaper = [price for price in others if costs[price] < cost_of_good_page(best)]
            if cheaper:
                probed = self._rng.choice(cheaper)
                others.remove(probed)
                return (probed, best, *others)
        return (best, *others)

    def weigh(self, proxy: Proxy) -> float:
        """Return what *proxy* weighs: less by far the more it costs."""
        return super().weigh(proxy) / (1e-9 + proxy.cost()) ** 4


def _cost_of_page(price: tuple[float, float]) -> float:
    per_request, per_gb = price
    return per_request + per_gb * PAGE_BYTES / 1e9
