"""A crawl without any reactor, in a process of its own: this one has a reactor."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from scrapy_proxywhirl.playground import Playground

HANDLER = "scrapy.core.downloader.handlers._aiohttp"

CRAWL = """
import sys
from scrapy import Request, Spider
from scrapy.crawler import AsyncCrawlerProcess

class PagesSpider(Spider):
    name = "pages"

    async def start(self):
        for number in range(20):
            yield Request(f"{sys.argv[1]}/{number}")

    def parse(self, response):
        pass

handler = sys.argv[2] + ".AiohttpDownloadHandler"
process = AsyncCrawlerProcess({
    "TWISTED_REACTOR_ENABLED": False,
    "DOWNLOAD_HANDLERS": {"http": handler, "https": handler},
    "DOWNLOADER_MIDDLEWARES": {"scrapy_proxywhirl.ProxyWhirlMiddleware": 745},
    "PROXYWHIRL_PROXIES": sys.argv[3:],
    "LOG_ENABLED": False,
})
crawler = process.create_crawler(PagesSpider)
process.crawl(crawler)
process.start()
stats = crawler.stats.get_stats()
print(stats["finish_reason"], stats["proxywhirl/attempts"], stats["proxywhirl/successes"])
"""


@pytest.mark.skipif(
    find_spec(HANDLER) is None, reason="this Scrapy has no handler that needs no reactor"
)
def test_it_crawls_and_learns(playground: Playground) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CRAWL, playground.origin_url, HANDLER, *playground.proxy_urls],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == ["finished", "20", "20"]
    assert len(playground.origin_log()) == 20
    assert all(entry["via"] for entry in playground.origin_log())
