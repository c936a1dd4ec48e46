"""What is taken for a response time, and what bounds it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.http import Response
from scrapy.utils.defer import deferred_f_from_coro_f, ensure_awaitable

from scrapy_proxywhirl import used_proxy
from scrapy_proxywhirl.playground import Playground, ProxySpec
from tests.crawling import crawl

pytestmark = pytest.mark.timed


class HandlerWithoutLatency(HTTP11DownloadHandler):
    async def download_request(self, request: Request, *args: Any) -> Response:
        response: Response = await ensure_awaitable(super().download_request(request, *args))
        del request.meta["download_latency"]
        return response


class HandlerWithAClockThatWentBack(HTTP11DownloadHandler):
    async def download_request(self, request: Request, *args: Any) -> Response:
        response: Response = await ensure_awaitable(super().download_request(request, *args))
        request.meta["download_latency"] = -3600.0
        return response


@pytest.mark.parametrize("handler", [HandlerWithoutLatency, HandlerWithAClockThatWentBack])
@deferred_f_from_coro_f
async def test_where_the_handler_measures_nothing_the_time_since_selection_is_taken(
    handler: type, play: Callable[..., Playground], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    playground = play(ProxySpec(latency=0.1))

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, "DOWNLOAD_HANDLERS": {"http": handler}},
        [f"{playground.origin_url}/{number}" for number in range(5)],
    )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("successes") == 5
    assert crawled.stat("mean_ms") >= 100
    assert len([r for r in caplog.records if "no download_latency" in r.getMessage()]) == 1


class HandlerThatLeavesMetaAlone(HTTP11DownloadHandler):
    async def download_request(self, request: Request, *args: Any) -> Response:
        before = request.meta.get("download_latency")
        response: Response = await ensure_awaitable(super().download_request(request, *args))
        request.meta["download_latency"] = before
        return response


@deferred_f_from_coro_f
async def test_a_latency_that_came_with_the_meta_of_another_request_is_dropped(
    playground: Playground,
) -> None:
    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "DOWNLOAD_HANDLERS": {"http": HandlerThatLeavesMetaAlone},
        },
        [Request(f"{playground.origin_url}/x", meta={"download_latency": 99.0})],
    )

    assert 0 < crawled.stat("mean_ms") < 10_000


@deferred_f_from_coro_f
async def test_time_in_scrapys_queue_is_not_the_proxys(play: Callable[..., Playground]) -> None:
    playground = play(ProxySpec(latency=0.2))

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, "CONCURRENT_REQUESTS_PER_DOMAIN": 1},
        [f"{playground.origin_url}/{number}" for number in range(6)],
    )

    assert 200 <= crawled.stat("mean_ms") < 450  # it would be 700 with the time in the queue


@pytest.mark.parametrize(
    ("settings", "meta", "expected"),
    [
        ({}, {}, 60.0),
        ({"PROXYWHIRL_TIMEOUT": 20}, {}, 20.0),
        ({"PROXYWHIRL_TIMEOUT": 0}, {}, 180.0),
        ({"DOWNLOAD_TIMEOUT": 90}, {}, 90.0),
        ({"DOWNLOAD_TIMEOUT": 180}, {}, 180.0),
        ({"DOWNLOAD_TIMEOUT": 90, "PROXYWHIRL_TIMEOUT": 20}, {}, 90.0),
        ({}, {"download_timeout": 7.0}, 7.0),
        ({}, {"proxywhirl": False}, 180.0),
    ],
)
@deferred_f_from_coro_f
async def test_a_proxied_request_has_a_timeout_of_its_own_unless_the_user_set_one(
    settings: dict[str, Any], meta: dict[str, Any], expected: float, playground: Playground
) -> None:
    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, **settings},
        [Request(f"{playground.origin_url}/x", meta=meta)],
    )

    (response,) = crawled.spider.responses
    assert response.meta["download_timeout"] == expected


@deferred_f_from_coro_f
async def test_the_attempts_number_counts_the_retries(play: Callable[..., Playground]) -> None:
    playground = play(ProxySpec(), ProxySpec())

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_COOLDOWN": 0.1,
        },
        [f"{playground.origin_url}/in-turn/503/503/503/200"],
    )

    (response,) = crawled.spider.responses
    used = used_proxy(response)
    assert used is not None
    assert used.attempt == 4


@deferred_f_from_coro_f
async def test_the_time_of_a_body_counts_where_it_is_asked_for(
    play: Callable[..., Playground],
) -> None:
    playground = play(ProxySpec(body_seconds=0.2))
    pages = [f"{playground.origin_url}/{number}" for number in range(3)]
    settings = {"PROXYWHIRL_PROXIES": playground.proxy_urls}

    to_headers = await crawl(settings, pages)
    to_end = await crawl({**settings, "PROXYWHIRL_MEASURE": "total"}, pages)

    assert to_headers.stat("mean_ms") < 190
    assert 200 <= to_end.stat("mean_ms") < 1000
    (proxy,) = to_end.proxies
    assert proxy.ema_response_time_ms is not None
    assert proxy.ema_response_time_ms >= 200
    for response in to_end.spider.responses:
        used = used_proxy(response)
        assert used is not None
        assert used.response_time_ms >= 200


@pytest.mark.parametrize("load_aware", [False, True])
@deferred_f_from_coro_f
async def test_a_crawl_follows_proxies_that_change_their_speed(
    load_aware: bool, play: Callable[..., Playground]
) -> None:
    fast, slow = ProxySpec(latency=0.02), ProxySpec(latency=0.4)
    playground = play(fast, fast, slow, slow)
    for place, spec in enumerate([slow, slow, fast, fast]):
        playground.change(place, spec, at_request=300)

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_LOAD_AWARE": load_aware,
            "CONCURRENT_REQUESTS": 8,  # so that a busy machine has no queue as slow as a proxy
        },
        [f"{playground.origin_url}/{number}" for number in range(600)],
    )

    assert len(crawled.spider.responses) == 600
    crawled.assert_every_attempt_is_settled()
    through = [
        used.label for response in crawled.spider.responses if (used := used_proxy(response))
    ]
    then_fast = {proxy.label for proxy in crawled.proxies[2:]}
    # In proportion to their times the slower two get a share of 1 in 21.
    assert sum(label in then_fast for label in through[150:300]) <= 50
    assert sum(label in then_fast for label in through[450:]) >= 100
    *slowed, first, second = (proxy.ema_response_time_ms or 0 for proxy in crawled.proxies)
    assert max(first, second) < min(slowed)  # however busy the machine is
