"""Any proxy, with the same probability."""

from __future__ import annotations

from collections.abc import Collection
from random import Random

from scrapy_proxywhirl.core.available import Available
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.strategies.drawing import DrawingStrategy

# How often one that is excluded may be drawn before a new round begins, and then before the others
# are listed.
_REJECTIONS = 32


class ShuffledProxies(Available):
    """
    Draws each once in a round, in random order, and then begins the next round.

    Each operation takes constant time, a draw in the mean.
    """

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self._proxies: list[Proxy] = []  # those that are yet to come in this round are in front
        self._left = 0  # so many are
        self._positions: dict[Proxy, int] = {}

    def removed(self, proxy: Proxy) -> None:
        """Forget a proxy."""
        position = self._positions.get(proxy)
        if position is None:
            return
        if position < self._left:
            self._left -= 1
            self._swap(position, self._left)
            position = self._left
        self._swap(position, len(self._proxies) - 1)
        self._proxies.pop()
        del self._positions[proxy]

    def draw(self, excluded: Collection[str]) -> Proxy | None:
        """Choose one of those that are left in this round."""
        if not self._proxies:
            return None
        for _ in range(2):
            for _ in range(_REJECTIONS):
                if not self._left:
                    self._left = len(self._proxies)
                position = int(self._random() * self._left)
                proxy = self._proxies[position]
                if not excluded or proxy.id not in excluded:
                    self._left -= 1
                    self._swap(position, self._left)
                    return proxy
            self._left = len(self._proxies)
        return self._any_of(self._proxies, excluded)

    def _put(self, proxy: Proxy) -> None:
        if proxy not in self._positions:  # it joins with the next round
            self._positions[proxy] = len(self._proxies)
            self._proxies.append(proxy)

    def _swap(self, one: int, other: int) -> None:
        proxies = self._proxies
        proxies[one], proxies[other] = proxies[other], proxies[one]
        self._positions[proxies[one]] = one
        self._positions[proxies[other]] = other


class RandomStrategy(DrawingStrategy[ShuffledProxies]):
    """
    Selects any proxy of the pool with the same probability, whatever it has shown.

    Each is selected once, in random order, before any is again: so shares are even, however few
    selections there were.
    """

    draws_from = ShuffledProxies
