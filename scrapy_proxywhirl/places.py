"""Places to wait in, outside of what is being downloaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler

# So many there are, in CONCURRENT_REQUESTS.
_PLACES = 4


class Places:
    """
    Places to wait in, outside of what the engine counts as being downloaded.

    There is no room for other requests while CONCURRENT_REQUESTS of them are being downloaded,
    which those are too that wait in a downloader middleware.

    Args:
        crawler: Whose crawl it is.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._taken = 0

    @property
    def number(self) -> int:
        """How many there are."""
        assert self._crawler.engine
        return _PLACES * self._crawler.engine.downloader.total_concurrency

    def has_room(self) -> bool:
        """Tell whether there is one for what need not wait: half of them are for what must."""
        return 2 * self._taken < self.number

    def may_go_on(self, request: Request, under_way: Mapping[str | None, int]) -> bool:
        """
        Tell whether *request* may be downloaded besides what is.

        Those that have waited go on many at once, where Scrapy would have sent one after another.

        Args:
            request: Which waits.
            under_way: How many attempts are, by domain.
        """
        assert self._crawler.engine
        downloader = self._crawler.engine.downloader
        if 0 < downloader.total_concurrency <= sum(under_way.values()):
            return False
        key = downloader.get_slot_key(request)  # the domain, but where PROXYWHIRL_SLOTS has others
        slot = downloader.slots.get(key)
        return slot is None or under_way.get(key, 0) < slot.concurrency

    def take(self, request: Request) -> Callable[[], None] | None:
        """
        Take *request* out, where there is a place for it.

        Returns:
            What puts it back, as it must be before it goes on; None where there is no place.
        """
        engine = self._crawler.engine
        assert engine
        downloader = engine.downloader
        if self._taken >= self.number or request not in downloader.active:
            return None
        self._taken += 1
        downloader.active.remove(request)
        # DownloaderAwarePriorityQueue serves the slot with the fewest: not the one that waits.
        slot = downloader.slots.get(downloader.get_slot_key(request))
        if slot is not None:
            slot.active.add(request)
        if engine._slot is not None:  # there is room now for what the scheduler has
            engine._slot.nextcall.schedule()

        def put_back() -> None:
            """Let *request* be one of those that are being downloaded again."""
            self._taken -= 1
            downloader.active.add(request)
            if slot is not None:
                slot.active.discard(request)

        return put_back
