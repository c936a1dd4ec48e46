"""Pages that a proxy fails arrive through another one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError
from scrapy.utils.defer import deferred_f_from_coro_f

from scrapy_proxywhirl import RobotsTxtUnavailableError
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from tests.bad_proxies import BAD_PROXIES, CAPTCHA
from tests.crawling import CollectingSpider, Crawl, FollowingSpider, crawl

GOOD = ProxySpec(latency=0.02)
PAGES = 100

# So that whatever is retried is retried by us.
NO_RETRY_MIDDLEWARE = {"RETRY_ENABLED": False}


def pages(playground: Playground) -> list[str]:
    return [f"{playground.origin_url}/{number}" for number in range(PAGES)]


def assert_all_arrived(crawled: Crawl) -> None:
    assert not crawled.spider.failures
    arrived = {response.url: response for response in crawled.spider.responses}
    assert len(crawled.spider.responses) == len(arrived) == PAGES
    for url, response in arrived.items():  # and are what they should be
        assert response.text == f"<title>/{url.rpartition('/')[2]}</title>"


@pytest.mark.parametrize(
    ("bad", "stat"), BAD_PROXIES, ids=lambda value: value if isinstance(value, str) else ""
)
@deferred_f_from_coro_f
async def test_no_page_is_lost_to_a_bad_proxy(
    bad: ProxySpec, stat: str, play: Callable[..., Playground]
) -> None:
    playground = play(GOOD, GOOD, bad)

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_BAN_TEXT": "Are you a robot?",
            "DOWNLOAD_TIMEOUT": 3,
            **NO_RETRY_MIDDLEWARE,
        },
        pages(playground),
    )

    assert_all_arrived(crawled)
    crawled.assert_every_attempt_is_settled()
    assert crawled.stat(stat) >= 1
    assert crawled.stat("retries") == crawled.stat("bans") + crawled.stat("failures")
    assert crawled.stat("attempts") == PAGES + crawled.stat("retries")
    assert crawled.stat("retries_exhausted") == 0
    assert all(entry["via"] for entry in playground.origin_log())


@deferred_f_from_coro_f
async def test_a_page_is_retried_as_often_as_is_set_and_then_is_scrapys(
    play: Callable[..., Playground],
) -> None:
    playground = play(*[ProxySpec(latency=0.05)] * 10)
    statuses = [500, 502, 503, 504, 522, 524, 408, 429]

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_RETRY_TIMES": 4,
            "PROXYWHIRL_COOLDOWN": 0.1,
            "PROXYWHIRL_BAN_STATUSES": statuses,
            "RETRY_TIMES": 2,
        },
        [f"{playground.origin_url}/{number}" for number in range(1001)]
        # Not three times the same way, or it would be the page's own fault.
        + [f"{playground.origin_url}/in-turn/{'/'.join(map(str, statuses * 2))}"],
        FollowingSpider,
    )

    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 1000  # and the first
    assert crawled.stats["retry/count"] == 2
    assert crawled.stat("retries_exhausted") == 1
    # As many of its proxies have been seen to work by then: others may be about to.
    assert 4 <= crawled.stat("retries") <= 9
    assert crawled.stat("attempts") == 1001 + 1 + crawled.stat("retries") + 2
    (failure,) = crawled.spider.failures
    assert isinstance(failure.value, HttpError)
    assert failure.value.response.status in statuses


@pytest.mark.parametrize(
    ("settings", "meta"),
    [({"PROXYWHIRL_RETRY_TIMES": 0}, {}), ({}, {"dont_retry": True})],
    ids=["the setting", "the request"],
)
@deferred_f_from_coro_f
async def test_retries_can_be_switched_off(
    settings: dict[str, Any], meta: dict[str, Any], playground: Playground
) -> None:
    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, **settings},
        [Request(f"{playground.origin_url}/status/403", meta=meta)],
    )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("attempts") == 1
    assert crawled.stat("retries") == crawled.stat("retries_exhausted") == 0


class ServedRequests:
    """Keeps what the pages' requests are like when they are served."""

    seen: list[tuple[bool, int, bool]]

    def process_response(self, request: Request, response: Response) -> Response:
        is_start = request.meta["is_start_request"]
        self.seen.append((request.dont_filter, request.priority, is_start))
        return response


