"""One crawl without any reactor; prints what came of it as JSON. See test_without_reactor."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from typing import Any

from scrapy import Request, Spider, signals
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import Response

HANDLER = "scrapy.core.downloader.handlers._aiohttp"


class PagesSpider(Spider):
    """Asks for what it is given, and for files and copies of pages; notes what comes."""

    name = "pages"

    def __init__(self, urls: list[str], files: list[str], copies_meta: bool) -> None:
        super().__init__()
        self.copies_meta = copies_meta
        self.urls = urls
        self.files = files
        self.bodies: dict[str, str] = {}
        self.failures: list[str] = []
        self.files_came: list[str] = []

    async def start(self) -> AsyncIterator[Request]:
        self.crawler.signals.connect(self.scraped, signals.item_scraped)
        for url in self.urls:
            yield Request(url, errback=self.fail)

    def parse(self, response: Response) -> Any:
        self.bodies[response.url] = response.text
        if self.files:
            yield {"file_urls": self.files}
            self.files = []
        if self.copies_meta and not response.url.endswith("-copy"):
            yield Request(f"{response.url}-copy", meta=response.meta)

    def scraped(self, item: dict[str, Any]) -> None:
        self.files_came.extend(file["url"] for file in item["files"])

    def fail(self, failure: Any) -> None:
        self.failures.append(repr(failure.value))


def main() -> None:
    """Crawl as the JSON on the command line says."""
    order = json.loads(sys.argv[1])
    handler = f"{HANDLER}.AiohttpDownloadHandler"
    process = AsyncCrawlerProcess(
        {
            "TWISTED_REACTOR_ENABLED": False,
            "DOWNLOAD_HANDLERS": {"http": handler, "https": handler},
            "DOWNLOADER_MIDDLEWARES": {"scrapy_proxywhirl.ProxyWhirlMiddleware": 745},
            "LOG_ENABLED": False,
            **order["settings"],
        }
    )
    crawler = process.create_crawler(PagesSpider)
    process.crawl(crawler, order["urls"], order["files"], order["copies_meta"])
    process.start()
    assert crawler.stats
    assert isinstance(crawler.spider, PagesSpider)
    stats = crawler.stats.get_stats()
    print(
        json.dumps(
            {
                "reason": stats["finish_reason"],
                "bodies": crawler.spider.bodies,
                "failures": crawler.spider.failures,
                "files": crawler.spider.files_came,
                "stats": {key: value for key, value in stats.items() if "proxywhirl" in key},
            }
        )
    )


if __name__ == "__main__":
    main()
