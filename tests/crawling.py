"""Real crawls over loopback, and what came of them."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet import asyncioreactor
from twisted.python.failure import Failure

from scrapy_proxywhirl import Proxy, ProxyWhirlMiddleware
from scrapy_proxywhirl.slices import pause

MIDDLEWARE = "scrapy_proxywhirl.ProxyWhirlMiddleware"


class CollectingSpider(Spider):
    """Asks for what it is given, and collects what comes back."""

    name = "collecting"

    def __init__(self, requests: Iterable[Request | str]) -> None:
        super().__init__()
        self.requests = requests
        self.responses: list[Response] = []
        self.failures: list[Failure] = []

    async def start(self) -> AsyncIterator[Request]:
        for request in self.requests:
            if isinstance(request, str):
                request = Request(request)
            if request.callback is None:
                request = request.replace(callback=self.collect)
            yield request.replace(errback=self.collect_failure)

    def collect(self, response: Response) -> None:
        self.responses.append(response)

    def collect_failure(self, failure: Failure) -> None:
        self.failures.append(failure)


class FollowingSpider(CollectingSpider):
    """Asks for all but the first when that has come: Scrapy keeps its first requests in line."""

    async def start(self) -> AsyncIterator[Request]:
        first, *self.requests = self.requests
        assert isinstance(first, str)
        yield Request(first, self.follow)

    async def follow(self, response: Response) -> AsyncIterator[Request]:
        async for request in super().start():
            yield request


@dataclass
class Crawl:
    """What came of a crawl."""

    spider: CollectingSpider
    stats: dict[str, Any]
    middleware: ProxyWhirlMiddleware

    @property
    def proxies(self) -> list[Proxy]:
        return list(self.middleware.pool)

    def proxy(self, label: str) -> Proxy:
        return next(proxy for proxy in self.proxies if proxy.label == label)

    def stat(self, name: str) -> Any:
        return self.stats.get(f"proxywhirl/{name}", 0)

    def assert_every_attempt_is_settled(self) -> None:
        """Attempts add up, on the whole and for each proxy, and none is counted as in flight."""
        outcomes = ("successes", "bans", "failures", "neutral")
        assert self.stat("attempts") == sum(self.stat(outcome) for outcome in outcomes)
        assert self.stat("attempts") == sum(proxy.requests_started for proxy in self.proxies)
        assert [proxy.requests_active for proxy in self.proxies] == [0] * len(self.proxies)


def is_asyncio() -> bool:
    """Tell whether the reactor that the tests run on is asyncio's."""
    from twisted.internet import reactor

    return isinstance(reactor, asyncioreactor.AsyncioSelectorReactor)


def make_crawler(
    settings: dict[str, Any], spider_class: type[CollectingSpider] = CollectingSpider
) -> Crawler:
    """Return a crawler for the reactor that the tests run on."""
    return Crawler(
        spider_class,
        {
            "CONCURRENT_REQUESTS_PER_DOMAIN": 16,
            "DOWNLOADER_MIDDLEWARES": {MIDDLEWARE: 745},
            "PROXYWHIRL_WAIT_TIMEOUT": 10,  # longer than machines stand still
            "TELNETCONSOLE_ENABLED": False,
            **({} if is_asyncio() else {"TWISTED_REACTOR": None}),
            **settings,
        },
    )


async def crawl(
    settings: dict[str, Any],
    requests: Iterable[Request | str],
    spider_class: type[CollectingSpider] = CollectingSpider,
) -> Crawl:
    """Crawl, and wait for the end."""
    crawler = make_crawler(settings, spider_class)
    await run(crawler, requests)
    assert crawler.engine
    assert crawler.stats
    assert isinstance(crawler.spider, CollectingSpider)
    return Crawl(
        spider=crawler.spider,
        stats=crawler.stats.get_stats(),
        middleware=next(
            middleware
            for middleware in crawler.engine.downloader.middleware.middlewares
            if isinstance(middleware, ProxyWhirlMiddleware)
        ),
    )


async def run(crawler: Crawler, requests: Iterable[Request | str]) -> None:
    """Run *crawler* to its end, whatever the reactor."""
    await maybe_deferred_to_future(crawler.crawl(requests))


def secrets(username: str, password: str) -> list[str]:
    """Return the texts by which credentials would be seen."""
    basic = b64encode(f"{username}:{password}".encode()).decode()
    return [password, quote(password, safe=""), basic]


async def kept_in(*folders: Path) -> bytes:
    """Return what crawls have left in the files of *folders*."""
    deadline = time.monotonic() + 10
    while any(any(one.glob("*-wal")) for one in folders) and time.monotonic() < deadline:
        await pause(0.02)  # the state is closed in a thread of its own
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return b"".join(path.read_bytes() for path in files)
