"""Proxies that come from somewhere, before a crawl and while it runs."""

from __future__ import annotations

import gc
import gzip
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from time import time
from typing import Any

import pytest
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.utils.asyncio import call_later
from scrapy.utils.defer import deferred_f_from_coro_f, maybe_deferred_to_future
from twisted.internet.defer import Deferred

from scrapy_proxywhirl import Proxy, ProxyPoolEmptyError, ProxyWhirlMiddleware
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from scrapy_proxywhirl.sources import garbage, supply
from tests.crawling import Crawl, FollowingSpider, crawl
from tests.list_server import ListServer

GOOD = ProxySpec(latency=0.02)
PAGES = 60


@pytest.fixture
def lists() -> Iterator[ListServer]:
    with ListServer() as server:
        yield server


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supply, "_TICK", 0.02)
    monkeypatch.setattr(supply, "_SOON", 0.1)


def urls(playground: Playground, number: int = PAGES) -> list[str]:
    return [f"{playground.origin_url}/{page}" for page in range(number)]


def hostport(url: str) -> str:
    return url.partition("//")[2]


def used(playground: Playground) -> list[str]:
    """Return the URL of the proxy of each request that reached the web site, in turn."""
    log = playground.origin_log()
    return [playground.proxy_urls[int(entry["via"].rpartition("-")[2])] for entry in log]


def assert_all_arrived(crawled: Crawl, pages: list[str]) -> None:
    assert not crawled.spider.failures
    assert sorted(response.url for response in crawled.spider.responses) == sorted(pages)
    assert crawled.stat("attempts") == sum(
        crawled.stat(end) for end in ("successes", "bans", "failures", "neutral")
    )


def messages(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> str:
    return "\n".join(
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("scrapy_proxywhirl") and record.levelno >= level
    )


class ChangingSpider(FollowingSpider):
    """Does something between its first pages and its others, of which it asks for a few at once."""

    change: Callable[[ChangingSpider], object]
    at: int = 20
    is_changed: Callable[[ChangingSpider], bool] = staticmethod(lambda spider: True)

    async def follow(self, response: Response) -> AsyncIterator[Request]:
        pages = list(self.requests)
        self.requests = pages[: self.at]
        async for request in super().follow(response):
            yield request
        await pause(0.1)
        type(self).change(self)
        for _ in range(200):
            if type(self).is_changed(self):
                break
            await pause(0.02)
        self.requests = pages[self.at :]
        async for request in super().follow(response):
            yield request


async def pause(seconds: float) -> None:
    over: Deferred[None] = Deferred()
    call_later(seconds, over.callback, None)
    await maybe_deferred_to_future(over)


def changing(
    change: Callable[[ChangingSpider], object],
    is_changed: Callable[[ChangingSpider], bool] = lambda spider: True,
) -> type[ChangingSpider]:
    """Return a spider that calls *change* in mid-crawl, and goes on when *is_changed* says so."""
    members = {"change": staticmethod(change), "is_changed": staticmethod(is_changed)}
    return type("ChangedSpider", (ChangingSpider,), members)


def proxies(spider: ChangingSpider) -> list[Proxy]:
    middleware = spider.crawler.get_downloader_middleware(ProxyWhirlMiddleware)
    assert middleware is not None
    return list(middleware.pool)


def labels(spider: ChangingSpider) -> set[str]:
    return {proxy.label for proxy in proxies(spider)}


@deferred_f_from_coro_f
async def test_a_crawl_goes_through_the_proxies_of_a_file(
    playground: Playground, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "proxies.txt.gz"
    lines = ["# ours", *playground.proxy_urls, playground.proxy_urls[0], "htp://user:secret@a:1"]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))

    crawled = await crawl({"PROXYWHIRL_SOURCES": [str(path)]}, urls(playground))

    assert_all_arrived(crawled, urls(playground))
    assert {proxy.url for proxy in crawled.proxies} == set(playground.proxy_urls)
    assert all(entry["via"] for entry in playground.origin_log())
    assert f"{path} has 3 proxies: 3 new to the pool, 0 gone from it, 1 listed twice" in messages(
        caplog
    )
    assert f"{path}:6: 'htp://***@a:1' has the unknown scheme 'htp'" in messages(
        caplog, logging.WARNING
    )
    assert "secret" not in caplog.text


