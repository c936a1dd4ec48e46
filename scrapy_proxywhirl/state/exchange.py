"""Lets a store have what is learned, and the pool what others have."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, NamedTuple

from scrapy.utils.asyncio import create_looping_call
from scrapy.utils.defer import deferred_from_coro

from scrapy_proxywhirl.slices import in_slices
from scrapy_proxywhirl.state.store import Answer, StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy.crawler import Crawler
    from scrapy.utils.asyncio import AsyncioLoopingCall
    from twisted.internet.task import LoopingCall
    from twisted.python.failure import Failure

    from scrapy_proxywhirl.core import Proxy, ProxyPool
    from scrapy_proxywhirl.core.journal import Change, PoolJournal, SharedRest
    from scrapy_proxywhirl.state.store import Store
    from scrapy_proxywhirl.stats import CrawlStats

logger = logging.getLogger(__name__)


class _Told(NamedTuple):
    """What a store is told, and asked, in one exchange."""

    changes: Sequence[Change]
    rests: Sequence[SharedRest]
    wanted: Sequence[str]


class StateExchange:
    """
    Lets a store have what is learned, and the pool what others have.

    The store works in a thread of its own, and nobody waits for it but the crawl's start and its
    end, and those not for long: requests go by what the pool knows, and whatever a store does costs
    none of them anything. What it could not be told it is told later.

    Args:
        crawler: Whose crawl it is.
        pool: What learns; it has a journal.
        store: Keeps it.
        stats: Of the crawl.
        interval: Seconds between two exchanges.
    """

    def __init__(
        self,
        crawler: Crawler,
        pool: ProxyPool,
        store: Store,
        stats: CrawlStats,
        interval: float,
    ) -> None:
        assert pool.journal is not None
        self._crawler = crawler
        self._pool = pool
        self._journal: PoolJournal = pool.journal
        self._store = store
        self._stats = stats
        self._interval = interval
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="proxywhirl-state")
        self._told = _Told((), (), ())
        self._answer: Future[Answer] | None = None
        self._is_kept = False  # by the store, which could not see to it yet
        self._is_learning = False
        self._is_open = False
        self._has_warned = False
        self._wanted: set[str] = set()
        self._ticking: AsyncioLoopingCall | LoopingCall | None = None
        pool.watch_members(self)

    def added(self, proxy: Proxy) -> None:
        """Ask for what is known of a proxy that joined."""
        self._wanted.add(proxy.id)

    def removed(self, proxy: Proxy) -> None:
        """Ask no more for one that left."""
        self._wanted.discard(proxy.id)

    def open(self) -> None:
        """Learn what is known, before the first request."""
        self._is_open = True
        self._tell()
        answer = self._wait()
        if answer is not None:
            for _ in self._learn(answer):
                pass
            logger.info(
                "%s knows %d of %d proxies",
                self._store.name,
                len(answer.records),
                len(self._pool),
                extra=self._extra,
            )
        self._ticking = create_looping_call(self._tick)
        self._ticking.start(self._interval, now=False)

    def close(self) -> None:
        """Let the store have the rest."""
        if not self._is_open:
            return
        self._is_open = False
        if self._ticking is not None and self._ticking.running:
            self._ticking.stop()
        if self._wait() is not None or self._answer is None:
            self._tell(is_last=True)
            self._wait()
        self._thread.submit(self._store.close)
        self._thread.shutdown(wait=False)

    def _tick(self) -> None:
        if self._is_learning or (self._answer is not None and not self._answer.done()):
            return
        if self._answer is not None:
            answer = self._wait()
            if answer is not None and (answer.records or answer.rests):
                self._is_learning = True
                deferred_from_coro(self._learn_slowly(answer)).addErrback(self._stumbled)
                return
        self._tell()

    def _tell(self, is_last: bool = False) -> None:
        """Let the store have what is new."""
        if self._is_kept:
            self._told = _Told((), (), ())
        else:
            with self._pool.lock:
                changes = self._journal.take_changes()
                rests = self._journal.take_rests()
                wanted = () if is_last else tuple(self._wanted)
                self._wanted.difference_update(wanted)
            self._told = _Told(changes, rests, wanted)
        self._answer = self._thread.submit(self._store.exchange, *self._told)

    def _wait(self) -> Answer | None:
        """Return what the store says, if it does so before long; None where it does not."""
        if self._answer is None:
            return None
        try:
            answer = self._answer.result(self._store.patience)
        except FutureTimeoutError:
            self._warn(f"has not answered for {self._store.patience:g} s")
            return None
        except Exception as error:  # noqa: BLE001 (whatever it may be, the crawl goes on)
            self._answer = None
            self._is_kept = isinstance(error, StoreError) and error.is_kept
            if not self._is_kept:
                self._put_back()
            is_known = isinstance(error, StoreError)
            self._warn(str(error) if is_known else "has failed", None if is_known else error)
            return None
        self._answer = None
        self._is_kept = False
        if self._has_warned:
            self._has_warned = False
            logger.info("%s is there again", self._store.name, extra=self._extra)
        if answer.has_forgotten:
            with self._pool.lock:
                self._journal.offer(self._pool)
        return answer

    async def _learn_slowly(self, answer: Answer) -> None:
        try:
            await in_slices(self._learn(answer), lambda: self._is_open)
        finally:
            self._is_learning = False
        if self._is_open:
            self._tell()

    def _learn(self, answer: Answer) -> Iterator[None]:
        for record in answer.records:
            with self._pool.lock:
                proxy = self._journal.learn(record, self._pool)
            if proxy is not None:
                self._stats.learned(proxy)
            yield
        for rest in answer.rests:
            with self._pool.lock:
                self._journal.learn_rest(rest, self._pool)
            yield

    def _put_back(self) -> None:
        with self._pool.lock:
            self._journal.put_back(self._told.changes, self._pool)
            self._journal.put_back_rests(self._told.rests, self._pool)
            self._wanted.update(self._told.wanted)

    def _warn(self, reason: str, error: Exception | None = None) -> None:
        if not self._has_warned:
            self._has_warned = True
            logger.warning(
                "%s %s. The crawl goes on by what it knows, and what it learns is told later.",
                self._store.name,
                reason,
                exc_info=error,
                extra=self._extra,
            )

    def _stumbled(self, failure: Failure) -> None:
        logger.error(
            "What others have learned could not be taken in, for a reason that nobody thought of",
            exc_info=(failure.type, failure.value, failure.tb),  # type: ignore[arg-type]
            extra=self._extra,
        )

    @property
    def _extra(self) -> dict[str, object]:
        return {"spider": self._crawler.spider}
