"""The parts of a pool that requests ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_proxywhirl.core.indexed_set import IndexedSet
from scrapy_proxywhirl.core.proxy_set import ProxySet

if TYPE_CHECKING:
    from threading import Lock

    from scrapy_proxywhirl.core.domain_figures import DomainFigures
    from scrapy_proxywhirl.core.filter import ProxyFilter
    from scrapy_proxywhirl.core.proxy import Proxy

# So many filters are remembered, those asked for last: a country each, and as many of other kinds.
_VIEWS = 512


class PoolPart(ProxySet):
    """
    Some of the proxies of a pool, which whoever made it keeps up to date.

    Args:
        name: Of the part.
        lock: The pool's.
        figures: The pool's.
    """

    def __init__(self, name: str, lock: Lock, figures: DomainFigures | None = None) -> None:
        super().__init__(name, lock)
        self.figures = figures

    def added(self, proxy: Proxy) -> None:
        """Take in a proxy."""
        self._take_in(proxy)
        for watcher in self._watchers:
            watcher.added(proxy)

    def changed(self, proxy: Proxy, slightly: bool = False) -> None:
        """Let those know that watch."""
        for watcher in self._watchers:
            if not slightly or watcher.hears_of_slight_changes:
                watcher.changed(proxy, slightly)

    def removed(self, proxy: Proxy) -> None:
        """Let go of a proxy."""
        self._let_go(proxy)
        for watcher in self._watchers:
            watcher.removed(proxy)


class PoolView(PoolPart):
    """
    The proxies of a pool that fit a filter.

    Args:
        name: The pool's.
        lock: The pool's.
        only: What they fit.

    Attributes:
        asked_for: When it was last: the number of the question.
    """

    def __init__(self, name: str, lock: Lock, only: ProxyFilter) -> None:
        super().__init__(f"{name}, {only}", lock)
        self.only = only
        self.asked_for = 0


class PoolViews:
    """
    The views of one pool, made as they are asked for.

    A change of a proxy takes time in proportion to the views that it is in, and none for others. A
    view is made in time in proportion to its country's proxies; without a country, to the pool's.

    Not thread-safe: it is called with the pool's lock held.

    Args:
        pool: Whose parts they are.
    """

    hears_of_slight_changes = True  # those that watch a view may have to

    def __init__(self, pool: ProxySet) -> None:
        self._pool = pool
        self._views: dict[ProxyFilter, PoolView] = {}
        self._questions = 0
        self._with: dict[Proxy, list[PoolView]] = {}  # those that each is in
        self._by_country: dict[str | None, IndexedSet[Proxy]] = {}

    def get(self, only: ProxyFilter) -> PoolView:
        """Return the view of those that fit *only*."""
        view = self._views.get(only)
        if view is None:
            view = self._make(only)
        self._questions += 1
        view.asked_for = self._questions
        return view

    def added(self, proxy: Proxy) -> None:
        """Take in a proxy that joined the pool."""
        country = self._by_country.get(proxy.country)
        if country is None:
            country = self._by_country[proxy.country] = IndexedSet()
        country.add(proxy)
        for only, view in self._views.items():
            if only.fits(proxy):
                self._put(proxy, view)

    def changed(self, proxy: Proxy, slightly: bool = False) -> None:
        """Let those views know that the proxy is in."""
        for view in self._with.get(proxy, ()):
            view.changed(proxy, slightly)

    def removed(self, proxy: Proxy) -> None:
        """Forget a proxy that left the pool."""
        country = self._by_country.get(proxy.country)
        if country is not None:
            country.discard(proxy)
        for view in self._with.pop(proxy, ()):
            view.removed(proxy)

    def _make(self, only: ProxyFilter) -> PoolView:
        if len(self._views) >= _VIEWS:
            unwanted, oldest = min(self._views.items(), key=lambda item: item[1].asked_for)
            del self._views[unwanted]
            for proxy in oldest.proxies:
                self._with[proxy].remove(oldest)
        view = self._views[only] = PoolView(self._pool.name, self._pool.lock, only)
        if only.country is None:
            proxies = self._pool.proxies
        else:
            known = self._by_country.get(only.country)
            proxies = known.items if known else []
        for proxy in proxies:
            if only.fits(proxy):
                self._put(proxy, view)
        return view

    def _put(self, proxy: Proxy, view: PoolView) -> None:
        view.added(proxy)
        self._with.setdefault(proxy, []).append(view)
