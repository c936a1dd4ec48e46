"""The proxy that was used least."""

from __future__ import annotations

from collections.abc import Collection
from heapq import heappop, heappush
from random import Random

from scrapy_proxywhirl.core.available import Available
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
        self._groups: dict[int, list[Proxy]] = {}  # by how often their proxies were selected
        self._places: dict[Proxy, tuple[int, int]] = {}  # in which group each is, and where there
        self._order: list[int] = []  # a heap of the groups there are, and of some that were

    def removed(self, proxy: Proxy) -> None:
        """Forget a proxy that left the pool, or may not be selected."""
        place = self._places.pop(proxy, None)
        if place is not None:
            self._take_out(*place)

    def draw(self, excluded: Collection[str]) -> Proxy | None:
        """Choose the one that was used least."""
        groups, order = self._groups, self._order
        for _ in range(_LOOKED_AT):
            while order and order[0] not in groups:
                heappop(order)
            if not order:
                return None
            uses = order[0]
            group = groups[uses]
            position = int(self._random() * len(group))
            proxy = group[position]
            if proxy.requests_started != uses:  # another strategy has selected it meanwhile
                self._put(proxy)
            elif not excluded or proxy.id not in excluded:
                self._take_out(uses, position)
                self._put_in(uses + 1, proxy)
                return proxy
        for uses in sorted(groups):
            for position, proxy in enumerate(groups[uses]):
                if proxy.id not in excluded:
                    self._take_out(uses, position)
                    self._put_in(proxy.requests_started + 1, proxy)
                    return proxy
        return None

    def _put(self, proxy: Proxy) -> None:
        uses = proxy.requests_started
        place = self._places.get(proxy)
        if place is None:
            self._put_in(uses, proxy)
        elif place[0] != uses:
            self._take_out(*place)
            self._put_in(uses, proxy)

    def _put_in(self, uses: int, proxy: Proxy) -> None:
        group = self._groups.get(uses)
        if group is None:
            group = self._groups[uses] = []
            heappush(self._order, uses)
        self._places[proxy] = (uses, len(group))
        group.append(proxy)

    def _take_out(self, uses: int, position: int) -> None:
        group = self._groups[uses]
        last = group.pop()
        if position < len(group):
            group[position] = last
            self._places[last] = (uses, position)
        elif not group:
            del self._groups[uses]


class LeastUsedStrategy(DrawingStrategy):
    """
    Selects the proxy that was selected least often, and any of those where there are several.

    One that joins late, or has rested, is selected until it has caught up with the others.
    """

    draws_from = ProxiesByUse
