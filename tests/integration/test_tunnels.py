"""Pages of a site with HTTPS come through tunnels, which proxies may refuse."""

from __future__ import annotations

import pytest
from scrapy.utils.defer import deferred_f_from_coro_f

from scrapy_proxywhirl import used_proxy
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from tests.crawling import crawl

GOOD = ProxySpec(latency=0.01, credentials={"ann": "s3cret"})
PAGES = 60


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (ProxySpec(fault=Fault.STATUS, status=502), "TunnelError"),
        (ProxySpec(credentials={"ann": "another"}), "407"),
        (ProxySpec(fault=Fault.RESET), ""),
    ],
    ids=["502", "407", "a reset"],
)
@deferred_f_from_coro_f
async def test_no_page_is_lost_to_a_proxy_that_refuses_tunnels(
    bad: ProxySpec, reason: str, certificate: str
) -> None:
    with Playground([GOOD, GOOD, bad], certificate) as playground:
        proxies = [playground.proxy_url(place, "ann") for place in (0, 1)]
        proxies.append(playground.proxy_urls[2].replace("//", "//ann:s3cret@"))

        crawled = await crawl(
            {"PROXYWHIRL_PROXIES": proxies, "DOWNLOAD_TIMEOUT": 3, "RETRY_ENABLED": False},
            [f"{playground.https_url}/{number}" for number in range(PAGES)],
        )
        origin_log, proxy_log = playground.origin_log(), playground.proxy_log()

    crawled.assert_every_attempt_is_settled()
    assert sorted(response.url for response in crawled.spider.responses) == sorted(
        f"{playground.https_url}/{number}" for number in range(PAGES)
    )
    *good, refusing = crawled.proxies
    assert refusing.total_failures == crawled.stat("failures") >= 1
    assert not refusing.total_successes
    if reason:
        assert crawled.stat(f"failures/{reason}") == crawled.stat("failures")
    for response in crawled.spider.responses:
        used = used_proxy(response)
        assert used is not None
        assert used.label in {proxy.label for proxy in good}
    # All of it went through tunnels, and no credentials with it to the site.
    assert len(origin_log) == PAGES
    assert not any("proxy-authorization" in entry["headers"] for entry in origin_log)
    assert {entry["username"] for entry in proxy_log} == {"ann"}
    assert all(entry["url"] == playground.https_url[8:] for entry in proxy_log)


@deferred_f_from_coro_f
async def test_wrong_credentials_make_a_proxy_rest_long(certificate: str) -> None:
    bad = ProxySpec(credentials={"ann": "another"})
    with Playground([GOOD, bad], certificate) as playground:
        proxies = [
            playground.proxy_url(0, "ann"),
            playground.proxy_urls[1].replace("//", "//ann:s3cret@"),
        ]

        crawled = await crawl(
            {"PROXYWHIRL_PROXIES": proxies, "PROXYWHIRL_COOLDOWN": 0.05},
            [f"{playground.https_url}/{number}" for number in range(200)],
        )

    assert len(crawled.spider.responses) == 200
    _, refusing = crawled.proxies
    assert refusing.is_resting
    # Only those that were on their way when the first came back.
    assert 1 <= refusing.requests_started <= 16
