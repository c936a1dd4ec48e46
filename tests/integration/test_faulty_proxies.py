"""Crawls through pools in which some proxies do not do what they should."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scrapy.utils.defer import deferred_f_from_coro_f

from scrapy_proxywhirl import HealthStatus
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from tests.crawling import crawl

pytestmark = pytest.mark.timed


@deferred_f_from_coro_f
async def test_proxies_that_fail_fast_fall_to_exploration_and_never_look_fast(
    play: Callable[..., Playground],
) -> None:
    healthy = [ProxySpec(latency=latency) for latency in (0.05, 0.1, 0.15)]
    refusing = [ProxySpec(fault=Fault.REFUSE)] * 2
    banning = [ProxySpec(fault=Fault.STATUS, status=403)]
    playground = play(*healthy, *refusing, *banning)
    pages = 600

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls},
        [f"{playground.origin_url}/{number}" for number in range(pages)],
    )

    crawled.assert_every_attempt_is_settled()
    good, bad = crawled.proxies[:3], crawled.proxies[3:]
    attempts = sum(proxy.requests_started for proxy in bad)
    # Half of the pool gets half of the exploration, of 5%, and the first attempts besides.
    assert attempts <= 0.05 * crawled.stat("attempts") + 16
    *refused, banned = bad
    assert all(proxy.health_status is HealthStatus.UNHEALTHY for proxy in refused)
    slowest = max(proxy.ema_response_time_ms or 0 for proxy in good)
    assert all((proxy.ema_response_time_ms or 0) >= slowest for proxy in refused)
    assert banned.ema_response_time_ms is None  # a ban is no time
    assert len(crawled.spider.responses) == pages


@deferred_f_from_coro_f
async def test_a_proxy_that_never_answers_is_charged_the_timeout(
    play: Callable[..., Playground],
) -> None:
    playground = play(ProxySpec(latency=0.01), ProxySpec(fault=Fault.HANG))

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, "DOWNLOAD_TIMEOUT": 0.5},
        [f"{playground.origin_url}/{number}" for number in range(50)],
    )

    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 50
    _, hanging = crawled.proxies
    assert hanging.total_failures == crawled.stat("failures") >= 1
    assert hanging.ema_response_time_ms is not None
    assert hanging.ema_response_time_ms >= 500.0
    (reason,) = (name for name in crawled.stats if name.startswith("proxywhirl/failures/"))
    assert "Timeout" in reason


@deferred_f_from_coro_f
async def test_a_reset_connection_is_a_failure_and_its_page_arrives_through_another(
    play: Callable[..., Playground],
) -> None:
    playground = play(ProxySpec(), ProxySpec(fault=Fault.RESET))

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls},
        [f"{playground.origin_url}/{number}" for number in range(50)],
    )

    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 50
    _, resetting = crawled.proxies
    assert resetting.total_failures == crawled.stat("failures") >= 1


@deferred_f_from_coro_f
async def test_wrong_credentials_are_a_failure_with_407_for_its_reason(
    play: Callable[..., Playground],
) -> None:
    playground = play(ProxySpec(credentials={"user": "right"}))
    url = playground.proxy_urls[0].replace("//", "//user:wrong@")

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": [url], "PROXYWHIRL_RETRY_TIMES": 0},
        [f"{playground.origin_url}/{number}" for number in range(3)],
    )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("failures") == crawled.stat("failures/407") == 3
    assert playground.origin_log() == []


@deferred_f_from_coro_f
async def test_a_sites_own_404_and_500_say_nothing_against_the_proxy(
    playground: Playground,
) -> None:
    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, "RETRY_ENABLED": False},
        [f"{playground.origin_url}/status/{status}" for status in (404, 500)],
    )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("successes") == 2
    assert crawled.stat("bans") == crawled.stat("failures") == 0


@deferred_f_from_coro_f
async def test_a_retry_goes_through_a_proxy_that_has_not_failed_the_page(
    playground: Playground,
) -> None:
    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_RETRY_TIMES": 1,
            "RETRY_TIMES": 1,
        },
        [f"{playground.origin_url}/in-turn/503/503/200"],
    )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("bans") == crawled.stat("bans/503") == 2
    assert len(crawled.spider.responses) == 1
    tried = [entry["proxy"] for entry in playground.proxy_log()]
    assert sorted(tried) == ["proxy-0", "proxy-1", "proxy-2"]


@deferred_f_from_coro_f
async def test_a_page_that_all_proxies_have_failed_is_tried_again_all_the_same(
    play: Callable[..., Playground],
) -> None:
    playground = play(ProxySpec())

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, "PROXYWHIRL_COOLDOWN": 0.1},
        [f"{playground.origin_url}/in-turn/503/503/503/200"],
    )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("attempts") == 4
    assert len(crawled.spider.responses) == 1
    assert crawled.stat("empty") == 0
