"""Figures of a crawl, where a user of Scrapy looks for them."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.extensions.telnet import update_telnet_vars
from scrapy.http import Response
from scrapy.utils.defer import deferred_f_from_coro_f
from typing_extensions import Self

from scrapy_proxywhirl import ProxyWhirlMiddleware
from scrapy_proxywhirl.playground import Playground
from tests.crawling import CollectingSpider, Crawl, crawl


def identities(playground: Playground, number: int) -> list[str]:
    hostport = playground.proxy_urls[0].partition("//")[2]
    return [f"http://user{place}:hunter2@{hostport}" for place in range(number)]


def labels(crawled: Crawl) -> set[str]:
    return {name.split("/")[2] for name in crawled.stats if name.startswith("proxywhirl/proxy/")}


class FigureReader:
    """An extension as a user might write it."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self.seen: dict[str, Any] = {}
        crawler.signals.connect(self.spider_closed, signals.spider_closed)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def spider_closed(self) -> None:
        assert self._crawler.stats
        self.seen = dict(self._crawler.stats.get_stats())


class AskingSpider(CollectingSpider):
    """Asks a telnet console, so to say, when its first page has come."""

    def collect(self, response: Response) -> None:
        super().collect(response)
        if len(self.responses) == 1:
            names: dict[str, Any] = {}
            self.crawler.signals.send_catch_log(update_telnet_vars, telnet_vars=names)
            names["proxies"]()
            middleware = self.crawler.get_downloader_middleware(ProxyWhirlMiddleware)
            assert middleware
            self.summary = middleware.summary()


@pytest.mark.parametrize(("most", "shown"), [(0, 0), (50, 50), (10_000, 200)])
@deferred_f_from_coro_f
async def test_of_ten_thousand_proxies_as_many_have_figures_as_are_to(
    most: int, shown: int, playground: Playground
) -> None:
    settings = {
        "PROXYWHIRL_PROXIES": identities(playground, 10_000),
        "PROXYWHIRL_STRATEGY": "round-robin",
        "PROXYWHIRL_STATS_PROXIES": most,
        "EXTENSIONS": {FigureReader: 0},
    }

    crawled = await crawl(settings, [f"{playground.origin_url}/{n}" for n in range(200)])

    assert len(labels(crawled)) == shown
    assert crawled.stat("attempts") == 200
    extension = crawled.spider.crawler.get_extension(FigureReader)
    assert extension
    of_proxies = {name for name in crawled.stats if name.startswith("proxywhirl/")}
    assert of_proxies <= extension.seen.keys()  # they are there before anybody looks
    assert "hunter2" not in str(crawled.stats)


@deferred_f_from_coro_f
async def test_scrapys_periodic_log_has_them(
    playground: Playground, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    settings = {
        "PROXYWHIRL_PROXIES": playground.proxy_urls,
        "EXTENSIONS": {"scrapy.extensions.periodic_log.PeriodicLog": 0},
        "PERIODIC_LOG_STATS": {"include": ["proxywhirl/"]},
        "PERIODIC_LOG_DELTA": {"include": ["proxywhirl/"]},
        "LOGSTATS_INTERVAL": 60,
    }

    await crawl(settings, [f"{playground.origin_url}/{place}" for place in range(9)])

    *_, text = [one.getMessage() for one in caplog.records if one.name.endswith("periodic_log")]
    for figure in ('"proxywhirl/attempts": 9', '"proxywhirl/proxies/total": 3', "/ema_ms"):
        assert figure in text


@deferred_f_from_coro_f
async def test_scrapys_telnet_console_shows_the_proxies(
    playground: Playground, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {
        "PROXYWHIRL_PROXIES": playground.proxy_urls,
        "TELNETCONSOLE_ENABLED": True,
        "TELNETCONSOLE_PORT": [0],
        "CONCURRENT_REQUESTS": 1,
    }

    urls = [f"{playground.origin_url}/{place}" for place in range(3)]
    crawled = await crawl(settings, urls, AskingSpider)

    shown = capsys.readouterr().out
    assert isinstance(crawled.spider, AskingSpider)
    assert crawled.spider.summary == shown.rstrip("\n")
    assert shown.startswith("Crawled through ")
    assert re.search(r"^best +127\.0\.0\.1:.* healthy$", shown, re.MULTILINE)
