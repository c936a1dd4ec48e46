"""The proxy that was used least."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from heapq import heappop, heappush
from itertools import chain, islice
from random import Random

from scrapy_proxywhirl.core.available import Available
from scrapy_proxywhirl.core.excluded import is_too_much
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.proxy_set import ProxySet
from scrapy_proxywhirl.core.strategies.drawing import DrawingStrategy

# Where some are excluded, so many of those that were used least are looked at, and then as many of
# all, before every proxy is.
_LOOKED_AT = 32


class ProxiesByUse(Available):
    """
    The proxies of a pool that may be selected, in groups of those that were selected as often.

    Each operation takes constant time in the mean, but for the first draw, which chooses where to
    begin.
    """

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        # By how often their proxies were selected; in each, the one that came to it first is first.
        self._groups: dict[int, OrderedDict[Proxy, None]] = {}
        self._order: list[int] = []  # the same numbers, as a heap
        self._uses: dict[Proxy, int] = {}  # in which group each is
        self._has_begun = False
        self._shuffle = rng.shuffle

    def removed(self, proxy: Proxy) -> None:
        """Forget a proxy that left the pool, or may not be selected."""
        uses = self._uses.pop(proxy, None)
        if uses is not None:
            del self._groups[uses][proxy]

    def draw(self, excluded: Collection[str]) -> Proxy | None:
        """
        Choose the one that was used least; of several, the one that has waited longest.

        None too where more are excluded than are looked at.
        """
        if not self._has_begun:
            self._begin()
        groups, order = self._groups, self._order
        while order:
            uses = order[0]
            group = groups[uses]
            if not group:
                del groups[heappop(order)]
                continue
            proxy = next(iter(group))
            if proxy.requests_started != uses:  # another strategy has selected it meanwhile
                self._put(proxy)
                continue
            if excluded and proxy.id in excluded:
                in_order = chain.from_iterable(groups[uses] for uses in sorted(groups))
                others = (one for one in islice(in_order, _LOOKED_AT) if one.id not in excluded)
                return self._use(next(others, None))
            self._move(proxy, uses + 1)
            return proxy
        return None

    def draw_of(self, proxies: Sequence[Proxy], excluded: Collection[str]) -> Proxy | None:
        """
        Choose one that was used little.

        Half of a pool may be excluded, for a site that has banned it: these are the ones used least
        then, and those that may be selected are far behind them.

        Args:
            proxies: All of the pool, those too that may not be selected.
            excluded: As :meth:`draw` has it.
        """
        some = [proxies[int(self._random() * len(proxies))] for _ in range(_LOOKED_AT)]
        for those in (some,) if is_too_much(excluded, len(self._uses)) else (some, self._uses):
            others = (one for one in those if one in self._uses and one.id not in excluded)
            least_used = min(others, key=lambda one: one.requests_started, default=None)
            if least_used is not None:
                return self._use(least_used)
        return None

    def _begin(self) -> None:
        """
        Let them come in any order.

        Else each short crawl would use the same few of a long list, and what stands beside each
        other there may be down, or banned, together.
        """
        self._has_begun = True
        for uses, group in self._groups.items():
            proxies = list(group)
            self._shuffle(proxies)
            self._groups[uses] = OrderedDict.fromkeys(proxies)

    def _use(self, proxy: Proxy | None) -> Proxy | None:
        if proxy is not None:
            self._move(proxy, proxy.requests_started + 1)
        return proxy

    def _put(self, proxy: Proxy) -> None:
        uses = proxy.requests_started
        if self._uses.get(proxy) != uses:
            self._move(proxy, uses)

    def _move(self, proxy: Proxy, uses: int) -> None:
        """Put a proxy at the end of those that were used so often, wherever it was."""
        before = self._uses.get(proxy)
        if before is not None:
            del self._groups[before][proxy]
        group = self._groups.get(uses)
        if group is None:
            group = self._groups[uses] = OrderedDict()
            heappush(self._order, uses)
        self._uses[proxy] = uses
        group[proxy] = None


class LeastUsedStrategy(DrawingStrategy[ProxiesByUse]):
    """
    Selects the proxy that was selected least often; of several, the one that has waited longest.

    At first they come in any order.

    One that joins late, or has rested, is selected until it has caught up with the others.
    """

    draws_from = ProxiesByUse

    def pick(self, pool: ProxySet, excluded: Collection[str], domain: str | None) -> Proxy | None:
        """Choose the one that was used least."""
        by_use = self._available.of(pool)
        proxy = by_use.draw(excluded)
        if proxy is None and excluded and pool.proxies:
            return by_use.draw_of(pool.proxies, excluded)
        return proxy
