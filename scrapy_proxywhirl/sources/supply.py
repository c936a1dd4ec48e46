"""Keeps a pool as its sources have it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush
from math import inf
from time import monotonic, time
from typing import TYPE_CHECKING

from scrapy.utils.asyncio import create_looping_call
from scrapy.utils.defer import deferred_from_coro

from scrapy_proxywhirl.sources.base import Source, SourceError
from scrapy_proxywhirl.sources.listing import Listing
from scrapy_proxywhirl.sources.local import ListSource, LocalSource
from scrapy_proxywhirl.sources.slices import in_slices

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.utils.asyncio import AsyncioLoopingCall
    from twisted.internet.task import LoopingCall
    from twisted.python.failure import Failure

    from scrapy_proxywhirl.core import Proxy, ProxyPool
    from scrapy_proxywhirl.sources.formats import Entries
    from scrapy_proxywhirl.sources.gateway import Sessions

logger = logging.getLogger(__name__)

# Seconds between two looks at whether something is to be done.
_TICK = 0.5

# Seconds after which a source that failed is asked again, while there is no proxy at all.
_SOON = 5.0


class Supply:
    """
    Keeps a pool as its sources have it.

    A proxy is in the pool as long as one of the sources has it, and it has not expired. What is
    said of it is what the first source says that has it. A source that fails or is empty keeps the
    proxies that it had.

    Args:
        crawler: Whose crawl it is.
        pool: The proxies; nobody else is to remove any that sources have.
        sources: Where they come from.
        interval: Seconds between two looks at what has to be read regularly; 0 to read each source
            once.
        check: Raises a ValueError for a proxy that the crawl cannot use.
        changed: Is called when sources have been read.

    Attributes:
        gateways: The sessions that are in use, by the ids of their gateways.
        is_working: Whether it is changing the pool, in slices.
    """

    def __init__(
        self,
        crawler: Crawler,
        pool: ProxyPool,
        sources: Sequence[Source],
        interval: float,
        check: Callable[[Proxy], None],
        changed: Callable[[], None],
    ) -> None:
        self._crawler = crawler
        self._pool = pool
        self._sources = sources
        self._interval = interval
        self._check = check
        self._changed = changed
        self.gateways: dict[str, Sessions] = {}
        self._ids: dict[Source, set[str]] = {source: set() for source in sources}
        self._next_read = {source: 0.0 for source in sources if not isinstance(source, LocalSource)}
        self._expected = set(self._next_read)
        self._expiries: list[tuple[float, str]] = []
        self._errors: list[str] = []
        self._ticking: AsyncioLoopingCall | LoopingCall | None = None
        self.is_working = False
        self._is_open = False

    @property
    def is_expected(self) -> bool:
        """Whether a source is yet to be heard of for the first time."""
        return bool(self._expected)

    def load(self) -> None:
        """
        Fill the pool with what can be had before the crawl runs.

        Raises:
            ValueError: That is nothing, and nothing else is to come, or something that the settings
                list cannot be used. The message has the reasons.
        """
        for source in self._sources:
            if not isinstance(source, LocalSource):
                continue
            try:
                for _ in self._take_in(source, source.read_now()):
                    pass
            except SourceError as error:
                self._failed(source, error)
        if not len(self._pool) and not self._expected:
            raise ValueError("\n".join([*self._errors, _NOTHING]))

    def open(self) -> None:
        """Begin to keep it so: the crawl runs."""
        if not (self._next_read or self._interval or self._expiries):
            return
        self._is_open = True
        self._ticking = create_looping_call(self._tick)
        self._ticking.start(_TICK, now=True)

    def close(self) -> None:
        """Leave it as it is: the crawl is over."""
        self._is_open = False
        if self._ticking is not None and self._ticking.running:
            self._ticking.stop()

    def sessions_with(self, proxy: Proxy) -> Sessions | None:
        """Return the sessions that *proxy* is one of; None for a proxy that is no session."""
        return next((one for one in self.gateways.values() if proxy.id in one), None)

    def replace_session(self, proxy: Proxy, sessions: Sessions) -> None:
        """Put a fresh one of *sessions* in the place of *proxy*, which is one of them."""
        sessions.end(proxy.id)
        fresh = sessions.fresh()
        for ids in self._ids.values():
            if proxy.id in ids:
                ids.remove(proxy.id)
                ids.add(fresh.id)
        self._remove(proxy.id)
        self._join(fresh)

    def _tick(self) -> None:
        if self.is_working:
            return
        now = monotonic()
        due = [source for source in self._sources if self._next_read.get(source, inf) <= now]
        if self._interval:
            due += [source for source in self._sources if source.has_changed()]
        if due or (self._expiries and self._expiries[0][0] <= time()):
            self.is_working = True
            deferred_from_coro(self._work(due)).addErrback(self._stumbled)

    async def _work(self, due: list[Source]) -> None:
        try:
            await in_slices(self._expire(), self._goes_on)
            for source in due:
                await self._read(source)
        finally:
            self.is_working = False

    async def _read(self, source: Source) -> None:
        try:
            entries = await source.read(self._crawler)
            if entries is not None:
                await in_slices(self._take_in(source, entries), self._goes_on)
        except SourceError as error:
            if self._goes_on():
                self._failed(source, error)
        if source in self._next_read:
            wait = self._interval or inf
            if not len(self._pool):
                wait = min(wait, _SOON)
            self._next_read[source] = monotonic() + wait
        self._expected.discard(source)
        self._changed()

    def _take_in(self, source: Source, entries: Entries) -> Iterator[None]:
        """
        Let the pool have what *source* has, step by step.

        Raises:
            SourceError: It has nothing that is of use; then nothing is changed.
        """
        listing = Listing(source.name, self._pool, self.gateways, self._check, time())
        yield from listing.read(entries)
        if listing.wrong and isinstance(source, ListSource):
            raise ValueError(listing.report())
        if not listing.ids:
            raise SourceError("has no proxy that can be used", listing.report())
        before = self._ids[source]
        self._ids[source] = listing.ids
        for proxy in listing.joining:
            self._join(proxy)
            yield
        for proxy, other in listing.changed:
            if self._first_with(proxy.id) is source:
                self._describe(proxy, other)
            yield
        left = 0
        for proxy_id in before:
            if proxy_id not in listing.ids and self._first_with(proxy_id) is None:
                left += self._remove(proxy_id)
            yield
        self._tell(source, listing, left)

    def _first_with(self, proxy_id: str) -> Source | None:
        return next((one for one, ids in self._ids.items() if proxy_id in ids), None)

    def _join(self, proxy: Proxy) -> None:
        if self._pool.get_proxy(proxy.id) is None:
            self._pool.add_proxy(proxy)
            self._expect_end(proxy)

    def _describe(self, proxy: Proxy, other: Proxy) -> None:
        if proxy in self._pool:
            self._pool.remove_proxy(proxy)
            proxy.describe_like(other)
            self._pool.add_proxy(proxy)
            self._expect_end(proxy)

    def _remove(self, proxy_id: str) -> bool:
        proxy = self._pool.get_proxy(proxy_id)
        if proxy is None:
            return False
        self._pool.remove_proxy(proxy)
        return True

    def _expect_end(self, proxy: Proxy) -> None:
        if proxy.expires is not None:
            heappush(self._expiries, (proxy.expires, proxy.id))

    def _expire(self) -> Iterator[None]:
        now = time()
        expired = 0
        while self._expiries and self._expiries[0][0] <= now:
            _, proxy_id = heappop(self._expiries)
            proxy = self._pool.get_proxy(proxy_id)
            if proxy is not None and proxy.expires is not None and proxy.expires <= now:
                expired += self._remove(proxy_id)
            yield
        if expired:
            logger.info("%d proxies have expired", expired, extra=self._extra)

    def _tell(self, source: Source, listing: Listing, left: int) -> None:
        if listing.wrong:
            logger.warning(
                "%s has %d entries that cannot be used:\n%s",
                source.name,
                listing.wrong,
                listing.report(),
                extra=self._extra,
            )
        if isinstance(source, ListSource):
            return
        logger.info(
            "%s has %d proxies: %d new to the pool, %d gone from it, %d listed twice, %d expired",
            source.name,
            len(listing.ids),
            len(listing.joining),
            left,
            listing.repeated,
            listing.expired,
            extra=self._extra,
        )
        if listing.ignored:
            logger.info(
                "%s has fields that mean nothing here: %s",
                source.name,
                ", ".join(sorted(listing.ignored)),
                extra=self._extra,
            )

    def _failed(self, source: Source, error: SourceError) -> None:
        message = f"{source.name} {error.args[0]}"
        if len(error.args) > 1 and error.args[1]:
            message += f":\n{error.args[1]}"
        self._errors.append(message)
        size = len(self._pool)
        logger.log(
            logging.WARNING if size else logging.ERROR,
            "%s\nThe pool stays as it is, with %d proxies",
            message,
            size,
            exc_info=error.__cause__,
            extra=self._extra,
        )

    def _stumbled(self, failure: Failure) -> None:
        logger.error(
            "Sources could not be read, for a reason that nobody thought of",
            exc_info=(failure.type, failure.value, failure.tb),  # type: ignore[arg-type]
            extra=self._extra,
        )

    def _goes_on(self) -> bool:
        return self._is_open

    @property
    def _extra(self) -> dict[str, object]:
        return {"spider": self._crawler.spider}


_NOTHING = (
    "There is no proxy: list some in PROXYWHIRL_PROXIES, as 'http://user:password@host:port', or"
    " name files, URLs or code that have some in PROXYWHIRL_SOURCES, or set PROXYWHIRL_ENABLED ="
    " False to crawl without proxies"
)
