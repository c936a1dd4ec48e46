"""A crawl without any reactor, in a process of its own: this one has a reactor."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec

import pytest

from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec

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
    "PROXYWHIRL_COOLDOWN": 0.4,
    "LOG_ENABLED": False,
})
crawler = process.create_crawler(PagesSpider)
process.crawl(crawler)
process.start()
stats = crawler.stats.get_stats()
print(stats["finish_reason"], stats["proxywhirl/successes"], stats.get("proxywhirl/waits", 0))
"""

pytestmark = pytest.mark.skipif(
    find_spec(HANDLER) is None, reason="this Scrapy has no handler that needs no reactor"
)


def crawl(playground: Playground) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", CRAWL, playground.origin_url, HANDLER, *playground.proxy_urls],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.split()


def test_it_crawls_and_learns(playground: Playground) -> None:
    assert crawl(playground) == ["finished", "20", "0"]
    assert len(playground.origin_log()) == 20
    assert all(entry["via"] for entry in playground.origin_log())


def test_pages_wait_for_the_end_of_an_outage(play: Callable[..., Playground]) -> None:
    playground = play(*[ProxySpec(fault=Fault.RESET)] * 2)
    for place in range(2):
        playground.change(place, ProxySpec(latency=0.01), after=1.5)

    reason, successes, waits = crawl(playground)

    assert (reason, successes) == ("finished", "20")
    assert int(waits) >= 1
