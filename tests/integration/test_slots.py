"""Which of Scrapy's downloader slots a request is in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scrapy import Request
from scrapy.http import Response
from scrapy.utils.defer import deferred_f_from_coro_f

from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from tests.crawling import CollectingSpider, crawl


@pytest.mark.parametrize("slots", ["domain", "proxy", "domain+proxy"])
@deferred_f_from_coro_f
async def test_a_slot_is_what_is_set_and_follows_a_retry_to_its_proxy(
    slots: str, play: Callable[..., Playground]
) -> None:
    playground = play(ProxySpec(fault=Fault.STATUS, status=403), ProxySpec(), ProxySpec())

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, "PROXYWHIRL_SLOTS": slots},
        [f"{playground.origin_url}/{number}" for number in range(30)],
    )

    assert crawled.stat("retries") >= 1
    assert len(crawled.spider.responses) == 30
    ids = {proxy.url: proxy.id for proxy in crawled.proxies}
    for response in crawled.spider.responses:
        proxy_id = ids[response.meta["proxy"]]
        assert (
            response.meta["download_slot"]
            == {
                "domain": "127.0.0.1",
                "proxy": proxy_id,
                "domain+proxy": f"127.0.0.1|{proxy_id}",
            }[slots]
        )


@deferred_f_from_coro_f
async def test_a_users_own_slot_stays_through_retries(play: Callable[..., Playground]) -> None:
    playground = play(ProxySpec(fault=Fault.STATUS, status=403), ProxySpec())

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_SLOTS": "proxy",
            "PROXYWHIRL_STRATEGY": "round-robin",
        },
        [Request(playground.origin_url, meta={"download_slot": "mine"})],
    )

    assert crawled.stat("retries") == 1
    (response,) = crawled.spider.responses
    assert response.meta["download_slot"] == "mine"


class CopyingSpider(CollectingSpider):
    """Copies a response's meta onto a request that is none of ours."""

    def collect(self, response: Response) -> Request | None:  # type: ignore[override]
        super().collect(response)
        if response.url.endswith("/direct"):
            return None
        meta = {**response.meta, "proxywhirl": False, "proxy": None}
        return Request(response.urljoin("/direct"), meta=meta, callback=self.collect)


@deferred_f_from_coro_f
async def test_a_copy_that_is_none_of_ours_does_not_stay_in_a_proxys_slot(
    playground: Playground,
) -> None:
    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, "PROXYWHIRL_SLOTS": "proxy"},
        [f"{playground.origin_url}/first"],
        CopyingSpider,
    )

    first, direct = crawled.spider.responses
    assert first.meta["download_slot"] in {proxy.id for proxy in crawled.proxies}
    assert direct.meta["download_slot"] == "127.0.0.1"
