"""Requests that go around the pool, though nobody has said that they are to."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler

    from scrapy_proxywhirl.stats import CrawlStats

logger = logging.getLogger(__name__)


class Bypass:
    """
    Counts and tells of requests that go around the pool and do not say so.

    Those with ``meta["proxywhirl"] = False`` do. The others have a ``meta["proxy"]``, of the
    spider's or of another middleware's, or are for Zyte API.

    Args:
        crawler: Whose crawl it is.
        stats: Of the crawl.
    """

    def __init__(self, crawler: Crawler, stats: CrawlStats) -> None:
        self._crawler = crawler
        self._stats = stats
        self._count = 0

    def note(self, request: Request) -> None:
        """Take note of *request*, which is not for the pool; tell of the first."""
        if "proxy" not in request.meta or request.meta.get("proxywhirl") is False:
            return
        self._stats.left_alone()
        self._count += 1
        if self._count == 1:
            logger.info(
                "%s does not go through the pool: the spider or another middleware has set its"
                " meta['proxy'], or it is for Zyte API. The stat proxywhirl/left_alone counts such"
                " requests; this is said once.",
                request,
                extra={"spider": self._crawler.spider},
            )

    def close(self) -> None:
        """Warn where there were no other requests."""
        if self._count and not self._stats.attempts:
            logger.warning(
                "No request went through the pool, and %d did not for their meta['proxy'] or for"
                " Zyte API. If your spider sets no meta['proxy'], another middleware does; take it"
                " out of DOWNLOADER_MIDDLEWARES.",
                self._count,
                extra={"spider": self._crawler.spider},
            )
