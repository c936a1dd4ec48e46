"""Keeps a pool as its sources have it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from math import inf
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from scrapy.utils.asyncio import create_looping_call
from scrapy.utils.defer import deferred_from_coro

from scrapy_proxywhirl.slices import in_slices
from scrapy_proxywhirl.sources.base import Source, SourceError
from scrapy_proxywhirl.sources.garbage import PoolGarbage
from scrapy_proxywhirl.sources.listing import Listing
from scrapy_proxywhirl.sources.local import ListSource, LocalSource
from scrapy_proxywhirl.sources.roster import Roster

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.utils.asyncio import AsyncioLoopingCall
    from twisted.internet.task import LoopingCall
    from twisted.python.failure import Failure

    from scrapy_proxywhirl.core import Proxy, ProxyPool
    from scrapy_proxywhirl.sources.formats import Entries

logger = logging.getLogger(__name__)

# Seconds between two looks at whether something is to be done.
_TICK = 0.5

# Seconds after which a source that failed is asked again, while there is no proxy at all.
_SOON = 5.0


class Supply:
    """
    Keeps a pool as its sources have it.

    A source that fails, or has nothing that can be used, keeps the proxies that it had.

    Args:
        crawler: Whose crawl it is.
        pool: The proxies.
        sources: Where they come from.
        interval: Seconds between two looks at what has to be read regularly; 0 to read each source
            once.
        check: Raises a ValueError for a proxy that the crawl cannot use.
        changed: Is called when sources have been read.

    Attributes:
        roster: Who is in the pool, and why.
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
        self.roster = Roster(pool, sources)
        self._garbage = PoolGarbage()
        self._expected = {one for one in sources if not isinstance(one, LocalSource)}
        self._next_read = dict.fromkeys(self._expected, 0.0)
        self._to_take_in: deque[tuple[Source, Entries]] = deque()
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
        errors = []
        with self._garbage.spared():
            for source in self._sources:
                if isinstance(source, LocalSource):
                    try:
                        deque(self._take_in(source, source.read_now()), maxlen=0)  # all of it
                    except SourceError as error:
                        errors.append(self._failed(source, error))
        if not len(self._pool) and not self._expected:
            raise ValueError("\n".join([*errors, _NOTHING]))

    def open(self) -> None:
        """Begin to keep it so: the crawl runs."""
        self._is_open = True
        self._ticking = create_looping_call(self._tick)
        self._ticking.start(_TICK, now=True)

    def close(self) -> None:
        """Leave it as it is: the crawl is over."""
        self._is_open = False
        self._garbage.end()
        if self._ticking is not None and self._ticking.running:
            self._ticking.stop()

    def _tick(self) -> None:
        now = monotonic()
        for source in self._sources:
            is_due = self._next_read.get(source, inf) <= now
            if is_due or (self._interval and source.has_changed()):
                self._next_read[source] = inf  # until it has been read
                self._start(self._read(source))
        if self.roster.has_expired(time()):
            self._start(self._work())
        self._garbage.settle()

    async def _read(self, source: Source) -> None:
        entries = None
        try:
            entries = await source.read(self._crawler)
        except SourceError as error:
            self._failed(source, error)
        finally:
            if entries is None:
                self._has_been_heard_of(source)
        if entries is not None:
            self._to_take_in.append((source, entries))
            await self._work()

    async def _work(self) -> None:
        """Change the pool as has to be done, one thing after the other."""
        if self.is_working:  # and will see to this too
            return
        self.is_working = True
        try:
            await in_slices(self._expire(), self._goes_on)
            while self._to_take_in:
                source, entries = self._to_take_in.popleft()
                try:
                    with self._garbage.spared():
                        await in_slices(self._take_in(source, entries), self._goes_on)
                except SourceError as error:
                    self._failed(source, error)
                self._has_been_heard_of(source)
        finally:
            self.is_working = False

    def _has_been_heard_of(self, source: Source) -> None:
        if not isinstance(source, LocalSource):
            wait = self._interval or inf
            if not len(self._pool):
                wait = min(wait, _SOON)
            self._next_read[source] = monotonic() + wait
        self._expected.discard(source)
        self._changed()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        deferred_from_coro(work).addErrback(self._stumbled)

    def _take_in(self, source: Source, entries: Entries) -> Iterator[None]:
        """
        Let the pool have what *source* has, step by step.

        Raises:
            SourceError: It has nothing that is of use; then nothing is changed.
        """
        listing = Listing(source.name, self._pool, self.roster.gateways, self._check, time())
        yield from listing.read(entries)
        if listing.wrong and isinstance(source, ListSource):
            raise ValueError(listing.report())
        if not listing.ids:
            raise SourceError("has no proxy that can be used", listing.report())
        left = yield from self.roster.take_in(source, listing)
        self._garbage.joined(len(listing.joining))
        self._tell(source, listing, left)

    def _expire(self) -> Iterator[None]:
        expired = yield from self.roster.expire(time())
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

    def _failed(self, source: Source, error: SourceError) -> str:
        message = f"{source.name} {error.args[0]}"
        if len(error.args) > 1 and error.args[1]:
            message += f":\n{error.args[1]}"
        size = len(self._pool)
        logger.log(
            logging.WARNING if size else logging.ERROR,
            "%s\nThe pool stays as it is, with %d proxies",
            message,
            size,
            exc_info=error.__cause__,
            extra=self._extra,
        )
        return message

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
