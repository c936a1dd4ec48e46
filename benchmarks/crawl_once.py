"""One crawl in a process of its own; prints what it took as JSON. See bench_crawl."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import cycle
from math import inf, nan
from pathlib import Path
from typing import Any

from scrapy import Request, Spider
from scrapy.crawler import Crawler, CrawlerProcess
from scrapy.http import Response
from typing_extensions import Self


class RoundRobinByHand:
    """What users write themselves: each request through the next proxy."""

    def __init__(self, urls: list[str]) -> None:
        self._urls: Iterator[str] = cycle(urls)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Take the same proxies."""
        return cls(crawler.settings.getlist("PROXYWHIRL_PROXIES"))

    def process_request(self, request: Request) -> None:
        """Assign the next."""
        request.meta["proxy"] = next(self._urls)


class Clock:
    """Notes when a page was first asked for: it is the first to see it, and retries keep that."""

    began = inf  # when the first page was

    def process_request(self, request: Request) -> None:
        """Start."""
        now = time.monotonic()
        Clock.began = min(Clock.began, now)
        request.meta.setdefault("asked", now)


class PagesSpider(Spider):
    """Asks for pages, and adds up what they took."""

    name = "pages"

    def __init__(
        self,
        origin_url: str,
        pages: int,
        bad_pages: int = 0,
        other_status: int | None = None,
        more: Sequence[str] = (),
        one_by_one: bool = False,
    ) -> None:
        """
        Take what to ask for.

        Args:
            origin_url: Of the site.
            pages: How many of its pages.
            bad_pages: How many more that answer everybody 403.
            other_status: What as many pages of another site answer, the same machine by another
                name; 0 for no such pages, None to ask for all of them as the crawl starts.
            more: Paths of pages beside, asked for in the middle.
            one_by_one: Whether to ask for a page with each that arrives, 32 being under way, and to
                keep no figures, so that neither fills the memory.
        """
        super().__init__()
        self.bad_pages = bad_pages
        self.other_status = other_status
        self.more = more
        self.more_arrived = 0
        self.one_by_one = one_by_one
        self.arrived = 0
        self.origin_url = origin_url
        self.pages = pages
        # Each after when its page was asked for.
        self.latencies: list[tuple[float, float]] = []
        self.page_seconds: list[tuple[float, float]] = []
        self.wrong = 0
        self.latest = inf
        self.open_files = 0

    async def start(self) -> AsyncIterator[Request]:
        """Ask for the pages, or for one whose callback asks for them all at once."""
        if self.one_by_one:
            for number in range(32):
                yield self.page(number)
        elif self.other_status is None:
            for request in self.requests():
                yield request
        else:
            yield Request(f"{self.origin_url}/first", self.parse_first)

    def parse_first(self, response: Response) -> Iterator[Request]:
        """Ask for the pages: Scrapy takes its first ones only as it has sent those before."""
        return self.requests()

    def requests(self) -> Iterator[Request]:
        """Make the requests."""
        other = self.origin_url.replace("127.0.0.1", "localhost")
        for number in range(self.pages):
            yield self.page(number)
            if self.other_status:
                yield Request(f"{other}/status/{self.other_status}?{number}", self.parse_other)
            if number == self.pages // 2:
                for path in self.more:
                    yield Request(self.origin_url + path, self.parse_more)
            if self.bad_pages and number % (self.pages // self.bad_pages) == 0:
                yield Request(f"{self.origin_url}/status/403?{number}")

    def page(self, number: int) -> Request:
        """Make the request for one page."""
        return Request(f"{self.origin_url}/{number}", meta={"page": number})

    def parse(self, response: Response) -> Request | None:
        """Note what a page took, its retries included, and whether it is what it should be."""
        self.latest = time.monotonic()
        self.arrived += 1
        self.wrong += response.body != f"<title>/{response.meta['page']}</title>".encode()
        if self.arrived == self.pages:
            self.open_files = len(os.listdir("/proc/self/fd"))
        if self.one_by_one:
            number = response.meta["page"] + 32
            return self.page(number) if number < self.pages else None
        self.latencies.append((response.meta["asked"], response.meta["download_latency"]))
        asked = response.meta["asked"]
        self.page_seconds.append((asked, time.monotonic() - asked))
        return None

    def parse_more(self, response: Response) -> None:
        """Note that one has come of those beside."""
        self.more_arrived += 1

    def parse_other(self, response: Response) -> None:
        """Do nothing: it is another site's."""


def peak_kib() -> int:
    """Return the most memory that this process has had; its maxrss holds its parent's (Linux)."""
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(line)


def main() -> None:
    """Crawl as the JSON on the command line says."""
    order = json.loads(sys.argv[1])
    process = CrawlerProcess(
        {
            "CONCURRENT_REQUESTS": 16,
            "CONCURRENT_REQUESTS_PER_DOMAIN": 16,
            "LOG_LEVEL": "CRITICAL",  # what is lost is counted
            "TELNETCONSOLE_ENABLED": False,
            **order["settings"],
            "DOWNLOADER_MIDDLEWARES": {Clock: 1, **order["settings"]["DOWNLOADER_MIDDLEWARES"]},
        }
    )
    crawler = process.create_crawler(PagesSpider)
    cpu = time.process_time()
    process.crawl(
        crawler,
        origin_url=order["origin_url"],
        pages=order["pages"],
        **{
            name: order[name]
            for name in ("bad_pages", "other_status", "more", "one_by_one")
            if name in order
        },
    )
    process.start()
    assert crawler.stats
    assert crawler.engine
    assert isinstance(crawler.spider, PagesSpider)
    latencies = [latency for _, latency in sorted(crawler.spider.latencies)]
    took: dict[str, Any] = {
        "arrived": crawler.spider.arrived,
        "wrong": crawler.spider.wrong,
        "more_arrived": crawler.spider.more_arrived,
        "peak_kib": peak_kib() if order.get("measures_memory") else None,
        "open_files": crawler.spider.open_files,
        "active": sum(
            proxy.requests_active
            for middleware in crawler.engine.downloader.middleware.middlewares
            for proxy in getattr(middleware, "pool", ())
        ),
        "asked": [asked for asked, _ in sorted(crawler.spider.latencies)],
        "latencies": latencies,
        "page_seconds": [seconds for _, seconds in sorted(crawler.spider.page_seconds)],
        "mean_ms": 1000 * sum(latencies) / len(latencies) if latencies else None,
        "seconds": crawler.spider.latest - Clock.began if crawler.spider.arrived else nan,
        "whole_seconds": time.monotonic() - Clock.began,
        "cpu": time.process_time() - cpu,
        "stats": {
            name: value
            for name, value in crawler.stats.get_stats().items()
            if name.startswith("proxywhirl/")
        },
    }
    print(json.dumps(took))


if __name__ == "__main__":
    main()
