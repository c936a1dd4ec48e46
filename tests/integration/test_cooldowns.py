"""Proxies that fail are left alone for a while, and bans count for the site that banned."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scrapy.utils.defer import deferred_f_from_coro_f

from scrapy_proxywhirl import HealthStatus
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from tests.crawling import FollowingSpider, crawl

pytestmark = pytest.mark.timed


@deferred_f_from_coro_f
async def test_a_proxy_that_resets_is_tried_a_few_times_however_many_pages_there_are(
    play: Callable[..., Playground],
) -> None:
    playground = play(
        ProxySpec(latency=0.01), ProxySpec(latency=0.01), ProxySpec(fault=Fault.RESET)
    )

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_STRATEGY": "round-robin",
            "PROXYWHIRL_COOLDOWN": 3600,  # a rest is any part of that
            "PROXYWHIRL_COOLDOWN_MAX": 3600,
        },
        [f"{playground.origin_url}/{number}" for number in range(300)],
    )

    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 300
    resetting = crawled.proxies[2]
    # By turns it would have had a hundred; the first sixteen requests are under way together.
    assert 1 <= resetting.requests_started <= 16
    assert resetting.consecutive_failures == 1
    assert crawled.stat("proxies/cooling") == 1
    assert crawled.stat(f"proxy/{resetting.label}/state") == "cooling"


def elsewhere(url: str) -> str:
    """Return a page of a site that refuses everybody: the same machine by another name."""
    return url.replace("127.0.0.1", "localhost") + "/status/403"


@deferred_f_from_coro_f
async def test_a_site_that_bans_every_proxy_takes_none_from_another(
    play: Callable[..., Playground],
) -> None:
    playground = play(*[ProxySpec(latency=0.05)] * 4)

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_COOLDOWN": 0.2,
            "PROXYWHIRL_WAIT_TIMEOUT": 30,
        },
        [
            *[f"{playground.origin_url}/{number}" for number in range(1001)],
            *[f"{elsewhere(playground.origin_url)}?{number}" for number in range(10)],
        ],
        FollowingSpider,
    )

    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 1000  # and the first
    assert len(crawled.spider.failures) == 10
    assert crawled.stat("pages_at_fault") == 10
    assert 30 <= crawled.stat("bans/403") <= 60
    assert crawled.stat("failures") == crawled.stat("proxies/cooling") == 0
    for proxy in crawled.proxies:
        assert proxy.health_status is HealthStatus.HEALTHY
        assert proxy.consecutive_failures == 0
        assert proxy.total_successes >= 20


@deferred_f_from_coro_f
async def test_a_page_that_nobody_can_have_is_to_blame_itself_and_costs_no_proxy_anything(
    play: Callable[..., Playground],
) -> None:
    playground = play(*[ProxySpec(latency=0.04)] * 5)
    bad = [f"{playground.origin_url}/status/403?{number}" for number in range(5)]
    good = [f"{playground.origin_url}/{number}" for number in range(600)]

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, "PROXYWHIRL_WAIT_TIMEOUT": 60},
        # What comes last is crawled first: half of the good ones follow the last of the bad.
        [*good[:300], *(page for n in range(5) for page in (*good[300 + n :: 5], bad[n]))],
        FollowingSpider,
    )

    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 599  # and the first
    assert sorted(failure.value.response.url for failure in crawled.spider.failures) == bad  # type: ignore[union-attr]
    assert crawled.stat("pages_at_fault") == 5
    assert crawled.stat("empty") == crawled.stat("proxies/cooling") == 0
    cooldowns = crawled.middleware.pool.cooldowns
    assert cooldowns is not None
    assert not cooldowns.wake("127.0.0.1")


@deferred_f_from_coro_f
async def test_pages_that_nobody_can_have_do_not_wait_at_the_end_of_a_crawl(
    play: Callable[..., Playground],
) -> None:
    playground = play(*[ProxySpec(latency=0.04)] * 20)
    bad = [f"{playground.origin_url}/status/403?{number}" for number in range(40)]
    good = [f"{playground.origin_url}/{number}" for number in range(160)]
    mixed = [page for number in range(40) for page in (bad[number], *good[number::40])]

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, "PROXYWHIRL_WAIT_TIMEOUT": 60},
        [playground.origin_url, *reversed(mixed)],  # what comes last is crawled first
        FollowingSpider,
    )

    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 160
    assert len(crawled.spider.failures) == crawled.stat("pages_at_fault") == 40
    assert crawled.stat("empty") == 0  # none had to wait for its time-out
    assert crawled.stat("bans") <= 40 * 4


@deferred_f_from_coro_f
async def test_a_site_that_says_for_how_long_it_bans_is_waited_for(
    play: Callable[..., Playground],
) -> None:
    limited = ProxySpec(
        latency=0.02, status=429, most_a_second=10, ban_seconds=4.0, tells_when=True
    )
    playground = play(*[limited] * 2)

    crawled = await crawl(
        {
            "CONCURRENT_REQUESTS": 4,
            "PROXYWHIRL_ADAPTIVE_DELAY": False,
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_WAIT_TIMEOUT": 1,
        },
        [f"{playground.origin_url}/{number}" for number in range(60)],
    )

    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 60
    assert crawled.stat("bans/429") >= 2
    # For each time that one is banned: what was under way, and two that try it before it is over.
    assert crawled.stat("bans") <= 6 * 60 / 10


@deferred_f_from_coro_f
async def test_a_site_that_bans_proxies_which_ask_too_often_is_asked_less_often(
    play: Callable[..., Playground], caplog: pytest.LogCaptureFixture
) -> None:
    limited = ProxySpec(latency=0.02, most_a_second=10, ban_seconds=0.5)
    playground = play(*[limited] * 4)
    caplog.set_level("INFO", "scrapy_proxywhirl.recorder")

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_COOLDOWN": 0.5,
            "PROXYWHIRL_RETRY_TIMES": 30,
        },
        [f"{playground.origin_url}/{number}" for number in range(300)],
    )

    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) >= 290  # some may be blamed before anything is known
    assert "127.0.0.1 bans proxies that ask it too often" in caplog.text


@deferred_f_from_coro_f
async def test_pages_that_come_after_many_refusals_are_not_given_up_as_if_they_never_did(
    play: Callable[..., Playground],
) -> None:
    flaky = ProxySpec(latency=0.02, fault=Fault.STATUS, fault_share=0.5)
    playground = play(*[flaky] * 3)

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, "PROXYWHIRL_COOLDOWN": 0.2},
        [f"{playground.origin_url}/{number}" for number in range(300)],
    )

    crawled.assert_every_attempt_is_settled()
    # One in sixteen fails four times, which was enough; one in 256 more often than it may.
    assert crawled.stat("pages_at_fault") <= 2
    assert len(crawled.spider.responses) >= 294
