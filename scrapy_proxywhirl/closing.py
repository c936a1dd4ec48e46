"""The end of a crawl, where we ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.utils.defer import deferred_from_coro

if TYPE_CHECKING:
    from scrapy.crawler import Crawler


def close_spider(crawler: Crawler, reason: str) -> None:
    """Begin to close the spider of *crawler* for *reason*, as it stands in the stats then."""
    assert crawler.engine
    # Not awaited: it waits for all requests that are under way, and so for whoever asks.
    deferred_from_coro(crawler.engine.close_spider_async(reason=reason))