@deferred_f_from_coro_f
async def test_what_the_handler_cannot_do_is_no_proxy_either(
    playground: Playground, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "proxies.txt"
    path.write_text("\n".join([*playground.proxy_urls, "socks5://a:1", "http://user:secret@b:1"]))

    crawled = await crawl(
        {"PROXYWHIRL_SOURCES": [path], "HTTPPROXY_ENABLED": False}, urls(playground, 10)
    )

    assert_all_arrived(crawled, urls(playground, 10))
    assert f"{path}:4: 'a:1' is a socks5 proxy, which HTTP11Download" in caplog.text
    assert f"{path}:5: 'b:1' has credentials, which HttpProxyMiddleware sends" in caplog.text


@deferred_f_from_coro_f
async def test_a_list_is_fetched_and_not_through_the_proxies(
    playground: Playground, lists: ListServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    lists.have(*playground.proxy_urls)
    lists.location = "/list"
    source = f"{lists.url.replace('//', '//user:secret@')}/?key=secret"

    crawled = await crawl(
        {
            "PROXYWHIRL_SOURCES": [source],
            "PROXYWHIRL_ON_EMPTY": "drop",  # which is no answer to what is still to come
            "ROBOTSTXT_OBEY": True,
            "HTTPCACHE_ENABLED": False,
        },
        urls(playground),
    )

    assert_all_arrived(crawled, urls(playground))
    assert [path for path, _ in lists.requests] == ["/?key=secret", "/list"]
    assert lists.requests[0][1]["Authorization"] == "Basic dXNlcjpzZWNyZXQ="
    assert not any(lists.url in entry["url"] for entry in playground.proxy_log())
    assert crawled.stat("waits") >= 1
    assert "secret" not in caplog.text.replace("key=secret HTTP", "")


@deferred_f_from_coro_f
async def test_a_page_that_wants_what_is_still_to_come_waits_for_it(
    playground: Playground, lists: ListServer
) -> None:
    here, there, _ = playground.proxy_urls
    lists.content = f'[{{"url": "{there}", "country": "DE"}}]'.encode()
    lists.content_type = "application/json"
    (page,) = urls(playground, 1)

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": [here], "PROXYWHIRL_SOURCES": [lists.url]},
        [
            Request(page, meta={"proxywhirl": {"country": "DE"}}),
            Request(f"{page}-fr", meta={"proxywhirl": {"country": "FR"}}),
        ],
    )

    (response,) = crawled.spider.responses
    assert response.url == page
    (failure,) = crawled.spider.failures
    assert isinstance(failure.value, ProxyPoolEmptyError)
    assert "FR" in str(failure.value)


@deferred_f_from_coro_f
async def test_pages_wait_for_a_source_that_fails_at_first(
    playground: Playground, lists: ListServer, caplog: pytest.LogCaptureFixture
) -> None:
    lists.have(*playground.proxy_urls)
    lists.status = 404
    call_later(0.5, setattr, lists, "status", 200)

    crawled = await crawl(
        {"PROXYWHIRL_SOURCES": [f"{lists.url}/list?key=secret"]}, urls(playground)
    )

    assert_all_arrived(crawled, urls(playground))
    assert f"{lists.url}/list cannot be fetched: status 404" in messages(caplog, logging.ERROR)
    assert "secret" not in messages(caplog)


@deferred_f_from_coro_f
async def test_a_source_that_nobody_answers_for_is_told_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    crawled = await crawl(
        {
            "PROXYWHIRL_SOURCES": ["http://127.0.0.1:1/list"],
            "PROXYWHIRL_WAIT_TIMEOUT": 0.5,
            "RETRY_ENABLED": False,
        },
        ["http://127.0.0.1:2/"],
    )

    (failure,) = crawled.spider.failures
    assert isinstance(failure.value, ProxyPoolEmptyError)
    assert "http://127.0.0.1:1/list cannot be fetched: " in messages(caplog, logging.ERROR)


class Vendor:
    """Gives proxies by a method."""

    def __init__(self, proxies: list[str]) -> None:
        self.proxies = proxies

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Vendor:
        return cls(crawler.settings.getlist("VENDOR_HAS"))

    def get_proxies(self) -> list[str]:
        return self.proxies


class SlowVendor(Vendor):
    """Takes its time, and gives them one by one."""

    async def get_proxies(self) -> AsyncIterator[dict[str, str]]:  # type: ignore[override]
        for proxy in self.proxies:
            await pause(0.01)
            yield {"url": proxy}


class BrokenVendor(Vendor):
    def get_proxies(self) -> list[str]:
        raise KeyError("out of stock")


class MadVendor(Vendor):
    def get_proxies(self) -> list[str]:
        return "http://h:1"  # type: ignore[return-value]


async def from_vendor(crawler: Crawler) -> list[str]:
    await pause(0.01)
    return crawler.settings.getlist("VENDOR_HAS")


@pytest.mark.parametrize("source", [Vendor, SlowVendor, from_vendor])
@deferred_f_from_coro_f
async def test_proxies_may_come_from_code(source: Any, playground: Playground) -> None:
    crawled = await crawl(
        {"PROXYWHIRL_SOURCES": [source], "VENDOR_HAS": playground.proxy_urls}, urls(playground)
    )

    assert_all_arrived(crawled, urls(playground))
    assert {proxy.url for proxy in crawled.proxies} == set(playground.proxy_urls)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (BrokenVendor, "has failed: KeyError: 'out of stock'"),
        (MadVendor, "has failed: TypeError: it has returned a str, which is no list"),
    ],
)
@deferred_f_from_coro_f
async def test_code_that_fails_costs_no_page(
    source: Any, message: str, playground: Playground, caplog: pytest.LogCaptureFixture
) -> None:
    crawled = await crawl(
        {"PROXYWHIRL_SOURCES": [source], "PROXYWHIRL_PROXIES": playground.proxy_urls},
        urls(playground),
    )

    assert_all_arrived(crawled, urls(playground))
    assert f"tests.integration.test_sources.{source.__name__} {message}" in messages(caplog)
    assert "Traceback" in caplog.text


