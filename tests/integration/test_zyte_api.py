"""Pages by Zyte API, which has proxies of its own, beside those through the pool."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import attrs
import pytest
from scrapy import Request
from scrapy.http import Response
from scrapy.utils.defer import deferred_f_from_coro_f
from scrapy_poet.api import DummyResponse
from twisted.python.failure import Failure
from web_poet import WebPage

from scrapy_proxywhirl import used_proxy
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from scrapy_proxywhirl.poet import SameProxyHttpClient
from tests.crawling import CollectingSpider, Crawl, crawl, is_asyncio
from tests.list_server import ListServer
from tests.zyte_api import ZyteAPI

pytest.importorskip("scrapy_zyte_api")

ADDONS = {"scrapy_zyte_api.Addon": 500, "scrapy_proxywhirl.Addon": 600}


@pytest.fixture(autouse=True)
def asyncio_reactor() -> None:
    if not is_asyncio():
        pytest.skip("needs the asyncio reactor")


@pytest.fixture
def api() -> Iterator[ZyteAPI]:
    with ZyteAPI() as api:
        yield api


@pytest.fixture(scope="module")
def playground() -> Iterator[Playground]:
    with Playground([ProxySpec(credentials={"user": "secret"})]) as playground:
        yield playground


async def crawl_with_api(
    api: ZyteAPI,
    playground: Playground,
    requests: list[Any],
    spider: type[CollectingSpider] = CollectingSpider,
    **settings: Any,
) -> Crawl:
    crawled = await crawl(
        {
            "ADDONS": ADDONS,
            "ZYTE_API_KEY": "key",
            "ZYTE_API_URL": f"{api.url}/",
            "PROXYWHIRL_PROXIES": [playground.proxy_url(0, "user")],
            **settings,
        },
        requests,
        spider,
    )
    assert [failure.value for failure in crawled.spider.failures] == []
    crawled.assert_every_attempt_is_settled()
    return crawled


@pytest.mark.parametrize(
    ("is_transparent", "meta", "is_by_api"),
    [
        (True, {}, True),
        (True, {"zyte_api_automap": {"geolocation": "DE"}}, True),
        (True, {"zyte_api": {"httpResponseBody": True}}, True),
        (True, {"zyte_api_automap": False}, False),
        (False, {}, False),
        (False, {"zyte_api": False}, False),
        (False, {"zyte_api_automap": True}, True),
        (False, {"zyte_api": {"httpResponseBody": True}}, True),
    ],
)
@deferred_f_from_coro_f
async def test_what_goes_to_the_api_is_given_no_proxy(
    is_transparent: bool,
    meta: dict[str, Any],
    is_by_api: bool,
    api: ZyteAPI,
    playground: Playground,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "scrapy_proxywhirl.zyte_api")
    request = Request(f"{playground.origin_url}/page", meta=meta)

    crawled = await crawl_with_api(
        api, playground, [request], ZYTE_API_TRANSPARENT_MODE=is_transparent
    )

    (response,) = crawled.spider.responses
    assert (response.body == b"by API") is is_by_api
    assert (used_proxy(response) is None) is is_by_api
    assert [one["url"] for one in api.asked] == [request.url] * is_by_api
    assert crawled.stat("attempts") == (not is_by_api)
    assert crawled.stat("left_alone") == is_by_api
    assert "Proxy-Authorization" not in str(api.asked)
    told = [r for r in caplog.records if r.name == "scrapy_proxywhirl.zyte_api"]
    assert len(told) == is_transparent


@attrs.define(kw_only=True)
class PageWithMore(WebPage[Any]):
    client: SameProxyHttpClient

    async def more(self) -> str:
        return str((await self.client.get(f"{self.response.url}/more")).url)


class PageSpider(CollectingSpider):
    async def collect(self, response: DummyResponse, page: PageWithMore) -> None:  # type: ignore[override]
        super().collect(response)
        await page.more()


@deferred_f_from_coro_f
async def test_what_goes_the_way_of_its_page_does_so(api: ZyteAPI, playground: Playground) -> None:
    request = Request(f"{playground.origin_url}/page", meta={"zyte_api_automap": False})
    addons = {**ADDONS, "scrapy_poet.Addon": 300}

    crawled = await crawl_with_api(api, playground, [request], PageSpider, ADDONS=addons)

    assert len(crawled.spider.responses) == 1
    assert crawled.stat("successes") == 2
    assert api.asked == []


@deferred_f_from_coro_f
async def test_the_api_may_have_what_no_proxy_gets(api: ZyteAPI) -> None:
    class FallingBackSpider(CollectingSpider):
        def collect_failure(self, failure: Failure) -> Iterator[Request]:  # type: ignore[override]
            request = failure.request  # type: ignore[attr-defined]
            if not request.meta.get("zyte_api_automap"):
                yield request.replace(meta={"zyte_api_automap": True}, dont_filter=True)

    banned = ProxySpec(fault=Fault.STATUS, status=403, credentials={"user": "secret"})
    with Playground([banned, banned]) as playground:
        request = Request(f"{playground.origin_url}/page", meta={"zyte_api_automap": False})
        crawled = await crawl_with_api(
            api,
            playground,
            [request],
            FallingBackSpider,
            PROXYWHIRL_PROXIES=[playground.proxy_url(place, "user") for place in (0, 1)],
            PROXYWHIRL_RETRY_TIMES=1,
            PROXYWHIRL_WAIT_TIMEOUT=1,
        )

    (response,) = crawled.spider.responses
    assert response.body == b"by API"
    assert used_proxy(response) is None
    assert crawled.stat("bans") >= 2
    assert "Proxy-Authorization" not in str(api.asked)


@deferred_f_from_coro_f
async def test_a_list_of_proxies_is_not_fetched_by_the_api(
    api: ZyteAPI, playground: Playground
) -> None:
    request = Request(f"{playground.origin_url}/page", meta={"zyte_api_automap": False})
    with ListServer() as server:
        server.have(playground.proxy_url(0, "user"))
        sources: dict[str, Any] = {
            "PROXYWHIRL_PROXIES": [],
            "PROXYWHIRL_SOURCES": [f"{server.url}/list?key=1"],
        }

        crawled = await crawl_with_api(api, playground, [request], **sources)

    assert api.asked == []
    assert crawled.stat("successes") == 1
    assert crawled.stat("left_alone") == 0


@deferred_f_from_coro_f
async def test_a_page_may_change_its_way(api: ZyteAPI, playground: Playground) -> None:
    class ChangingSpider(CollectingSpider):
        async def collect(self, response: Response) -> AsyncIterator[Request]:  # type: ignore[override]
            super().collect(response)
            ways = response.meta["ways"]
            if ways:
                meta = {**response.meta, "zyte_api_automap": ways[0], "ways": ways[1:]}
                assert response.request
                yield response.request.replace(meta=meta, dont_filter=True)

    request = Request(
        f"{playground.origin_url}/page",
        meta={"zyte_api_automap": False, "ways": [True, False]},
    )
    crawled = await crawl_with_api(api, playground, [request], ChangingSpider)

    used = [used_proxy(response) for response in crawled.spider.responses]
    assert [bool(one) for one in used] == [True, False, True]
    assert len(api.asked) == 1
    assert "Proxy-Authorization" not in str(api.asked)
    assert crawled.stat("successes") == 2
