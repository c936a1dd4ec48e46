"""No proxy is used more than it may be, and pages wait for one that is free."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from scrapy import Request
from scrapy.http import Response
from scrapy.utils.defer import deferred_f_from_coro_f

from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from tests.crawling import CollectingSpider, crawl

pytestmark = pytest.mark.timed


class Watch:
    """Notes how many requests are under way on each proxy, and when each begins."""

    most: dict[str, int]
    now: dict[str, int]
    began: dict[str, list[float]]

    @classmethod
    def reset(cls) -> None:
        cls.most, cls.now, cls.began = {}, {}, {}

    def process_request(self, request: Request) -> None:
        proxy = request.meta["proxy"]
        self.now[proxy] = self.now.get(proxy, 0) + 1
        self.most[proxy] = max(self.now[proxy], self.most.get(proxy, 0))
        self.began.setdefault(proxy, []).append(time.monotonic())

    def process_response(self, request: Request, response: Any) -> Any:
        self.now[request.meta["proxy"]] -= 1
        return response

    def process_exception(self, request: Request, exception: Exception) -> None:
        self.now[request.meta["proxy"]] -= 1


def settings(playground: Playground, **more: Any) -> dict[str, Any]:
    Watch.reset()
    return {
        "PROXYWHIRL_PROXIES": playground.proxy_urls,
        "DOWNLOADER_MIDDLEWARES": {"scrapy_proxywhirl.ProxyWhirlMiddleware": 745, Watch: 747},
        **more,
    }


@pytest.mark.parametrize("limit", [1, 3])
@deferred_f_from_coro_f
async def test_a_proxy_has_no_more_requests_under_way_than_it_may(
    limit: int, play: Callable[..., Playground]
) -> None:
    playground = play(ProxySpec(latency=0.02), ProxySpec(latency=0.06), ProxySpec(latency=0.1))

    crawled = await crawl(
        settings(
            playground,
            PROXYWHIRL_CONCURRENCY_PER_PROXY=limit,
            PROXYWHIRL_WAIT_TIMEOUT=0.2,  # which does not count where a proxy is but busy
            PROXYWHIRL_ON_EMPTY="drop",  # nor is anything dropped
        ),
        [f"{playground.origin_url}/{number}" for number in range(150)],
    )

    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 150
    assert sorted(Watch.most.values()) == [limit] * 3
    assert crawled.stat("waits") >= 1
    assert crawled.stat("empty") == 0


@deferred_f_from_coro_f
async def test_requests_on_a_proxy_begin_no_less_than_the_delay_apart(
    play: Callable[..., Playground],
) -> None:
    playground = play(*[ProxySpec()] * 4)
    began = time.monotonic()

    crawled = await crawl(
        settings(playground, PROXYWHIRL_DELAY_PER_PROXY=0.2),
        [f"{playground.origin_url}/{number}" for number in range(40)],
    )

    took = time.monotonic() - began
    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 40
    for times in Watch.began.values():
        assert all(later - time >= 0.19 for time, later in pairwise(times))
    assert 1.7 < took < 5.0  # four every 0.2 s


@deferred_f_from_coro_f
async def test_a_broken_proxy_does_not_hold_up_those_that_wait(
    play: Callable[..., Playground],
) -> None:
    playground = play(ProxySpec(latency=0.02), ProxySpec(fault=Fault.RESET))

    crawled = await crawl(
        settings(playground, PROXYWHIRL_CONCURRENCY_PER_PROXY=1),
        [f"{playground.origin_url}/{number}" for number in range(60)],
    )

    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 60
    assert max(Watch.most.values()) == 1


class BlockingSpider(CollectingSpider):
    """Does now and then what takes longer than pages may wait, and holds all up."""

    def collect(self, response: Response) -> None:
        super().collect(response)
        if len(self.responses) % 20 == 0:
            time.sleep(0.3)


@deferred_f_from_coro_f
async def test_time_in_which_nobody_looked_is_none_that_a_page_has_waited(
    play: Callable[..., Playground],
) -> None:
    playground = play(ProxySpec(latency=0.02), ProxySpec(latency=0.06))

    crawled = await crawl(
        settings(
            playground,
            PROXYWHIRL_CONCURRENCY_PER_PROXY=1,
            PROXYWHIRL_WAIT_TIMEOUT=0.2,
        ),
        [f"{playground.origin_url}/{number}" for number in range(100)],
        BlockingSpider,
    )

    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 100
    assert crawled.stat("empty") == 0


class KeepsRequests:
    """Sends each request once more, and keeps the one before."""

    kept: list[Request]

    def process_request(self, request: Request) -> Request | None:
        if request.meta.get("again"):
            return None
        self.kept.append(request)
        return request.replace(meta={**request.meta, "again": True}, dont_filter=True)


@deferred_f_from_coro_f
async def test_a_request_that_somebody_keeps_does_not_keep_its_proxy_busy(
    play: Callable[..., Playground],
) -> None:
    playground = play(ProxySpec())
    KeepsRequests.kept = []

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_CONCURRENCY_PER_PROXY": 1,
            "DOWNLOADER_MIDDLEWARES": {
                "scrapy_proxywhirl.ProxyWhirlMiddleware": 745,
                KeepsRequests: 746,
            },
        },
        [f"{playground.origin_url}/{number}" for number in range(2)],
    )

    assert len(KeepsRequests.kept) == 2
    assert len(crawled.spider.responses) == 2
    crawled.assert_every_attempt_is_settled()