@pytest.mark.parametrize("dont_filter", [False, True])
@deferred_f_from_coro_f
async def test_a_retry_is_the_page_that_it_was(
    dont_filter: bool, play: Callable[..., Playground]
) -> None:
    playground = play(ProxySpec(fault=Fault.STATUS, status=403), GOOD)
    ServedRequests.seen = []

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_STRATEGY": "round-robin",
            "DOWNLOADER_MIDDLEWARES": {
                "scrapy_proxywhirl.ProxyWhirlMiddleware": 745,
                ServedRequests: 100,
            },
        },
        [Request(f"{playground.origin_url}/1", priority=7, dont_filter=dont_filter)],
    )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("retries") == 1
    assert ServedRequests.seen == [(dont_filter, 7, True)]


@deferred_f_from_coro_f
async def test_what_is_no_answer_does_not_get_into_the_cache(
    play: Callable[..., Playground], tmp_path: Path
) -> None:
    forbids = ProxySpec(fault=Fault.STATUS, status=403)
    playground = play(GOOD, CAPTCHA, forbids, ProxySpec(fault=Fault.GARBLE))
    settings = {
        "PROXYWHIRL_PROXIES": playground.proxy_urls,
        "PROXYWHIRL_BAN_TEXT": [re.compile("robot")],
        "HTTPCACHE_ENABLED": True,
        "HTTPCACHE_DIR": str(tmp_path),
        **NO_RETRY_MIDDLEWARE,
    }

    first = await crawl(settings, pages(playground))
    second = await crawl(settings, pages(playground))

    assert_all_arrived(first)
    assert first.stat("bans") >= 2
    assert first.stat("failures/BadGzipFile") >= 1
    assert first.stats["httpcache/store"] == PAGES
    assert_all_arrived(second)
    assert second.stats["httpcache/hit"] == PAGES
    assert second.stat("attempts") == second.stat("neutral") == PAGES


@deferred_f_from_coro_f
async def test_a_ban_that_is_in_the_cache_is_fetched_anew(
    play: Callable[..., Playground], tmp_path: Path
) -> None:
    playground = play(CAPTCHA)
    settings = {
        "PROXYWHIRL_PROXIES": playground.proxy_urls,
        "HTTPCACHE_ENABLED": True,
        "HTTPCACHE_DIR": str(tmp_path),
    }
    taken_in = await crawl(settings, pages(playground))
    playground.change(0, GOOD)

    crawled = await crawl({**settings, "PROXYWHIRL_BAN_TEXT": ["robot"]}, pages(playground))

    assert taken_in.stats["httpcache/store"] == PAGES
    assert_all_arrived(crawled)
    crawled.assert_every_attempt_is_settled()
    # The hits say nothing of the proxy, and are no bans of its.
    assert crawled.stat("neutral") == crawled.stat("successes") == PAGES
    assert crawled.stat("retries") == PAGES


@deferred_f_from_coro_f
async def test_a_retry_is_not_put_behind_all_that_a_crawl_starts_with(
    play: Callable[..., Playground],
) -> None:
    playground = play(*[GOOD] * 3)

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, "CONCURRENT_REQUESTS": 2},
        [f"{playground.origin_url}/in-turn/503/200", *pages(playground)],
    )

    order = [response.url.rpartition("/")[2] for response in crawled.spider.responses]
    assert len(order) == PAGES + 1
    assert order.index("200") < 10


class AsyncPolicy:
    """Asks somebody else, as a policy may."""

    async def response_is_ban(self, request: Request, response: Response) -> bool:
        return b"robot" in response.body

    async def exception_is_ban(self, request: Request, exception: Exception) -> None:
        return None


class BanningSpider(CollectingSpider):
    """Has the methods that users of scrapy-rotating-proxies write."""

    def response_is_ban(self, request: Request, response: Response) -> bool | None:
        return b"robot" in response.body or None

    def exception_is_ban(self, request: Request, exception: Exception) -> None:
        return None


@pytest.mark.parametrize(
    ("settings", "spider_class"),
    [({"PROXYWHIRL_BAN_POLICY": AsyncPolicy}, CollectingSpider), ({}, BanningSpider)],
    ids=["an async policy", "the spider"],
)
@deferred_f_from_coro_f
async def test_ones_own_judgement_is_followed(
    settings: dict[str, Any],
    spider_class: type[CollectingSpider],
    play: Callable[..., Playground],
) -> None:
    playground = play(GOOD, CAPTCHA)

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, **settings, **NO_RETRY_MIDDLEWARE},
        pages(playground),
        spider_class,
    )

    assert_all_arrived(crawled)
    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("retries") == crawled.stat("bans/200") >= 1


