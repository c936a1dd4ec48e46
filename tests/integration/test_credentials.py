"""Credentials reach the proxy that they are for, and nobody else."""

from __future__ import annotations

import logging
import pickle
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.utils.defer import deferred_f_from_coro_f
from typing_extensions import Self

from scrapy_proxywhirl.closing import close_spider
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from tests.crawling import MIDDLEWARE, CollectingSpider, crawl, kept_in, make_crawler, run, secrets

PASSWORD = "pa55/w:rd@"


@pytest.fixture
def gate(play: Callable[..., Playground]) -> Playground:
    """One host and port with two identities, and none."""
    return play(ProxySpec(credentials={"ann": PASSWORD, "bob": "b0b"}, takes_anonymous=True))


# Two retries: Scrapy's, ours, and one of each.
@pytest.mark.parametrize(("ours", "scrapys"), [(0, 2), (2, 0), (1, 1)])
@deferred_f_from_coro_f
async def test_each_request_carries_its_own_identity_or_none(
    ours: int, scrapys: int, gate: Playground
) -> None:
    users = ("ann", "bob", None)
    proxies = [
        {"url": gate.proxy_url(0, username), "label": username or "nobody"} for username in users
    ]
    pages = 60

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": proxies,
            "PROXYWHIRL_STRATEGY": "round-robin",
            "PROXYWHIRL_RETRY_TIMES": ours,
            "PROXYWHIRL_WAIT_TIMEOUT": 1,
            "RETRY_TIMES": scrapys,
        },
        [
            f"{gate.origin_url}/{'status/503' if number % 4 == 0 else 'page'}?{number}"
            for number in range(pages)
        ],
    )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("bans") >= 3
    log = gate.proxy_log()
    attempts = {
        label: crawled.stat(f"proxy/{label}/attempts") for label in ("ann", "bob", "nobody")
    }
    seen = dict.fromkeys(attempts, 0)
    for entry in log:
        seen[entry["username"] or "nobody"] += 1
    assert seen == attempts
    assert all(seen.values())
    # A proxy that got credentials it does not know would have answered 407.
    assert crawled.stat("failures") == 0
    origin = gate.origin_log()
    assert len(origin) == len(log)
    assert all(entry["via"] for entry in origin)
    assert not any("proxy-authorization" in entry["headers"] for entry in origin)


@deferred_f_from_coro_f
async def test_passwords_appear_nowhere(
    gate: Playground, play: Callable[..., Playground], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    broken = play(
        ProxySpec(fault=Fault.REFUSE, credentials={"ann": PASSWORD}),
        ProxySpec(fault=Fault.RESET, credentials={"ann": PASSWORD}),
        ProxySpec(credentials={"ann": "another"}),
    )
    proxies = [gate.proxy_url(0, "ann"), *(broken.proxy_url(place, "ann") for place in (0, 1))]
    proxies.append(
        gate.proxy_url(0, "ann").replace(gate.proxy_urls[0][7:], broken.proxy_urls[2][7:])
    )

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": proxies,
            "PROXYWHIRL_WAIT_TIMEOUT": 1,
            "LOG_LEVEL": "DEBUG",
            "RETRY_TIMES": 1,
        },
        [f"{gate.origin_url}/{number}" for number in range(40)]
        + [f"{gate.origin_url}/status/403", f"{gate.origin_url}/redirect/x"],
    )

    assert crawled.stat("failures/407") >= 1
    assert crawled.spider.failures
    shown = [
        caplog.text,
        *(str(record.__dict__) for record in caplog.records),
        str(crawled.stats),
        repr(crawled.middleware.pool),
        repr(crawled.proxies),
        *(failure.getTraceback(detail="verbose") for failure in crawled.spider.failures),
        *(str(failure.value) for failure in crawled.spider.failures),
        *(show(response, crawled.spider) for response in crawled.spider.responses),
    ]
    for secret in secrets("ann", PASSWORD):
        assert not [text for text in shown if secret in text]


def show(response: Response, spider: Spider) -> str:
    assert response.request
    request = response.request.to_dict(spider=spider)
    return f"{response.meta} {response.headers} {response.request.headers} {request}"


@deferred_f_from_coro_f
async def test_no_credentials_go_to_disk_with_a_retry(gate: Playground, tmp_path: Path) -> None:
    class ClosingSpider(CollectingSpider):
        """Is closed while pages wait for their retries, which then are kept on disk."""

        async def start(self) -> AsyncIterator[Request]:
            for number in range(200):
                yield Request(f"{gate.origin_url}/status/503?{number}")

    crawler = make_crawler(
        {
            "PROXYWHIRL_PROXIES": [gate.proxy_url(0, "ann")],
            "PROXYWHIRL_RETRY_TIMES": 0,
            "JOBDIR": str(tmp_path),
            "RETRY_TIMES": 50,
            "CLOSESPIDER_TIMEOUT": 1,
        },
        ClosingSpider,
    )
    await run(crawler, [])

    assert crawler.stats
    assert crawler.stats.get_value("retry/count") > 0
    kept = await kept_in(tmp_path)
    assert b"status/503" in kept
    assert b"_proxywhirl" in kept
    for secret in secrets("ann", PASSWORD):
        assert secret.encode() not in kept
    assert b"Proxy-Authorization" not in kept


