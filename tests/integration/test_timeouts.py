"""What never answers is given up early, and what is slow by itself arrives all the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from scrapy import Request
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK
from scrapy.utils.defer import deferred_f_from_coro_f

from scrapy_proxywhirl import ProxyWhirlMiddleware
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from tests.crawling import CollectingSpider, crawl

pytestmark = pytest.mark.timed

GOOD = ProxySpec(latency=0.02)
ADAPTIVE = {"PROXYWHIRL_ADAPTIVE_TIMEOUT": 8, "DOWNLOAD_TIMEOUT": 30}


class SlowLastSpider(CollectingSpider):
    """Asks for the last of what it is given, one after the other, when all others have come."""

    last = 1

    def __init__(self, requests: Any) -> None:
        self.slow = requests[-self.last :]
        super().__init__(requests[: -self.last])
        self.averages: list[dict[str, float]] = []  # by label, before each of the last

    def collect(self, response: Response) -> Any:
        super().collect(response)
        if len(self.responses) < len(list(self.requests)):
            return None
        middleware = self.crawler.get_downloader_middleware(ProxyWhirlMiddleware)
        assert middleware
        self.averages.append(
            {one.label: one.ema_response_time_ms or 0.0 for one in middleware.pool}
        )
        if not self.slow:
            return None
        return self.slow.pop(0).replace(callback=self.collect, errback=self.collect_failure)


class SlowInTurnSpider(SlowLastSpider):
    last = 4


class Timeouts:
    """Notes which time-outs pages are given."""

    seen: dict[str, list[float]]

    def process_request(self, request: Request) -> None:
        path = request.url.split("/", 3)[3]
        self.seen.setdefault(path, []).append(request.meta["download_timeout"])


def settings(playground: Playground) -> dict[str, Any]:
    Timeouts.seen = {}
    return {
        "PROXYWHIRL_PROXIES": playground.proxy_urls,
        **ADAPTIVE,
        "DOWNLOADER_MIDDLEWARES": {"scrapy_proxywhirl.ProxyWhirlMiddleware": 745, Timeouts: 746},
    }


def pages(playground: Playground, number: int = 100) -> list[Request]:
    return [Request(f"{playground.origin_url}/{place}") for place in range(number)]


@pytest.mark.parametrize("slow", ["slow/2.5", "slow-body/2.5"])
@deferred_f_from_coro_f
async def test_a_page_that_is_slow_by_itself_arrives_and_costs_the_proxies_nothing(
    slow: str, play: Callable[..., Playground]
) -> None:
    playground = play(*[GOOD] * 6)

    crawled = await crawl(
        {**settings(playground), "PROXYWHIRL_ADAPTIVE_TIMEOUT": 3},
        [*pages(playground), Request(f"{playground.origin_url}/{slow}")],
        SlowLastSpider,
    )

    crawled.assert_every_attempt_is_settled()
    assert not crawled.spider.failures
    assert crawled.spider.responses[-1].url.endswith(slow)
    assert crawled.spider.responses[-1].meta["download_timeout"] == 30.0
    first, *later = Timeouts.seen[slow]  # 1 s, or three times what a busy machine takes
    assert 1.0 <= first < 2.5
    assert later == pytest.approx([first * 2.0 ** (place + 1) for place in range(len(later))])
    assert 2 <= len(later) + 1 <= 3
    assert Timeouts.seen["0"] == [30.0]  # when nothing is known yet
    assert crawled.stat("failures") == len(later)
    assert crawled.stat("proxies/cooling") == 0
    timed_out = [proxy for proxy in crawled.proxies if proxy.total_failures]
    assert len(timed_out) == len(later)
    assert isinstance(crawled.spider, SlowLastSpider)
    for proxy in timed_out:  # a fifth of the time-out would be in it
        assert proxy.ema_response_time_ms is not None
        assert proxy.ema_response_time_ms == pytest.approx(crawled.spider.averages[0][proxy.label])


@deferred_f_from_coro_f
async def test_pages_that_are_slow_by_themselves_cost_the_proxies_nothing_time_and_again(
    play: Callable[..., Playground],
) -> None:
    playground = play(*[GOOD] * 2)

    crawled = await crawl(
        {**settings(playground), "PROXYWHIRL_ADAPTIVE_TIMEOUT": 3},
        [
            *pages(playground),
            *(Request(f"{playground.origin_url}/slow/1.4?{place}") for place in range(4)),
        ],
        SlowInTurnSpider,
    )

    crawled.assert_every_attempt_is_settled()
    assert not crawled.spider.failures
    assert crawled.stat("failures") >= 3  # so that a proxy has had several, all taken back
    assert isinstance(crawled.spider, SlowInTurnSpider)
    assert len(crawled.spider.averages) == 5
    for before, after in pairwise(crawled.spider.averages):
        for label, average in after.items():  # what brought the page has its time in the average
            assert before[label] * 0.999 <= average


@deferred_f_from_coro_f
async def test_what_never_answers_is_given_up_early(play: Callable[..., Playground]) -> None:
    playground = play(GOOD, GOOD, GOOD)
    playground.change(1, ProxySpec(fault=Fault.HANG), at_request=100)
    began = time.monotonic()

    crawled = await crawl(settings(playground), pages(playground, 300))

    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 300
    assert crawled.stat("failures") >= 1
    assert time.monotonic() - began < 25  # a page that waits for the end of its time has 30


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "POST"},
        {"meta": {"download_timeout": 0.9}},
        {"meta": {"dont_retry": True}},
        {"callback": NO_CALLBACK},
    ],
    ids=["a form", "one with less", "one that is not retried", "media"],
)
@deferred_f_from_coro_f
async def test_what_has_but_one_try_or_less_time_keeps_its_own(
    request_: dict[str, Any], play: Callable[..., Playground]
) -> None:
    playground = play(GOOD)
    last = Request(f"{playground.origin_url}/last", **request_)

    class FetchingSpider(SlowLastSpider):
        async def fetch(self) -> None:
            assert self.crawler.engine
            await self.crawler.engine.download_async(last)

        def collect(self, response: Response) -> Any:
            if last.callback is not NO_CALLBACK:
                return super().collect(response)
            self.responses.append(response)
            return None

    class Media:
        """Fetches the last one as a media pipeline does."""

        has_fetched = False

        async def process_response(self, request: Request, response: Response) -> Response:
            if request.url.endswith("/99") and last.callback is NO_CALLBACK:
                assert isinstance(crawler_of[0], FetchingSpider)
                await crawler_of[0].fetch()
            return response

        @classmethod
        def from_crawler(cls, crawler: Any) -> Any:
            crawler_of.append(crawler.spider)
            return cls()

    crawler_of: list[Any] = []
    configured = settings(playground)
    configured["DOWNLOADER_MIDDLEWARES"][Media] = 100

    await crawl(configured, [*pages(playground), last], FetchingSpider)

    own = last.meta.get("download_timeout", 30.0)
    assert Timeouts.seen["last"] == [own]


@deferred_f_from_coro_f
async def test_a_copy_of_a_pages_meta_brings_no_shorter_time_along(
    play: Callable[..., Playground],
) -> None:
    playground = play(GOOD)
    direct: list[float] = []

    class CopyingSpider(CollectingSpider):
        def collect(self, response: Response) -> Any:
            super().collect(response)
            if response.url.endswith("/99"):
                assert "timeout" in response.meta["_proxywhirl"]
                direct.append(response.meta["download_timeout"])
                meta = {**response.meta, "proxywhirl": False, "proxy": None}
                return Request(f"{playground.origin_url}/copied", self.note, meta=meta)
            return None

        def note(self, response: Response) -> None:
            direct.append(response.meta["download_timeout"])

    await crawl(settings(playground), pages(playground), CopyingSpider)

    assert direct == [30.0, 30.0]
