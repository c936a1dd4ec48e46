"""What the user has said about a request's proxy stands."""

from __future__ import annotations

from typing import Any

import pytest
from scrapy import Request
from scrapy.http import Response
from scrapy.utils.defer import deferred_f_from_coro_f

from scrapy_proxywhirl import used_proxy
from scrapy_proxywhirl.playground import Playground
from tests.crawling import CollectingSpider, crawl


@deferred_f_from_coro_f
async def test_a_proxy_none_and_false_are_left_alone(
    playground: Playground, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "scrapy_proxywhirl.bypass")
    *ours, theirs = playground.proxy_urls

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": ours},
        [
            Request(f"{playground.origin_url}/own", meta={"proxy": theirs}),
            Request(f"{playground.origin_url}/none", meta={"proxy": None}),
            Request(f"{playground.origin_url}/false", meta={"proxywhirl": False}),
        ],
    )

    assert crawled.stat("attempts") == 0
    assert crawled.stat("left_alone") == 2
    records = [r for r in caplog.records if r.name == "scrapy_proxywhirl.bypass"]
    assert len([r for r in records if "does not go through the pool" in r.getMessage()]) == 1
    (warning,) = (r.getMessage() for r in records if r.levelname == "WARNING")
    assert warning.startswith("No request went through the pool, and 2 did not for their meta")
    via = {entry["path"]: entry["via"] for entry in playground.origin_log()}
    assert via == {"/own": "1.1 proxy-2", "/none": None, "/false": None}
    assert [used_proxy(response) for response in crawled.spider.responses] == [None] * 3


@deferred_f_from_coro_f
async def test_copied_meta_is_no_choice_of_the_users(
    playground: Playground, caplog: pytest.LogCaptureFixture
) -> None:
    class CopyingSpider(CollectingSpider):
        """Follows a page with the meta of its response in four ways."""

        def collect(self, response: Response) -> Any:
            super().collect(response)
            if response.url.endswith("/first"):
                meta = response.meta
                yield response.follow("/copied", self.collect, meta=meta)
                yield response.follow("/own", self.collect, meta={**meta, "proxy": theirs})
                yield response.follow("/none", self.collect, meta={**meta, "proxy": None})
                yield response.follow("/false", self.collect, meta={**meta, "proxywhirl": False})

    *ours, theirs = playground.proxy_urls
    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": ours}, [f"{playground.origin_url}/first"], CopyingSpider
    )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("attempts") == 2
    assert crawled.stat("left_alone") == 2
    assert not [r for r in caplog.records if r.name == "scrapy_proxywhirl.bypass"]
    via = {entry["path"]: entry["via"] for entry in playground.origin_log()}
    assert via["/copied"] in ("1.1 proxy-0", "1.1 proxy-1")
    assert via["/own"] == "1.1 proxy-2"
    assert via["/none"] is None
    used = {
        response.url.rpartition("/")[2]: used_proxy(response)
        for response in crawled.spider.responses
    }
    assert used["copied"] is not None
    assert used["copied"].attempt == 1
    assert used["own"] is used["none"] is used["false"] is None


@deferred_f_from_coro_f
async def test_a_proxy_from_the_environment_is_replaced(
    playground: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    class CopyingSpider(CollectingSpider):
        def collect(self, response: Response) -> Any:
            super().collect(response)
            if response.url.endswith("/first"):
                meta = {**response.meta, "proxywhirl": None}
                yield response.follow("/second", self.collect, meta=meta)

    *ours, theirs = playground.proxy_urls
    monkeypatch.setenv("http_proxy", theirs)
    monkeypatch.setenv("no_proxy", "")

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": ours},
        [Request(f"{playground.origin_url}/first", meta={"proxywhirl": False})],
        CopyingSpider,
    )

    assert crawled.stat("attempts") == 1
    first, second = playground.origin_log()
    assert first["via"] == "1.1 proxy-2"
    assert second["via"] in ("1.1 proxy-0", "1.1 proxy-1")


@deferred_f_from_coro_f
async def test_only_http_gets_a_proxy(playground: Playground) -> None:
    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls}, ["data:,text", f"{playground.origin_url}/x"]
    )

    assert len(crawled.spider.responses) == 2
    assert crawled.stat("attempts") == 1


@deferred_f_from_coro_f
async def test_used_proxy_tells_what_was_given_with_it(playground: Playground) -> None:
    given = {"label": "frankfurt", "country": "DE", "tags": ["fast", "paid"]}

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": [{"url": playground.proxy_urls[0], **given}]},
        [f"{playground.origin_url}/x"],
    )

    (response,) = crawled.spider.responses
    used = used_proxy(response)
    assert used is not None
    assert (used.label, used.country, used.tags, used.attempt) == (
        *("frankfurt", "DE", ("fast", "paid"), 1),
    )
    assert 0 < used.response_time_ms < 5000
    assert used_proxy(Response("http://h/")) is None


@deferred_f_from_coro_f
async def test_robots_txt_goes_through_a_proxy_too(playground: Playground) -> None:
    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, "ROBOTSTXT_OBEY": True},
        [f"{playground.origin_url}/x"],
    )

    crawled.assert_every_attempt_is_settled()
    assert {entry["path"] for entry in playground.origin_log()} == {"/robots.txt", "/x"}
    assert all(entry["via"] for entry in playground.origin_log())
