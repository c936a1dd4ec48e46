"""Responses that stand for several requests, or for none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from scrapy.utils.defer import deferred_f_from_coro_f

from scrapy_proxywhirl import used_proxy
from scrapy_proxywhirl.playground import Playground, ProxySpec
from tests.crawling import crawl


@deferred_f_from_coro_f
async def test_a_redirect_stays_on_its_proxy(play: Callable[..., Playground]) -> None:
    playground = play(*[ProxySpec()] * 8)

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls},
        [f"{playground.origin_url}/redirect/redirect/{number}" for number in range(40)],
    )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("attempts") == crawled.stat("successes") == 120
    visits: dict[str, set[str]] = {}
    for entry in playground.origin_log():
        visits.setdefault(entry["path"].rpartition("/")[2], set()).add(entry["via"])
    assert len(visits) == 40
    assert all(len(proxies) == 1 for proxies in visits.values())
    assert len(set.union(*visits.values())) == 8


@deferred_f_from_coro_f
async def test_a_redirect_that_was_a_refusal_leaves_its_proxy(
    play: Callable[..., Playground],
) -> None:
    playground = play(ProxySpec(), ProxySpec())

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_BAN_STATUSES": [302],
            "PROXYWHIRL_RETRY_TIMES": 0,
            "PROXYWHIRL_STRATEGY": "round-robin",
            "CONCURRENT_REQUESTS": 1,
        },
        [f"{playground.origin_url}/redirect/page"],
    )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("bans/302") == crawled.stat("successes") == 1
    assert [entry["via"] for entry in playground.origin_log()] == ["1.1 proxy-0", "1.1 proxy-1"]


@deferred_f_from_coro_f
async def test_a_page_from_the_cache_says_nothing_of_a_proxy(
    playground: Playground, tmp_path: Path
) -> None:
    settings = {
        "PROXYWHIRL_PROXIES": playground.proxy_urls,
        "HTTPCACHE_ENABLED": True,
        "HTTPCACHE_DIR": str(tmp_path),
    }
    pages = [f"{playground.origin_url}/{number}" for number in range(10)]
    fetched = await crawl(settings, pages)
    cached = await crawl(settings, pages)

    for crawled in (fetched, cached):
        crawled.assert_every_attempt_is_settled()
        assert len(crawled.spider.responses) == 10
    assert fetched.stat("successes") == 10
    assert cached.stat("attempts") == cached.stat("neutral") == 10
    assert all(proxy.ema_response_time_ms is None for proxy in cached.proxies)
    assert {used_proxy(response) for response in cached.spider.responses} == {None}
    assert len(playground.origin_log()) == 10
