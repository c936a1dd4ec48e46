"""Attempts that never come back to the middleware leave no proxy counted as busy."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.utils.asyncio import is_asyncio_available
from scrapy.utils.defer import deferred_f_from_coro_f
from typing_extensions import Self

from scrapy_proxywhirl import ProxyWhirlMiddleware
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from tests.crawling import MIDDLEWARE, CollectingSpider, crawl

PAGES = 20


def is_first(request: Request) -> bool:
    return "again" not in request.url


def again(request: Request) -> Request:
    return request.replace(url=f"{request.url}-again", dont_filter=True)


class ReturnsRequestBefore:
    def process_request(self, request: Request) -> Request | None:
        return again(request) if is_first(request) else None


class ReturnsResponseBefore:
    def process_request(self, request: Request) -> Response | None:
        return Response(request.url, request=request) if is_first(request) else None


class IgnoresBefore:
    def process_request(self, request: Request) -> None:
        if is_first(request):
            raise IgnoreRequest


class RaisesBefore:
    def process_request(self, request: Request) -> None:
        if is_first(request):
            raise KeyError("a bug")


class ReturnsRequestAfter:
    def process_response(self, request: Request, response: Response) -> Request | Response:
        return again(request) if is_first(request) else response


class ReturnsTheSameRequestAfter:
    def process_response(self, request: Request, response: Response) -> Request | Response:
        if "seen" in request.meta:
            return response
        request.meta["seen"] = request.dont_filter = True
        return request


class RaisesAfter:
    def process_response(self, request: Request, response: Response) -> Response:
        if is_first(request):
            raise KeyError("a bug")
        return response


class ReturnsRequestOnException:
    def process_exception(self, request: Request, exception: Exception) -> Request | None:
        return again(request) if is_first(request) else None


class RaisesOnException:
    def process_exception(self, request: Request, exception: Exception) -> None:
        raise KeyError("a bug")


class ReturnsResponseOnException:
    def process_exception(self, request: Request, exception: Exception) -> Response:
        return Response(request.url, request=request)


class BusySpider(CollectingSpider):
    """Looks at what is counted as in flight when there is nothing left to do."""

    busy: int

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        spider = super().from_crawler(crawler, *args, **kwargs)
        crawler.signals.connect(spider.look, signal=signals.spider_idle)
        return spider

    def look(self) -> None:
        self.failures.clear()  # which hold the requests
        gc.collect()
        assert self.crawler.engine
        for middleware in self.crawler.engine.downloader.middleware.middlewares:
            if isinstance(middleware, ProxyWhirlMiddleware):
                middleware._recorder.settle_lost()
                self.busy = sum(proxy.requests_active for proxy in middleware.pool)


@pytest.mark.parametrize(
    ("inner", "fault"),
    [
        (ReturnsRequestBefore, Fault.NONE),
        (ReturnsResponseBefore, Fault.NONE),
        (IgnoresBefore, Fault.NONE),
        (RaisesBefore, Fault.NONE),
        (ReturnsRequestAfter, Fault.NONE),
        (ReturnsTheSameRequestAfter, Fault.NONE),
        (RaisesAfter, Fault.NONE),
        (ReturnsRequestOnException, Fault.REFUSE),
        (RaisesOnException, Fault.REFUSE),
        (ReturnsResponseOnException, Fault.REFUSE),
    ],
)
@deferred_f_from_coro_f
async def test_whatever_a_later_middleware_does(
    inner: type, fault: Fault, play: Callable[..., Playground]
) -> None:
    playground = play(ProxySpec(fault=fault), ProxySpec(fault=fault))

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_WAIT_TIMEOUT": 1,
            "DOWNLOADER_MIDDLEWARES": {MIDDLEWARE: 745, inner: 800},
            "RETRY_ENABLED": False,
        },
        [f"{playground.origin_url}/{number}" for number in range(PAGES)],
        BusySpider,
    )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("neutral") >= PAGES
    assert isinstance(crawled.spider, BusySpider)
    assert crawled.spider.busy == 0


@deferred_f_from_coro_f
async def test_a_lost_attempt_is_settled_with_the_next_request(playground: Playground) -> None:
    class LookingSpider(CollectingSpider):
        """Sends a request after the first one's attempt was lost, and looks when that is back."""

        busy: int

        def collect(self, response: Response) -> Iterator[Request]:  # type: ignore[override]
            gc.collect()  # what the first request was dropped in may be a cycle
            if not response.url.endswith("/again-next"):
                yield response.follow("/again-next", self.collect)
                return
            assert self.crawler.engine
            for middleware in self.crawler.engine.downloader.middleware.middlewares:
                if isinstance(middleware, ProxyWhirlMiddleware):
                    self.busy = sum(proxy.requests_active for proxy in middleware.pool)

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "DOWNLOADER_MIDDLEWARES": {MIDDLEWARE: 745, ReturnsRequestBefore: 800},
        },
        [f"{playground.origin_url}/page"],
        LookingSpider,
    )

    assert crawled.stat("attempts") == 3
    assert isinstance(crawled.spider, LookingSpider)
    assert crawled.spider.busy == 0


