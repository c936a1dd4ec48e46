"""A crawl for what a project's proxies are, with nothing else of the project in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from scrapy import Spider
from scrapy.crawler import CrawlerProcess
from scrapy.exceptions import UsageError

from scrapy_proxywhirl import Addon, ProxyWhirlMiddleware
from scrapy_proxywhirl.slices import pause

if TYPE_CHECKING:
    from scrapy.settings import Settings
    from twisted.python.failure import Failure

SpiderT = TypeVar("SpiderT", bound="PoolSpider")

# Seconds between two looks at whether all sources have been heard of.
_TICK = 0.05

# What a crawl of the project's does beside downloading.
_NOTHING_ELSE = {
    "ADDONS": {},
    "DOWNLOAD_DELAY": 0,
    "EXTENSIONS": {},
    "FEEDS": {},
    "ITEM_PIPELINES": {},
    "JOBDIR": None,
    "PROXYWHIRL_ENABLED": True,
    "PROXYWHIRL_STATE": False,
    "SPIDER_MIDDLEWARES": {},
    "TELNETCONSOLE_ENABLED": False,
}


class PoolSpider(Spider):
    """
    Waits until all sources have been heard of.

    Attributes:
        middleware: Has the pool; None until it is there.
    """

    name = "proxies"

    def __init__(self) -> None:
        super().__init__()
        self.middleware: ProxyWhirlMiddleware | None = None

    async def wait_for_pool(self) -> ProxyWhirlMiddleware | None:
        """Return what has the pool, when that is filled; None where it is disabled."""
        middleware = self.crawler.get_downloader_middleware(ProxyWhirlMiddleware)
        while middleware is not None and middleware.supply.is_expected:
            await pause(_TICK)
        self.middleware = middleware
        return middleware


def run(
    settings: Settings, spider: type[SpiderT], own: dict[str, Any], **arguments: Any
) -> SpiderT:
    """
    Crawl with a spider that is about the pool.

    Args:
        settings: Of the project.
        spider: Its class.
        own: Settings that the spider needs.
        arguments: Of the spider.

    Returns:
        The spider, when it is done.

    Raises:
        UsageError: The settings are not allowed, have no proxy, or disable the middleware.
    """
    Addon().update_settings(settings)
    settings.setdict({**_NOTHING_ELSE, **own}, priority="cmdline")
    process = CrawlerProcess(settings)
    crawler = process.create_crawler(spider)
    failures: list[Failure] = []
    process.crawl(crawler, **arguments).addErrback(failures.append)
    process.start()
    if failures:
        failure = failures[0]
        if isinstance(failure.value, ValueError):
            raise UsageError(failure.getErrorMessage(), print_help=False)
        failure.raiseException()
    assert isinstance(crawler.spider, spider)
    if crawler.spider.middleware is None:
        raise UsageError(
            "ProxyWhirlMiddleware is disabled: DOWNLOADER_MIDDLEWARES has None for its order",
            print_help=False,
        )
    return crawler.spider
