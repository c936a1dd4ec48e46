"""Those proxies of a set that a scope has not barred."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from scrapy_proxywhirl.core.indexed_set import IndexedSet

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.proxy import Proxy
    from scrapy_proxywhirl.core.proxy_set import ProxySet

# In a set of so many, those that are left are found by trying.
_FEW = 64


class Left:
    """
    Those proxies of a set that are not barred, listed while they are few.

    Args:
        of: The set.
        barred: The ids of those that are barred now.

    Attributes:
        of: The set.
        revision: What its revision was.
    """

    __slots__ = ("_barred", "_others", "of", "revision")

    def __init__(self, of: ProxySet, barred: Collection[str]) -> None:
        self.of = of
        self.revision = of.revision
        self._barred = sum(of.get_proxy(proxy_id) is not None for proxy_id in barred)
        self._others: IndexedSet[Proxy] | None = None

    def bar(self, proxy: Proxy) -> None:
        """Note that *proxy* is barred, which was not."""
        if proxy in self.of:
            self._barred += 1
            if self._others is not None:
                self._others.discard(proxy)

    def unbar(self, proxy: Proxy) -> None:
        """Note that *proxy* is not barred any more."""
        if proxy in self.of:
            self._barred -= 1
            if self._others is not None:
                self._others.add(proxy)

    def others(self, barred: Collection[str]) -> IndexedSet[Proxy] | None:
        """
        Return the proxies that are left, where most are not; else None.

        Args:
            barred: The ids of those that are barred.
        """
        size = len(self.of.proxies)
        if self._others is not None:
            if self._barred * 2 < size:
                self._others = None
        elif size > _FEW and self._barred * 4 > size * 3:
            self._others = IndexedSet()
            for proxy in self.of.proxies:
                if proxy.id not in barred:
                    self._others.add(proxy)
        return self._others