class KeepsRequests(ReturnsRequestBefore):
    """Keeps what it replaces, so that it is never dropped."""

    def __init__(self) -> None:
        self.kept: list[Request] = []

    def process_request(self, request: Request) -> Request | None:
        self.kept.append(request)
        return super().process_request(request)


@deferred_f_from_coro_f
async def test_what_somebody_keeps_is_settled_when_the_spider_closes(
    playground: Playground,
) -> None:
    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "DOWNLOADER_MIDDLEWARES": {MIDDLEWARE: 745, KeepsRequests: 800},
        },
        [f"{playground.origin_url}/{number}" for number in range(PAGES)],
    )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("successes") == crawled.stat("neutral") == PAGES


class AnswersFirst:
    """Answers in process_request before our middleware is asked."""

    def process_request(self, request: Request) -> Response:
        return Response(request.url, request=request)


@deferred_f_from_coro_f
async def test_a_response_without_an_attempt_is_let_through(playground: Playground) -> None:
    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "DOWNLOADER_MIDDLEWARES": {MIDDLEWARE: 745, AnswersFirst: 200},
        },
        [f"{playground.origin_url}/{number}" for number in range(3)],
    )

    assert len(crawled.spider.responses) == 3
    assert crawled.stat("attempts") == 0


@deferred_f_from_coro_f
async def test_a_spider_that_is_closed_in_mid_crawl_leaves_nothing_open(
    play: Callable[..., Playground],
) -> None:
    playground = play(ProxySpec(latency=0.05), ProxySpec(latency=0.05))

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, "CLOSESPIDER_PAGECOUNT": 20},
        [f"{playground.origin_url}/{number}" for number in range(200)],
    )

    crawled.assert_every_attempt_is_settled()
    assert 20 <= crawled.stat("attempts") < 200


class BrokenPolicy:
    def response_is_ban(self, request: Request, response: Response) -> bool:
        raise KeyError("a bug")

    def exception_is_ban(self, request: Request, exception: Exception) -> bool:
        raise KeyError("a bug")


@pytest.mark.parametrize("fault", [Fault.NONE, Fault.REFUSE])
@deferred_f_from_coro_f
async def test_a_bug_in_a_ban_policy_is_not_hidden_and_leaves_nothing_open(
    fault: Fault, play: Callable[..., Playground]
) -> None:
    playground = play(ProxySpec(fault=fault))

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, "PROXYWHIRL_BAN_POLICY": BrokenPolicy},
        [f"{playground.origin_url}/{number}" for number in range(3)],
    )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("neutral") == 3
    assert [type(failure.value) for failure in crawled.spider.failures] == [KeyError] * 3


class ImpatientSpider(BusySpider):
    """Downloads a page in its callback, and does not wait for it to come."""

    async def collect(self, response: Response) -> None:  # type: ignore[override]
        super().collect(response)
        assert self.crawler.engine
        page = Request(response.urljoin("/slow"))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(self.crawler.engine.download_async(page), 0.05)
        # Which takes longer than what is left of the other, that nobody waits for any more.
        await self.crawler.engine.download_async(page.replace(url=page.url + "-too"))


@deferred_f_from_coro_f
async def test_a_download_that_is_cancelled(play: Callable[..., Playground]) -> None:
    if not is_asyncio_available():
        pytest.skip("asyncio cancels, and this reactor has none of it")
    playground = play(ProxySpec(latency=1.0))

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls},
        [f"{playground.origin_url}/first"],
        ImpatientSpider,
    )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("attempts") == 3
    assert isinstance(crawled.spider, BusySpider)
    assert crawled.spider.busy == 0
