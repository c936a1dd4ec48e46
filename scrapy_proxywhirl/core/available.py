"""Which proxies of a pool may be selected at all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from random import Random

from scrapy_proxywhirl.core.excluded import either, is_too_much
from scrapy_proxywhirl.core.indexed_set import IndexedSet
from scrapy_proxywhirl.core.proxy import Proxy

# How often an excluded proxy may be drawn before the others are listed. A domain of which most
# have been banned has a list of its own, so that three in four are excluded at most: then it comes
# to listing once in 10,000 draws.
_REJECTIONS = 32


class Available(ABC):
    """
    The proxies of a pool that neither rest nor are as busy as they may be, to draw from.

    Not thread-safe: it is called with the pool's lock held.

    Args:
        rng: The source of chance.
    """

    hears_of_slight_changes = True

    def __init__(self, rng: Random) -> None:
        self._random = rng.random

    def added(self, proxy: Proxy) -> None:
        """Take in a proxy that joined the pool."""
        self.changed(proxy)

    def changed(self, proxy: Proxy, slightly: bool = False) -> None:
        """Take note of a proxy that may be selected again, or no more, or counts otherwise."""
        if proxy.is_available:
            self._put(proxy)
        else:
            self.removed(proxy)

    @abstractmethod
    def removed(self, proxy: Proxy) -> None:
        """Forget a proxy, where it is known."""

    @abstractmethod
    def draw(self, excluded: Collection[str]) -> Proxy | None:
        """
        Choose a proxy.

        Args:
            excluded: Ids of proxies not to be chosen.

        Returns:
            The proxy; None where there is none that may be chosen.
        """

    @abstractmethod
    def _put(self, proxy: Proxy) -> None:
        """Give a proxy that is available its place."""

    def _any_of(self, proxies: Collection[Proxy], excluded: Collection[str]) -> Proxy | None:
        """Choose any that is not excluded, by listing them; None where that is too much."""
        if is_too_much(excluded, len(proxies)):
            return None
        others = [proxy for proxy in proxies if proxy.id not in excluded]
        return others[int(self._random() * len(others))] if others else None


class AvailableProxies(Available):
    """
    Draws each with the same probability.

    Each operation takes constant time, a draw in the mean.
    """

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self._proxies: IndexedSet[Proxy] = IndexedSet()

    def removed(self, proxy: Proxy) -> None:
        """Forget a proxy."""
        self._proxies.discard(proxy)

    def draw(self, excluded: Collection[str]) -> Proxy | None:
        """Choose any."""
        proxies, random = self._proxies.items, self._random
        size = len(proxies)
        if not size:
            return None
        if not excluded:
            return proxies[int(random() * size)]
        for _ in range(_REJECTIONS):
            proxy = proxies[int(random() * size)]
            if proxy.id not in excluded:
                return proxy
        return self._any_of(proxies, excluded)

    def draw_two(self, excluded: Collection[str]) -> tuple[Proxy | None, Proxy | None]:
        """Choose a proxy and another one; None for each that there is not."""
        proxies, random = self._proxies.items, self._random
        size = len(proxies)
        if not excluded and size > 1:
            first, second = int(random() * size), int(random() * (size - 1))
            return proxies[first], proxies[second + (second >= first)]
        one = self.draw(excluded)
        return one, None if one is None else self.draw(either(excluded, (one.id,)))

    def _put(self, proxy: Proxy) -> None:
        self._proxies.add(proxy)
