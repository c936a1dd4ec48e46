"""Cheap tiers first."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from scrapy_proxywhirl.core.pool import ProxyPool
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.proxy_set import ProxySet
from scrapy_proxywhirl.core.strategies.by_kind import ByKindStrategy

# A domain that refuses more of a tier's pages climbs.
_ENOUGH = 0.5

# The share of the selections that tries the tier below the one that a domain has climbed to.
_PROBES = 0.02


class TieredStrategy(ByKindStrategy[int]):
    """
    Selects the faster proxies of the lowest tier that a domain takes.

    A proxy's ``tier`` is 1 for the cheapest. A domain that refuses more than half of a tier's pages
    (by a moving average: after seven refusals in a row) is served by the next tier. One selection
    in fifty tries the tier below then, so that the domain comes down again once that is taken
    again. Where a tier has no proxy that may be selected, the next one serves.
    """

    rate_alpha = 0.1  # seven refusals in a row make less than a half of a whole

    def kind_of(self, proxy: Proxy) -> int:
        """Return the tier."""
        return proxy.tier

    def in_order(self, kinds: Collection[int], rates: Mapping[int, float]) -> Iterable[int]:
        """Return the tier that the domain takes, then those above it, then those below."""
        tiers = list(kinds)
        start = next(
            (place for place, tier in enumerate(tiers) if rates.get(tier, 1.0) >= _ENOUGH),
            len(tiers) - 1,
        )
        if start and self._rng.random() < _PROBES:
            start -= 1
        return (*tiers[start:], *reversed(tiers[:start]))

    def weigh(self, proxy: Proxy, pool: ProxySet) -> float:
        """Return what *proxy* weighs: a million times less with each tier."""
        return super().weigh(proxy, pool) * 1e-6 ** (proxy.tier - 1)

    def validate_metadata(self, pool: ProxyPool) -> bool:
        """Tell whether *pool* has proxies, and no tier without any below another."""
        return super().validate_metadata(pool) and not missing_tiers(pool)


def missing_tiers(proxies: Iterable[Proxy]) -> list[int]:
    """Return the tiers that have no proxies, though higher ones have."""
    tiers = {proxy.tier for proxy in proxies}
    return sorted(set(range(1, max(tiers, default=0))) - tiers)
