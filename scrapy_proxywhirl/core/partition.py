"""The proxies of a set, by their kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.proxy_set import ProxySet
from scrapy_proxywhirl.core.views import PoolPart

K = TypeVar("K", bound=float)


class Partition(Generic[K]):
    """
    The proxies of a set, by their kind.

    Each operation takes constant time, but for the first proxy of a kind and the last one.

    Not thread-safe: it is called with the pool's lock held.

    Args:
        pool: The set.
        kind_of: Tells the kind of a proxy, which stays as it is.

    Attributes:
        parts: The proxies of each kind, the least kind first.
    """

    hears_of_slight_changes = True  # those that watch a part may have to

    def __init__(self, pool: ProxySet, kind_of: Callable[[Proxy], K]) -> None:
        self._kind_of: Callable[[Proxy], K] = kind_of
        self._lock = pool.lock
        self._figures = pool.figures
        self.parts: dict[K, PoolPart] = {}

    def added(self, proxy: Proxy) -> None:
        """Take in a proxy."""
        kind = self._kind_of(proxy)
        part = self.parts.get(kind)
        if part is None:
            part = PoolPart(str(kind), self._lock, self._figures)
            self.parts = dict(sorted({**self.parts, kind: part}.items()))
        part.added(proxy)

    def changed(self, proxy: Proxy, slightly: bool = False) -> None:
        """Let those know that watch the part which the proxy is in."""
        self.parts[self._kind_of(proxy)].changed(proxy, slightly)

    def removed(self, proxy: Proxy) -> None:
        """Let go of a proxy."""
        kind = self._kind_of(proxy)
        part = self.parts[kind]
        part.removed(proxy)
        if not len(part):
            del self.parts[kind]