class PatientSpider(CollectingSpider):
    """Asks for /robots.txt, as RobotsTxtMiddleware does, before it starts."""

    said: Exception | None = None

    async def start(self) -> AsyncIterator[Request]:
        assert self.crawler.engine
        for url in self.requests:
            assert isinstance(url, str)
            request = Request(url, meta={"dont_obey_robotstxt": True})
            try:
                self.responses.append(await self.crawler.engine.download_async(request))
            except RobotsTxtUnavailableError as error:
                self.said = error
        return
        yield


@deferred_f_from_coro_f
async def test_a_ban_text_is_never_taken_for_robots_txt(play: Callable[..., Playground]) -> None:
    playground = play(CAPTCHA, CAPTCHA)

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_BAN_TEXT": ["robot"],
            "PROXYWHIRL_WAIT_TIMEOUT": 1,
        },
        [f"{playground.origin_url}/robots.txt"],
        PatientSpider,
    )

    crawled.assert_every_attempt_is_settled()
    assert isinstance(crawled.spider, PatientSpider)
    assert crawled.spider.responses == []
    assert "robots.txt" in str(crawled.spider.said)
    assert crawled.stat("robotstxt_unavailable") == 1
    assert crawled.stat("attempts") == crawled.stat("bans/text") >= 2


@deferred_f_from_coro_f
async def test_robots_txt_arrives_through_another_proxy_too(
    play: Callable[..., Playground],
) -> None:
    playground = play(CAPTCHA, GOOD)

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_BAN_TEXT": ["a robot"],
            "ROBOTSTXT_OBEY": True,
        },
        pages(playground),
    )

    assert_all_arrived(crawled)
    assert crawled.stats["robotstxt/response_status_count/200"] == 1
    assert crawled.stat("robotstxt_unavailable") == 0


@deferred_f_from_coro_f
async def test_wrong_credentials_are_told_of_once_by_label(
    play: Callable[..., Playground], caplog: pytest.LogCaptureFixture
) -> None:
    playground = play(ProxySpec(credentials={"user": "right"}))
    url = playground.proxy_urls[0].replace("//", "//user:wrong@")

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": [{"url": url, "label": "mine"}],
            "PROXYWHIRL_COOLDOWN": 0.01,
            "PROXYWHIRL_RETRY_TIMES": 1,  # twenty of which nobody knows whose fault they are
        },
        pages(playground)[:1],
    )

    (told,) = (
        record.getMessage()
        for record in caplog.records
        if record.levelname == "WARNING" and "(407)" in record.getMessage()
    )
    assert "mine" in told
    assert "wrong" not in told
    assert crawled.stat("failures/407") == crawled.stat("attempts") >= 3


@deferred_f_from_coro_f
async def test_a_refused_tunnel_is_read_for_wrong_credentials(
    play: Callable[..., Playground], caplog: pytest.LogCaptureFixture
) -> None:
    playground = play(ProxySpec(credentials={"user": "right"}))
    url = playground.proxy_urls[0].replace("//", "//user:wrong@")

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": [url], **NO_RETRY_MIDDLEWARE, "PROXYWHIRL_RETRY_TIMES": 0},
        [playground.origin_url.replace("http:", "https:")],
    )

    assert crawled.stat("failures/407") == 1
    assert "refuses its credentials" in caplog.text


class HandlerThatCannot(HTTP11DownloadHandler):
    """Does what some versions of Scrapy do with https:// pages through https:// proxies."""

    async def download_request(self, request: Request, *args: Any) -> Response:
        raise NotImplementedError("no such proxies")


@deferred_f_from_coro_f
async def test_what_the_handler_cannot_do_is_said_once_and_no_proxys_fault(
    playground: Playground, caplog: pytest.LogCaptureFixture
) -> None:
    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "DOWNLOAD_HANDLERS": {"http": HandlerThatCannot},
        },
        pages(playground)[:5],
    )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("neutral") == len(crawled.spider.failures) == 5
    told = [record for record in caplog.records if "cannot send" in record.getMessage()]
    assert [record.levelname for record in told] == ["ERROR"]
