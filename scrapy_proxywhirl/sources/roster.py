"""Who is in a pool, by what each source has."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from scrapy_proxywhirl.core import DuplicateProxyError

if TYPE_CHECKING:
    from scrapy_proxywhirl.core import Proxy, ProxyPool
    from scrapy_proxywhirl.sources.base import Source
    from scrapy_proxywhirl.sources.gateway import Sessions
    from scrapy_proxywhirl.sources.listing import Listing


class Roster:
    """
    Sees to it who is in a pool, by what each source has.

    A proxy is in the pool as long as one of the sources has it, and it has not expired. What is
    said of it is what the first source says that has it. What takes long is done in steps, so that
    it may be done a little at a time.

    Args:
        pool: The proxies; nobody else is to remove any that sources have.
        sources: Where they come from.

    Attributes:
        gateways: The sessions that are in use, by the ids of their gateways.
    """

    def __init__(self, pool: ProxyPool, sources: Sequence[Source]) -> None:
        self._pool = pool
        self._ids: dict[Source, dict[str, None]] = {source: {} for source in sources}
        self._expiries: list[tuple[float, str]] = []
        self.gateways: dict[str, Sessions] = {}

    def take_in(self, source: Source, listing: Listing) -> Generator[None, None, int]:
        """
        Let the pool have what *source* has now, and has read.

        Returns:
            How many have left the pool.
        """
        before = self._ids[source]
        self._ids[source] = listing.ids
        seen_before = iter(before)  # as they came: so strategies need least time to forget them
        left = 0
        for proxy in listing.joining:
            self._join(proxy)
            yield
            # By turns: so nothing has to be made larger for all of them together, in one go.
            leaving = next(seen_before, None)
            if leaving is not None:
                left += self._leave(leaving)
                yield
        for proxy, other in listing.changed:
            if self._first_with(proxy.id) is source and proxy in self._pool:
                self._pool.remove_proxy(proxy)
                proxy.describe_like(other)
                self._pool.add_proxy(proxy)
                self._expect_end(proxy)
            yield
        for proxy_id in seen_before:
            left += self._leave(proxy_id)
            yield
        return left

    def has_expired(self, now: float) -> bool:
        """Tell whether a proxy has expired by *now*, in seconds since 1970 began."""
        return bool(self._expiries) and self._expiries[0][0] <= now

    def expire(self, now: float) -> Generator[None, None, int]:
        """Remove those that have; return how many."""
        expired = 0
        while self.has_expired(now):
            _, proxy_id = heappop(self._expiries)
            proxy = self._pool.get_proxy(proxy_id)
            if proxy is not None and proxy.expires is not None and proxy.expires <= now:
                expired += self._remove(proxy_id)
            yield
        return expired

    def source_of(self, proxy: Proxy) -> Source | None:
        """Return the first source that has *proxy*; None where none has."""
        return self._first_with(proxy.id)

    def sessions_with(self, proxy: Proxy) -> Sessions | None:
        """Return the sessions that *proxy* is one of; None for a proxy that is no session."""
        return next((one for one in self.gateways.values() if proxy.id in one), None)

    def replace(self, proxy: Proxy, sessions: Sessions) -> None:
        """Put a fresh one of *sessions* in the place of *proxy*, which is one of them."""
        sessions.end(proxy.id)
        fresh = sessions.fresh()
        for ids in self._ids.values():
            if proxy.id in ids:
                del ids[proxy.id]
                ids[fresh.id] = None
        self._remove(proxy.id)
        self._join(fresh)

    def _first_with(self, proxy_id: str) -> Source | None:
        return next((one for one, ids in self._ids.items() if proxy_id in ids), None)

    def _join(self, proxy: Proxy) -> None:
        try:
            self._pool.add_proxy(proxy)
        except DuplicateProxyError:
            return  # another source has had it meanwhile
        self._expect_end(proxy)

    def _leave(self, proxy_id: str) -> bool:
        """Remove a proxy that no source has any more."""
        return self._first_with(proxy_id) is None and self._remove(proxy_id)

    def _remove(self, proxy_id: str) -> bool:
        proxy = self._pool.get_proxy(proxy_id)
        if proxy is None:
            return False
        self._pool.remove_proxy(proxy)
        return True

    def _expect_end(self, proxy: Proxy) -> None:
        if proxy.expires is not None:
            heappush(self._expiries, (proxy.expires, proxy.id))
