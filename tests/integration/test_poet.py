"""Page objects and callbacks of scrapy-poet learn which proxy their page came through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from scrapy import Request
from scrapy.http import Response
from scrapy.utils.defer import deferred_f_from_coro_f
from scrapy_poet.api import DummyResponse
from web_poet import HttpClient, Injectable, WebPage, field
from web_poet.exceptions import Retry
from web_poet.serialization import SerializedDataFileStorage, deserialize, serialize

from scrapy_proxywhirl import UsedProxy, used_proxy
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from scrapy_proxywhirl.poet import SameProxyHttpClient
from tests.crawling import CollectingSpider, crawl

WITH_POET = {
    "ADDONS": {"scrapy_poet.Addon": 300, "scrapy_proxywhirl.Addon": 500},
    "DOWNLOADER_MIDDLEWARES": {},
}


@attrs.define(kw_only=True)
class BookPage(WebPage[Any]):
    """A page that says which proxy it came through."""

    used: UsedProxy

    @field
    def proxy(self) -> str:
        return self.used.label


@attrs.define(kw_only=True)
class PageWithMore(BookPage):
    """One that needs three more, which it gets its own way."""

    client: SameProxyHttpClient

    async def more(self) -> list[str]:
        urls = [f"{self.response.url}/more/{place}" for place in range(3)]
        return [str((await self.client.get(url)).url) for url in urls]


@attrs.define(kw_only=True)
class PageWithOthers(BookPage):
    """One that needs more, which it gets any way."""

    client: HttpClient

    async def more(self) -> list[str]:
        return [str((await self.client.get(f"{self.response.url}/more")).url)]


@attrs.define(kw_only=True)
class PageTwice(BookPage):
    """One that is not content with what it gets first."""

    @field
    def proxy(self) -> str:
        if self.used.attempt == 1 and "again" not in seen:
            seen.append("again")
            raise Retry
        return self.used.label


seen: list[str] = []


class BookSpider(CollectingSpider):
    """Has its callback get what it is to get."""

    def __init__(self, requests: Any) -> None:
        super().__init__(requests)
        self.labels: list[str] = []
        self.used: list[UsedProxy] = []

    def collect(self, response: Response, page: BookPage) -> None:  # type: ignore[override]
        super().collect(response)
        self.labels.append(page.proxy)
        self.used.append(page.used)


class CallbackSpider(BookSpider):
    """Without a page object, and with no use for the response."""

    def collect(self, response: DummyResponse, used: UsedProxy) -> None:  # type: ignore[override]
        self.used.append(used)


class MoreSpider(BookSpider):
    """Needs more for each page."""

    async def collect(self, response: Response, page: PageWithMore) -> None:  # type: ignore[override]
        super().collect(response, page)
        await page.more()


class OthersSpider(BookSpider):
    """Needs more for each page, whatever the proxy."""

    async def collect(self, response: Response, page: PageWithOthers) -> None:  # type: ignore[override]
        super().collect(response, page)
        await page.more()


class TwiceSpider(BookSpider):
    """Retries."""

    def collect(self, response: Response, page: PageTwice) -> None:  # type: ignore[override]
        super().collect(response, page)


def settings(playground: Playground, **others: Any) -> dict[str, Any]:
    first, *rest = playground.proxy_urls
    proxies = [{"url": first, "label": "a", "country": "DE", "tags": ["fast"]}, *rest]
    return {**WITH_POET, "PROXYWHIRL_PROXIES": proxies, **others}


def ways(playground: Playground) -> dict[str, set[str]]:
    """Return through which proxies each page and what more it needed came."""
    came: dict[str, set[str]] = {}
    for entry in playground.proxy_log():
        path = entry["url"].split("/", 3)[3]
        came.setdefault(path.partition("/")[0], set()).add(entry["proxy"])
    return came


@deferred_f_from_coro_f
async def test_page_objects_and_callbacks_are_given_the_proxy_of_their_response(
    playground: Playground,
) -> None:
    pages = [f"{playground.origin_url}/{place}" for place in range(6)]

    with_pages = await crawl(settings(playground), pages, BookSpider)
    with_callbacks = await crawl(settings(playground), pages, CallbackSpider)

    assert isinstance(with_pages.spider, BookSpider)
    assert isinstance(with_callbacks.spider, BookSpider)
    labels = {proxy.label for proxy in with_pages.proxies}
    assert set(with_pages.spider.labels) == labels
    assert len(with_callbacks.spider.used) == 6
    counted = Counter(one.label for one in with_callbacks.spider.used)
    assert counted == {proxy.label: proxy.total_successes for proxy in with_callbacks.proxies}
    first = next(one for one in with_pages.spider.used if one.label == "a")
    assert (first.country, first.tags, first.attempt, first.session) == ("DE", ("fast",), 1, None)
    assert first.response_time_ms > 0.0
    for response, used in zip(with_pages.spider.responses, with_pages.spider.used, strict=True):
        assert used_proxy(response) == used


@deferred_f_from_coro_f
async def test_where_no_proxy_was_used_that_is_said(playground: Playground) -> None:
    direct = Request(f"{playground.origin_url}/", meta={"proxywhirl": False})

    crawled = await crawl(settings(playground), [direct], BookSpider)

    assert isinstance(crawled.spider, BookSpider)
    assert crawled.spider.used == [UsedProxy()]
    assert not crawled.spider.used[0]
    assert crawled.spider.labels == [""]


@deferred_f_from_coro_f
async def test_a_page_that_came_at_its_second_attempt_says_so(
    play: Callable[..., Playground],
) -> None:
    playground = play(ProxySpec(fault=Fault.STATUS, status=403), ProxySpec())
    pages = [f"{playground.origin_url}/{place}" for place in range(2)]

    crawled = await crawl(settings(playground), pages, BookSpider)

    assert isinstance(crawled.spider, BookSpider)
    assert sorted(one.attempt for one in crawled.spider.used) == [1, 2]
    assert "a" not in crawled.spider.labels


@pytest.mark.parametrize("session", [None, "cart 7"])
@deferred_f_from_coro_f
async def test_what_more_a_page_needs_can_go_the_pages_way(
    session: str | None, playground: Playground
) -> None:
    meta = {"proxywhirl": {"session": session}} if session else {}
    pages = [Request(f"{playground.origin_url}/{place}", meta=meta) for place in range(6)]

    crawled = await crawl(settings(playground), pages, MoreSpider)

    came = ways(playground)
    assert len(came) == 6
    assert [len(proxies) for proxies in came.values()] == [1] * 6
    assert len(set.union(*came.values())) == (1 if session else 3)
    assert crawled.stat("successes") == 6 * 4
    crawled.assert_every_attempt_is_settled()


@deferred_f_from_coro_f
async def test_what_more_a_page_needs_goes_through_the_pool_like_all(
    playground: Playground,
) -> None:
    pages = [f"{playground.origin_url}/{place}" for place in range(2)]
    others = {"PROXYWHIRL_STRATEGY": "round-robin"}

    crawled = await crawl(settings(playground, **others), pages, OthersSpider)

    assert any(len(proxies) > 1 for proxies in ways(playground).values())
    assert crawled.stat("successes") == len(playground.origin_log()) == 4
    crawled.assert_every_attempt_is_settled()


@deferred_f_from_coro_f
async def test_what_is_in_scrapy_poets_cache_says_which_proxy_it_came_through(
    playground: Playground, tmp_path: Path
) -> None:
    pages = [f"{playground.origin_url}/{place}" for place in range(3)]
    others = {"SCRAPY_POET_CACHE": str(tmp_path / "cache")}

    first = await crawl(settings(playground, **others), pages, BookSpider)
    second = await crawl(settings(playground, **others), pages, BookSpider)

    assert first.stats["poet/cache/firsthand"]
    assert second.stats["poet/cache/hit"]
    assert isinstance(first.spider, BookSpider)
    assert isinstance(second.spider, BookSpider)
    assert sorted(second.spider.labels) == sorted(first.spider.labels)
    assert not second.spider.failures


@deferred_f_from_coro_f
async def test_a_retry_of_scrapy_poets_is_an_attempt_like_all(playground: Playground) -> None:
    seen.clear()

    crawled = await crawl(settings(playground), [f"{playground.origin_url}/"], TwiceSpider)

    assert isinstance(crawled.spider, TwiceSpider)
    assert seen == ["again"]
    assert len(crawled.spider.labels) == 1
    assert crawled.stat("attempts") == crawled.stat("successes") == 2
    crawled.assert_every_attempt_is_settled()


def test_it_can_be_part_of_a_fixture(tmp_path: Path) -> None:
    used = UsedProxy("a", "DE", ("fast", "new"), None, 2, 41.5)

    SerializedDataFileStorage(tmp_path).write(serialize([used]))

    @attrs.define
    class Holder(Injectable):
        used: UsedProxy

    assert deserialize(Holder, SerializedDataFileStorage(tmp_path).read()).used == used
