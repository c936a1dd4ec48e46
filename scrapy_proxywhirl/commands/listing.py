"""``scrapy proxies list``: the pool that a project's settings give, and where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy import Request, Spider
from scrapy.crawler import CrawlerProcess
from scrapy.exceptions import UsageError

from scrapy_proxywhirl import Addon, ProxyWhirlMiddleware
from scrapy_proxywhirl.slices import pause

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from scrapy.settings import Settings
    from twisted.python.failure import Failure

    from scrapy_proxywhirl import Proxy
    from scrapy_proxywhirl.sources import Source

# Seconds between two looks at whether all sources have been heard of.
_TICK = 0.05

# What a crawl of the project's does beside downloading, which this is none of.
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

_HEAD = ("proxy", "url", "country", "region", "tags", "tier", "from")


class ListSpider(Spider):
    """Asks for nothing, and waits until all sources have been heard of."""

    name = "list"

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[str, ...]] | None = None

    async def start(self) -> AsyncIterator[Request]:
        """Wait, and note who is in the pool."""
        middleware = self.crawler.get_downloader_middleware(ProxyWhirlMiddleware)
        if middleware is None:
            return
        while middleware.supply.is_expected:
            await pause(_TICK)
        source_of = middleware.supply.roster.source_of
        self.rows = [_row(proxy, source_of(proxy)) for proxy in middleware.pool]
        nothing: tuple[Request, ...] = ()
        for request in nothing:
            yield request


def run_list(settings: Settings) -> bool:
    """
    Print the pool, a proxy in each line.

    Args:
        settings: Of the project.

    Returns:
        Whether there is any proxy.

    Raises:
        UsageError: The settings are not allowed, have no proxy, or disable the middleware.
    """
    Addon().update_settings(settings)
    settings.setdict(_NOTHING_ELSE, priority="cmdline")
    process = CrawlerProcess(settings)
    crawler = process.create_crawler(ListSpider)
    failures: list[Failure] = []
    process.crawl(crawler).addErrback(failures.append)
    process.start()
    if failures:
        failure = failures[0]
        if isinstance(failure.value, ValueError):
            raise UsageError(failure.getErrorMessage(), print_help=False)
        failure.raiseException()
    assert isinstance(crawler.spider, ListSpider)
    rows = crawler.spider.rows
    if rows is None:
        raise UsageError(
            "ProxyWhirlMiddleware is disabled: DOWNLOADER_MIDDLEWARES has None for its order",
            print_help=False,
        )
    for line in _lines([_HEAD, *rows]):
        print(line)
    return bool(rows)


def _row(proxy: Proxy, source: Source | None) -> tuple[str, ...]:
    return (
        proxy.label,
        proxy.url,
        proxy.country or "",
        proxy.region or "",
        ",".join(proxy.tags),
        "" if proxy.tier == 1 else str(proxy.tier),
        source.name if source else "",
    )


def _lines(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Align columns; those that nobody has are left out."""
    columns = [column for column in zip(*rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns]
    for row in zip(*columns, strict=True):
        yield _line(row, widths)


def _line(row: Iterable[Any], widths: list[int]) -> str:
    cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
    return "  ".join(cells).rstrip()