class ReturnsRequests:
    """Replaces requests that have their proxy, and stops the crawl, so that they stay queued."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_request(self, request: Request) -> Request | None:
        return self._again(request)

    def _again(self, request: Request) -> Request:
        if "first" in request.url:
            close_spider(self._crawler, "enough")
        return request.replace(dont_filter=True)


class ReturnsThemLater(ReturnsRequests):
    """Does so when they have been answered."""

    def process_request(self, request: Request) -> None:
        return None

    def process_response(self, request: Request, response: Response) -> Request:
        return self._again(request)


@pytest.mark.parametrize(
    ("middleware", "order"),
    [(ReturnsRequests, 747), (ReturnsRequests, 800), (ReturnsThemLater, 800)],
)
@deferred_f_from_coro_f
async def test_none_go_to_disk_with_what_another_middleware_sends_again(
    middleware: type[ReturnsRequests], order: int, gate: Playground, tmp_path: Path
) -> None:
    crawler = make_crawler(
        {
            "PROXYWHIRL_PROXIES": [gate.proxy_url(0, "ann")],
            "DOWNLOADER_MIDDLEWARES": {MIDDLEWARE: 745, middleware: order},
            "JOBDIR": str(tmp_path),
        }
    )

    await run(crawler, [f"{gate.origin_url}/{name}" for name in ("first", "second")])

    kept = await kept_in(tmp_path)
    assert b"/first" in kept
    assert b"_proxywhirl" in kept
    for secret in secrets("ann", PASSWORD):
        assert secret.encode() not in kept


class SendsAgain:
    """Replaces each request once, when our middleware can no longer clean it up."""

    def process_response(self, request: Request, response: Response) -> Request | Response:
        if "again" in request.url:
            return response
        return request.replace(url=f"{request.url}-again", dont_filter=True)


@deferred_f_from_coro_f
async def test_what_another_middleware_sends_again_carries_no_others_credentials(
    gate: Playground,
) -> None:
    proxies = [{"url": gate.proxy_url(0, "ann"), "label": "ann"}, gate.proxy_url(0)]

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": proxies,
            "PROXYWHIRL_STRATEGY": "round-robin",
            "DOWNLOADER_MIDDLEWARES": {MIDDLEWARE: 745, SendsAgain: 800},
            "CONCURRENT_REQUESTS": 1,
        },
        [f"{gate.origin_url}/page"],
    )

    crawled.assert_every_attempt_is_settled()
    assert [entry["username"] for entry in gate.proxy_log()] == ["ann", None]


class Answers:
    """Answers by itself, as a middleware does that has a browser of its own."""

    def process_request(self, request: Request) -> Response | None:
        return Response(request.url, request=request) if "browser" in request.url else None


@pytest.mark.parametrize("path", ["page", "status/404", "browser"])
@deferred_f_from_coro_f
async def test_none_go_to_disk_with_scrapys_cache(
    path: str, gate: Playground, tmp_path: Path
) -> None:
    """Its storage writes the headers of the request with each response."""
    settings = {
        "PROXYWHIRL_PROXIES": [gate.proxy_url(0, "ann")],
        "DOWNLOADER_MIDDLEWARES": {MIDDLEWARE: 745, Answers: 800},
        "HTTPCACHE_ENABLED": True,
        "HTTPCACHE_DIR": str(tmp_path),
    }

    crawled = await crawl(settings, [f"{gate.origin_url}/{path}"])

    assert crawled.stats["httpcache/store"] == 1
    kept = await kept_in(tmp_path)
    assert b"User-Agent" in kept
    for secret in secrets("ann", PASSWORD):
        assert secret.encode() not in kept


class AnswersBeforeHttpProxyMiddleware:
    def process_request(self, request: Request) -> Response:
        return Response(request.url, request=request)


@deferred_f_from_coro_f
async def test_none_stay_in_meta_where_httpproxymiddleware_was_not_reached(
    gate: Playground,
) -> None:
    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": [gate.proxy_url(0, "ann")],
            "DOWNLOADER_MIDDLEWARES": {MIDDLEWARE: 745, AnswersBeforeHttpProxyMiddleware: 747},
        },
        [f"{gate.origin_url}/page"],
    )

    (response,) = crawled.spider.responses
    assert response.meta["proxy"] == gate.proxy_urls[0]


@deferred_f_from_coro_f
async def test_what_travels_in_meta_can_be_pickled(gate: Playground) -> None:
    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": [{"url": gate.proxy_url(0, "ann"), "tags": ["a", "b"]}]},
        [f"{gate.origin_url}/page"],
    )

    (response,) = crawled.spider.responses
    note = response.meta["_proxywhirl"]
    assert pickle.loads(pickle.dumps(note)) == note
    assert not [secret for secret in secrets("ann", PASSWORD) if secret in str(response.meta)]


@deferred_f_from_coro_f
async def test_a_request_that_goes_direct_by_its_users_wish_carries_none(gate: Playground) -> None:
    class DirectSpider(CollectingSpider):
        def collect(self, response: Response) -> Any:
            super().collect(response)
            if response.url.endswith("/first"):
                meta = {**response.meta, "proxy": None}
                yield response.follow("/direct", self.collect, meta=meta)

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": [gate.proxy_url(0, "ann")]},
        [f"{gate.origin_url}/first"],
        DirectSpider,
    )

    crawled.assert_every_attempt_is_settled()
    first, direct = gate.origin_log()
    assert first["via"]
    assert direct["path"] == "/direct"
    assert direct["via"] is None
    assert "proxy-authorization" not in direct["headers"]