@deferred_f_from_coro_f
async def test_a_reload_that_replaces_nine_of_ten_proxies_loses_no_page(
    play: Callable[..., Playground], tmp_path: Path
) -> None:
    playground = play(*[GOOD] * 19)
    before, after = playground.proxy_urls[:10], playground.proxy_urls[9:]
    path = tmp_path / "proxies.txt"
    path.write_text("\n".join(before))

    def replace(spider: ChangingSpider) -> None:
        path.write_text("\n".join(after))

    def is_replaced(spider: ChangingSpider) -> bool:
        return labels(spider) == set(map(hostport, after))

    crawled = await crawl(
        {"PROXYWHIRL_SOURCES": [path]},
        urls(playground, 200),
        changing(replace, is_replaced),
    )

    assert_all_arrived(crawled, urls(playground, 200)[1:])
    assert {proxy.url for proxy in crawled.proxies} == set(after)
    assert [proxy.requests_active for proxy in crawled.proxies] == [0] * 10
    stayed = crawled.proxy(hostport(before[9]))
    assert stayed.requests_started == used(playground).count(before[9])
    assert before[9] in used(playground)[:20]
    assert set(used(playground)[:10]) <= set(before)
    assert set(used(playground)[-100:]) <= set(after)
    assert len(set(used(playground)[-100:])) > 1
    assert crawled.stat("proxies/total") == 10


@pytest.mark.parametrize("content", ["", "# none\n", "<html>no</html>\n", None])
@deferred_f_from_coro_f
async def test_a_file_that_is_empty_broken_or_gone_keeps_the_pool_that_stands(
    content: str | None, playground: Playground, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "proxies.txt"
    path.write_text("\n".join(playground.proxy_urls))

    def spoil(spider: ChangingSpider) -> None:
        if content is None:
            path.unlink()
        else:
            path.write_text(content)

    crawled = await crawl(
        {"PROXYWHIRL_SOURCES": [path]},
        urls(playground),
        changing(spoil, lambda spider: "The pool stays as it is, with 3 proxies" in caplog.text),
    )

    assert_all_arrived(crawled, urls(playground)[1:])
    assert {proxy.url for proxy in crawled.proxies} == set(playground.proxy_urls)
    reason = "cannot be read: No such file" if content is None else "has no proxy that can be used"
    assert f"{path} {reason}" in messages(caplog, logging.WARNING)
    assert messages(caplog).count("The pool stays as it is") == 1


@deferred_f_from_coro_f
async def test_a_list_is_fetched_again_at_the_interval(
    playground: Playground, lists: ListServer
) -> None:
    first, second, third = playground.proxy_urls
    lists.have(first, second)

    crawled = await crawl(
        {"PROXYWHIRL_SOURCES": [lists.url], "PROXYWHIRL_REFRESH_INTERVAL": 0.1},
        urls(playground),
        changing(
            lambda spider: lists.have(second, third),
            lambda spider: labels(spider) == {hostport(second), hostport(third)},
        ),
    )

    assert_all_arrived(crawled, urls(playground)[1:])
    assert {proxy.url for proxy in crawled.proxies} == {second, third}


@deferred_f_from_coro_f
async def test_a_proxy_stays_as_long_as_one_source_has_it(
    playground: Playground, tmp_path: Path
) -> None:
    first, second, third = playground.proxy_urls
    path = tmp_path / "proxies.txt"
    path.write_text(f"{second}\n{third}\n")

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": [first, second], "PROXYWHIRL_SOURCES": [path]},
        urls(playground),
        changing(
            lambda spider: path.write_text(f"{first}\n"),
            lambda spider: hostport(third) not in labels(spider),
        ),
    )

    assert_all_arrived(crawled, urls(playground)[1:])
    assert {proxy.url for proxy in crawled.proxies} == {first, second}


