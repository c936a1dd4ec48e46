"""A crawl that would not do what it should does not start."""

from __future__ import annotations

from typing import Any

import pytest
from scrapy.utils.defer import deferred_f_from_coro_f

from scrapy_proxywhirl.playground import Playground
from tests.crawling import MIDDLEWARE, crawl, make_crawler, run

HTTPPROXY = "scrapy.downloadermiddlewares.httpproxy.HttpProxyMiddleware"
WITH_CREDENTIALS = {"PROXYWHIRL_PROXIES": ["http://user:secret@127.0.0.1:1"]}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "There is no proxy: list some in PROXYWHIRL_PROXIES"),
        ({"PROXYWHIRL_PROXIES": []}, "There is no proxy"),
        ({"PROXYWHIRL_PROXIES": ""}, "There is no proxy"),
        (
            {"PROXYWHIRL_SOURCES": ["none.txt"]},
            "none.txt cannot be read: No such file or directory",
        ),
        (
            {"PROXYWHIRL_SOURCES": ["setup.cfg"]},
            r"setup.cfg:1: .* no IPv6 address",
        ),
        ({"PROXYWHIRL_SOURCES": ["nobody.knows"]}, r"PROXYWHIRL_SOURCES\[0\] is 'nobody.knows'"),
        (
            {"PROXYWHIRL_PROXIES": ["http://a:1", "htp://a:1"]},
            r"PROXYWHIRL_PROXIES\[1\]: 'htp://a:1' has the unknown scheme 'htp'",
        ),
        ({**WITH_CREDENTIALS, "DOWNLOADER_MIDDLEWARES": {MIDDLEWARE: 751}}, "below 750"),
        ({**WITH_CREDENTIALS, "DOWNLOADER_MIDDLEWARES": {MIDDLEWARE: 599}}, "above 600"),
        ({**WITH_CREDENTIALS, "HTTPPROXY_ENABLED": False}, "HTTPPROXY_ENABLED = True"),
        (
            {**WITH_CREDENTIALS, "DOWNLOADER_MIDDLEWARES": {MIDDLEWARE: 745, HTTPPROXY: None}},
            "HttpProxyMiddleware sends and which is disabled",
        ),
        ({"PROXYWHIRL_PROXIES": ["socks5://127.0.0.1:1"]}, "does not speak"),
        ({**WITH_CREDENTIALS, "PROXYWHIRL_EMA_ALPHA": 1.5}, "PROXYWHIRL_EMA_ALPHA is 1.5"),
        ({**WITH_CREDENTIALS, "PROXYWHIRL_BUDGET": 5}, "PROXYWHIRL_BUDGET is 5, and no proxy"),
        (
            {
                "PROXYWHIRL_PROXIES": ["http://a:1", {"url": "http://b:1", "tier": 3}],
                "PROXYWHIRL_STRATEGY": "tiered",
            },
            "There are no proxies of the tier 2",
        ),
    ],
)
@deferred_f_from_coro_f
async def test_it_is_an_error_and_no_request_goes_out(
    settings: dict[str, Any], message: str, playground: Playground
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        await crawl(settings, [f"{playground.origin_url}/x"])

    assert "secret" not in str(caught.value)
    assert playground.origin_log() == []


@deferred_f_from_coro_f
async def test_switched_off_it_is_not_there(playground: Playground) -> None:
    crawler = make_crawler({"PROXYWHIRL_ENABLED": False})

    await run(crawler, [f"{playground.origin_url}/x"])

    (entry,) = playground.origin_log()
    assert entry["via"] is None
    assert crawler.stats
    assert not [name for name in crawler.stats.get_stats() if name.startswith("proxywhirl/")]


@deferred_f_from_coro_f
async def test_without_credentials_httpproxymiddleware_may_be_off(playground: Playground) -> None:
    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, "HTTPPROXY_ENABLED": False},
        [f"{playground.origin_url}/x"],
    )

    assert crawled.stat("successes") == 1
    assert all(entry["via"] for entry in playground.origin_log())


@deferred_f_from_coro_f
async def test_a_line_says_how_a_crawl_starts_and_a_line_and_a_table_how_it_ended(
    playground: Playground, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    await crawl({"PROXYWHIRL_PROXIES": playground.proxy_urls}, [f"{playground.origin_url}/x"])

    lines = [r.getMessage() for r in caplog.records if r.name.startswith("scrapy_proxywhirl")]
    assert lines[0] == "Crawling through 3 proxies, selected by PerformanceBasedStrategy"
    assert lines[1].startswith(
        "Crawled through 1 of 3 proxies: 1 attempts, 1 successes, 0 bans, 0 failures, 0 neutral;"
        " mean response time "
    )
    _, head, row = lines[1].split("\n")
    assert head.split() == ["proxy", "attempts", "share", "failed", "ema", "ms", "state"]
    assert row.startswith("best  127.0.0.1:")
    assert row.endswith("  healthy")
    assert len(lines) == 2
