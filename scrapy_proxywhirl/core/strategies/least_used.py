"""The proxy that was used least."""

from __future__ import annotations

from collections.abc import Collection
from heapq import heappop, heappush
from random import Random

from scrapy_proxywhirl.core.available import Available
from scrapy_proxywhirl.core.indexed_set import IndexedSet
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.strategies.drawing import DrawingStrategy

# So many of those that were used least are looked at before all are, where some are excluded.
_LOOKED_AT = 32


class ProxiesByUse(Available):
    """
    The proxies of a pool that may be selected, in groups of those that were selected as often.

    A draw takes constant time in the mean.
    """

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self._groups: dict[int, IndexedSet[Proxy]] = {}
        self._uses: dict[Proxy, int] = {}  # by which each is in its group
        self._order: list[int] = []  # a heap of the groups there are, and of some that were

    def removed(self, proxy: Proxy) -> None:
        """Forget a proxy that left the pool, or may not be selected."""
        uses = self._uses.pop(proxy, None)
        if uses is None:
            return
        group = self._groups[uses]
        group.discard(proxy)
        if not group:
            del self._groups[uses]

    def draw(self, excluded: Collection[str]) -> Proxy | None:
        """Choose the one that was used least."""
        for _ in range(_LOOKED_AT):
            while self._order and self._order[0] not in self._groups:
                heappop(self._order)
            if not self._order:
                return None
            uses = self._order[0]
            proxies = self._groups[uses].items
            proxy = proxies[int(self._random() * len(proxies))]
            if proxy.requests_started != uses:  # another strategy has selected it meanwhile
                self._put(proxy)
            elif not excluded or proxy.id not in excluded:
                self._move(proxy, uses + 1)
                return proxy
        for uses in sorted(self._groups):
            for proxy in self._groups[uses]:
                if proxy.id not in excluded:
                    self._move(proxy, proxy.requests_started + 1)
                    return proxy
        return None

    def _put(self, proxy: Proxy) -> None:
        self._move(proxy, proxy.requests_started)

    def _move(self, proxy: Proxy, uses: int) -> None:
        if self._uses.get(proxy) == uses:
            return
        self.removed(proxy)
        group = self._groups.get(uses)
        if group is None:
            group = self._groups[uses] = IndexedSet()
            heappush(self._order, uses)
        group.add(proxy)
        self._uses[proxy] = uses


class LeastUsedStrategy(DrawingStrategy):
    """
    Selects the proxy that was selected least often, and any of those where there are several.

    One that joins late, or has rested, is selected until it has caught up with the others.
    """

    draws_from = ProxiesByUse