@deferred_f_from_coro_f
async def test_what_is_said_of_a_proxy_may_change_and_what_it_has_shown_stays(
    playground: Playground, tmp_path: Path
) -> None:
    path = tmp_path / "proxies.csv"
    url, *_ = playground.proxy_urls
    path.write_text(f"url,label,country\n{url},one,DE\n")

    crawled = await crawl(
        {"PROXYWHIRL_SOURCES": [path]},
        urls(playground),
        changing(
            lambda spider: path.write_text(f"url,label,country\n{url},one,FR\n"),
            lambda spider: [proxy.country for proxy in proxies(spider)] == ["FR"],
        ),
    )

    assert_all_arrived(crawled, urls(playground)[1:])
    (proxy,) = crawled.proxies
    assert (proxy.label, proxy.country) == ("one", "FR")
    assert proxy.requests_started == PAGES == proxy.requests_completed
    assert proxy.ema_response_time_ms


@deferred_f_from_coro_f
async def test_a_proxy_leaves_when_it_expires(
    playground: Playground, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first, second, third = playground.proxy_urls
    now = time()
    clock = [now]
    monkeypatch.setattr(supply, "time", lambda: clock[0])

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": [
                first,
                {"url": second, "expires": now + 3600.0},
                {"url": third, "expires": now - 1.0},
            ],
            "PROXYWHIRL_REFRESH_INTERVAL": 0,
        },
        urls(playground),
        changing(
            lambda spider: clock.append(clock.pop() + 3601.0),
            lambda spider: labels(spider) == {hostport(first)},
        ),
    )

    assert_all_arrived(crawled, urls(playground)[1:])
    assert [proxy.url for proxy in crawled.proxies] == [first]
    assert "1 proxies have expired" in messages(caplog)
    assert set(used(playground)[:20]) == {first, second}
    assert set(used(playground)[-30:]) == {first}


class SessionBanningSpider(ChangingSpider):
    """Takes it for a ban when a page came through one of the first three sessions."""

    at = 0

    def response_is_ban(self, request: Request, response: Response) -> bool:
        return request.meta["_proxywhirl"]["label"] in self.burnt

    burnt: set[str] = set()

    @staticmethod
    def change(spider: ChangingSpider) -> None:
        assert isinstance(spider, SessionBanningSpider)
        spider.burnt = set(sorted(labels(spider))[:3])


@deferred_f_from_coro_f
async def test_a_session_that_a_site_bans_is_replaced_by_a_fresh_one(
    play: Callable[..., Playground],
) -> None:
    playground = play(ProxySpec(latency=0.02))
    gateway = playground.proxy_urls[0].replace("//", "//user-session-{session}:secret@")

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": [{"url": gateway, "sessions": 10}],
            "PROXYWHIRL_COOLDOWN": 0.1,
        },
        urls(playground, 300),
        SessionBanningSpider,
    )

    assert_all_arrived(crawled, urls(playground, 300)[1:])
    assert isinstance(crawled.spider, SessionBanningSpider)
    now = {proxy.label for proxy in crawled.proxies}
    assert len(crawled.spider.burnt) == 3
    assert not crawled.spider.burnt & now
    assert len(now) == 10
    assert crawled.stat("bans") >= 3
    assert [proxy.requests_active for proxy in crawled.proxies] == [0] * 10
    fresh = {proxy.label for proxy in crawled.proxies if proxy.total_successes}
    assert fresh


@deferred_f_from_coro_f
async def test_an_outage_does_not_use_up_sessions(play: Callable[..., Playground]) -> None:
    bad = ProxySpec(fault=Fault.STATUS, status=502)
    playground = play(bad)
    playground.change(0, ProxySpec(latency=0.02), after=1.0)
    gateway = playground.proxy_urls[0].replace("//", "//user-session-{session}:secret@")
    before = set()

    def look(spider: ChangingSpider) -> None:
        before.update(labels(spider))

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": [{"url": gateway, "sessions": 50}],
            "PROXYWHIRL_COOLDOWN": 0.4,
            "PROXYWHIRL_WAIT_TIMEOUT": 20,
        },
        urls(playground),
        changing(look),
    )

    assert_all_arrived(crawled, urls(playground)[1:])
    # One in each cooldown, to find out whether a fresh one does better.
    assert len(before - {proxy.label for proxy in crawled.proxies}) <= 5


@deferred_f_from_coro_f
async def test_a_large_pool_is_left_to_the_collector_when_the_crawl_is_over(
    playground: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(garbage, "_LARGE", 3)
    counts = []

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls},
        urls(playground),
        changing(lambda spider: counts.append(gc.get_freeze_count())),
    )

    assert_all_arrived(crawled, urls(playground)[1:])
    assert counts[0] > 0
    assert gc.get_freeze_count() == 0
    assert gc.isenabled()
