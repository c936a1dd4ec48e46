"""Crawls beside another middleware that does whatever one may: what holds of all of them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any, TypeVar

import pytest
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.utils.defer import deferred_f_from_coro_f
from typing_extensions import Self

from scrapy_proxywhirl.playground import Playground
from tests.crawling import MIDDLEWARE, CollectingSpider, crawl, is_asyncio, kept_in, secrets
from tests.integration.test_any_crawl import PASSWORD, PATHS, WISHES, any_proxies, described

T = TypeVar("T")

PAGES = 40
MOST_ASKED = 20  # pages that callbacks ask for

# Of the other middleware: before all, between Scrapy's, next to ours, before and behind the cache.
ORDERS = [100, 595, 744, 747, 800, 950]

# What settings may be besides their defaults, each in one of two crawls.
SETTINGS: dict[str, Any] = {
    "CLOSESPIDER_PAGECOUNT": 15,
    "HTTPCACHE_ENABLED": True,
    "PROXYWHIRL_BUDGET": 1,
    "PROXYWHIRL_SCOPE": "domain",
}


class Unruly:
    """Answers, refuses, replaces and breaks requests, now and then."""

    def __init__(self, crawler: Crawler) -> None:
        self._random = Random(crawler.settings["SEED"]).random

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_request(self, request: Request) -> Request | Response | None:
        return self._deed(request, None)

    def process_response(self, request: Request, response: Response) -> Request | Response:
        return self._deed(request, response)

    def process_exception(self, request: Request, exception: Exception) -> Request | None:
        return request.replace(dont_filter=True) if self._random() < 0.05 else None

    def _deed(self, request: Request, else_: T) -> Request | Response | T:
        drawn = self._random()
        if drawn < 0.02:
            return Response(request.url, request=request)
        if drawn < 0.04:
            return request.replace(dont_filter=True)
        if drawn < 0.06:
            raise IgnoreRequest("unruly")
        if drawn < 0.08:
            raise RuntimeError("unruly")
        return else_


class AskingSpider(CollectingSpider):
    """Copies requests with all their meta, waits for others in callbacks, and gives some up."""

    asked = 0

    async def collect(self, response: Response) -> AsyncIterator[Request]:  # type: ignore[override]
        self.responses.append(response)
        assert response.request
        assert self.crawler.engine
        self.asked += 1
        if self.asked > MOST_ASKED:
            return
        again = response.request.replace(url=f"{response.url}-again", dont_filter=True)
        if self.asked % 2:
            yield again
            return
        asking = self.crawler.engine.download_async(again)
        try:
            await (asyncio.wait_for(asking, 0.1) if is_asyncio() else asking)
        except Exception as error:  # noqa: BLE001 (whatever comes of it)
            self.logger.debug("Nothing came of %s: %r", again, error)


@pytest.mark.parametrize("order", ORDERS)
@deferred_f_from_coro_f
async def test_whatever_another_middleware_does(
    order: int,
    play: Callable[..., Playground],
    tmp_path_factory: pytest.TempPathFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rng = Random(order)
    playground = play(*any_proxies(rng))
    job, cache = tmp_path_factory.mktemp("job"), tmp_path_factory.mktemp("cache")
    settings = {name: value for name, value in SETTINGS.items() if rng.random() < 0.5}
    requests = []
    for number in range(PAGES):
        url = f"{playground.origin_url}/{rng.choice(PATHS)}?{number}"
        meta = rng.choice(WISHES)
        requests.append(Request(url, meta=dict(meta), dont_filter=True))

    with caplog.at_level(logging.DEBUG):
        crawled = await crawl(
            {
                "DOWNLOADER_MIDDLEWARES": {MIDDLEWARE: 745, Unruly: order},
                "DOWNLOAD_TIMEOUT": 1,
                "HTTPCACHE_DIR": str(cache),
                "JOBDIR": str(job),
                "PROXYWHIRL_PROXIES": described(playground, rng),
                "PROXYWHIRL_WAIT_TIMEOUT": 1,
                "SEED": order,
                **settings,
            },
            requests,
            AskingSpider,
        )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("attempts") > 0
    assert len(crawled.middleware._waiting) == 0
    assert not [one for one in caplog.records if one.exc_info and "proxywhirl" in one.name]
    asked = playground.origin_log()
    assert not any("proxy-authorization" in entry["headers"] for entry in asked)
    told = [one.getMessage() for one in caplog.records]
    shown = json.dumps([told, crawled.stats, repr(crawled.proxies)], default=str).encode()
    kept = await kept_in(job, cache)
    for secret in secrets("ann", PASSWORD):
        assert secret.encode() not in shown + kept
