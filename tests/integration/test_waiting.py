"""Where no proxy may be selected pages wait, and hold up nobody else's."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from math import inf
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar

import pytest
from scrapy import Request, signals
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK
from scrapy.spidermiddlewares.httperror import HttpError
from scrapy.utils.defer import (
    deferred_f_from_coro_f,
    deferred_from_coro,
    maybe_deferred_to_future,
)
from scrapy.utils.httpobj import urlparse_cached

from scrapy_proxywhirl import (
    NoProxyForRequestError,
    ProxyPoolEmptyError,
    ProxyWhirlMiddleware,
)
from scrapy_proxywhirl.places import Places
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from tests.crawling import CollectingSpider, Crawl, FollowingSpider, crawl, make_crawler, run
from tests.threaded_server import Handler, ThreadedServer

pytestmark = pytest.mark.timed

GOOD = ProxySpec(latency=0.02)
RESETS = ProxySpec(fault=Fault.RESET)
BAD_GATEWAY = ProxySpec(fault=Fault.STATUS, status=502)

PATIENT = {"PROXYWHIRL_COOLDOWN": 0.4, "PROXYWHIRL_WAIT_TIMEOUT": 60}


class TimedSpider(CollectingSpider):
    """Notes when things come."""

    def __init__(self, requests: Any) -> None:
        super().__init__(requests)
        self.times: list[float] = []

    def collect(self, response: Response) -> None:
        self.times.append(time.monotonic())
        super().collect(response)


@pytest.mark.parametrize("outage", [RESETS, BAD_GATEWAY], ids=["resets", "502"])
@pytest.mark.parametrize("begins", [0, 60], ids=["at the start", "in the middle"])
@deferred_f_from_coro_f
async def test_an_outage_loses_no_page_and_is_over_when_it_is_over(
    begins: int,
    outage: ProxySpec,
    play: Callable[..., Playground],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    playground = play(*[GOOD if begins else outage] * 4)
    for place in range(4):
        if begins:
            playground.change(place, outage, at_request=begins)
        playground.change(place, GOOD, after=2.5)
    began = time.monotonic()

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, **PATIENT},
        [f"{playground.origin_url}/{number}" for number in range(100)],
        TimedSpider,
    )

    assert isinstance(crawled.spider, TimedSpider)
    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 100
    assert crawled.stat("retries_exhausted") == crawled.stat("empty") == 0
    assert 1 <= crawled.stat("waits") <= 100
    told = [record.getMessage() for record in caplog.records if "rox" in record.getMessage()]
    # Once, and again where one of the 16 pages that were on their way arrives in the outage.
    no_proxy = [message for message in told if message.startswith("No proxy for")]
    assert 1 <= len(no_proxy) <= 1 + 16
    assert 1 <= told.count("There are proxies again for 127.0.0.1") <= len(no_proxy)
    # Nothing is in the way any more when the outage is over: neither rests nor penalties.
    assert crawled.spider.times[-1] - began < 2.5 + 0.4 + 2.0
    assert crawled.stat("proxies/cooling") == 0
    failing = [proxy for proxy in crawled.proxies if proxy.consecutive_failures]
    assert len(failing) <= 1  # it may have been tried just before the outage was over
    assert all(entry["via"] for entry in playground.origin_log())


class BannedSpider(TimedSpider):
    """Is banned by one of two sites from its second page on."""

    was_served = False

    def response_is_ban(self, request: Request, response: Response) -> bool:
        if "localhost" not in request.url:
            return False
        is_ban, self.was_served = self.was_served, True
        return is_ban

    def collect(self, response: Response) -> None:
        if "localhost" not in response.url:
            self.last_elsewhere = time.monotonic()
        super().collect(response)


@deferred_f_from_coro_f
async def test_pages_that_wait_for_one_domain_do_not_slow_another(
    play: Callable[..., Playground],
) -> None:
    playground = play(*[GOOD] * 4)
    here = playground.origin_url
    there = here.replace("127.0.0.1", "localhost")
    settings = {
        "PROXYWHIRL_PROXIES": playground.proxy_urls,
        "PROXYWHIRL_WAIT_TIMEOUT": 3,
        "PROXYWHIRL_COOLDOWN": 10,
        "CONCURRENT_REQUESTS": 4,
        "RETRY_ENABLED": False,
    }
    pages = [f"{here}/{number}" for number in range(200)]

    began = time.monotonic()
    alone = await crawl(settings, pages, BannedSpider)
    took_alone = time.monotonic() - began
    began = time.monotonic()
    both = await crawl(
        settings, [*(f"{there}/{number}" for number in range(40)), *pages], BannedSpider
    )

    assert isinstance(both.spider, BannedSpider)
    assert len(alone.spider.responses) == 200
    assert sum("localhost" not in one.url for one in both.spider.responses) == 200
    assert both.stat("waits") >= 16
    both.assert_every_attempt_is_settled()
    assert both.spider.last_elsewhere - began < 1.5 * took_alone + 0.5


# Of sites with as many requests under way Scrapy 2.14 takes the first by name: the one that serves
# might be through before anything was known of the other.
REFUSING, SERVING = "127.0.0.1", "localhost"


class TwoSitesSpider(FollowingSpider):
    """Notes when which site is sent a request, and when its pages come."""

    def __init__(self, requests: Any) -> None:
        super().__init__(requests)
        self.sent: list[tuple[float, str]] = []
        self.came: list[tuple[float, str]] = []

    async def start(self) -> AsyncIterator[Request]:
        self.crawler.signals.connect(self.reached, signals.request_reached_downloader)
        async for request in super().start():
            yield request

    def reached(self, request: Request) -> None:
        self.sent.append((time.monotonic(), str(urlparse_cached(request).hostname)))

    def count_refused(self, until: float = inf) -> int:
        return sum(site == REFUSING and one < until for one, site in self.sent)

    def collect(self, response: Response) -> None:
        self.came.append((time.monotonic(), str(urlparse_cached(response).hostname)))
        super().collect(response)


async def crawl_two_sites(
    playground: Playground, pages: int, spider_class: type[TwoSitesSpider]
) -> Crawl:
    """Crawl pages of a site that serves, and as many of one that refuses everybody."""
    there = playground.origin_url
    here = there.replace(REFUSING, SERVING)
    urls = [f"{here}/first"]
    for number in range(pages):
        urls += [f"{here}/{number}", f"{there}/status/403?{number}"]
    settings = {"PROXYWHIRL_PROXIES": playground.proxy_urls, **PATIENT, "CONCURRENT_REQUESTS": 8}
    return await crawl(settings, urls, spider_class)


@pytest.mark.parametrize("proxies", [12, 4], ids=["more than requests", "fewer"])
@deferred_f_from_coro_f
async def test_a_site_that_refuses_everybody_does_not_slow_another(
    proxies: int, play: Callable[..., Playground]
) -> None:
    began = time.monotonic()

    crawled = await crawl_two_sites(play(*[GOOD] * proxies), 300, TwoSitesSpider)

    spider = crawled.spider
    assert isinstance(spider, TwoSitesSpider)
    assert len(spider.responses) == 300
    assert len(spider.failures) == 300
    assert all(failure.check(HttpError) for failure in spider.failures)  # none has but waited
    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("retries_exhausted") == crawled.stat("empty") == 0
    # What it takes to learn that, and one a second, until the last of the other's are on their way:
    # else it would have as many as those, about.
    assert spider.count_refused(until=spider.came[280][0]) <= 150
    assert spider.count_refused() >= 900  # three tries of each
    # Those pages do not wait for one another, nor for proxies that rest: it would be 90 s.
    assert time.monotonic() - began < 45.0


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.STATUS], ids=["fails", "is banned"])
@deferred_f_from_coro_f
async def test_a_gateway_of_whose_exits_some_fail_is_not_left_alone(
    fault: Fault, play: Callable[..., Playground]
) -> None:
    playground = play(ProxySpec(latency=0.02, fault=fault, fault_share=0.1))
    began = time.monotonic()

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_COOLDOWN": 20,
            "PROXYWHIRL_WAIT_TIMEOUT": 60,
        },
        [f"{playground.origin_url}/{number}" for number in range(300)],
    )

    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 300
    assert crawled.stat("retries") == crawled.stat("bans") + crawled.stat("failures") >= 2
    assert time.monotonic() - began < 20  # it rested for ten seconds in the mean, each time


class CountingProxy(Handler):
    """Is out for a while, and counts what is under way through it after that."""

    lock: ClassVar = Lock()
    over: ClassVar[float]
    under_way: ClassVar[int]
    most: ClassVar[int]

    def do_GET(self) -> None:  # noqa: N802 (it is called so)
        cls = CountingProxy
        if time.monotonic() < cls.over:
            self.send_error(502)
            return
        with cls.lock:
            cls.under_way += 1
            cls.most = max(cls.most, cls.under_way)
        time.sleep(0.1)
        with cls.lock:
            cls.under_way -= 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<title>page</title>")


@pytest.mark.parametrize(
    ("settings", "most"),
    [
        ({"CONCURRENT_REQUESTS_PER_DOMAIN": 5}, 5),
        ({"CONCURRENT_REQUESTS_PER_DOMAIN": 100}, 16),
    ],
    ids=["a domain's", "the crawl's"],
)
@deferred_f_from_coro_f
async def test_after_an_outage_as_many_requests_are_under_way_as_scrapys_settings_allow(
    settings: dict[str, int], most: int
) -> None:
    CountingProxy.over = time.monotonic() + 1.5
    CountingProxy.under_way = CountingProxy.most = 0

    with ThreadedServer(CountingProxy) as proxy:
        crawled = await crawl(
            {"PROXYWHIRL_PROXIES": [proxy.url], **PATIENT, **settings},
            [f"http://site.example/{number}" for number in range(100)],
        )

    assert len(crawled.spider.responses) == 100
    assert crawled.stat("waits") >= 64  # so many went on as soon as it was over
    assert 0.6 * most <= CountingProxy.most <= most


class PlacesSpider(CollectingSpider):
    """Counts the places to wait in of its own crawl, with requests of its own."""

    def collect(self, response: Response) -> None:
        assert self.crawler.engine
        active = self.crawler.engine.downloader.active
        places = Places(self.crawler)
        requests = [Request(response.urljoin(str(number))) for number in range(100)]
        active.update(requests)
        had_room = []
        back = []
        for request in requests:
            had_room.append(places.has_room())
            back.append(places.take(request))
        self.taken = sum(put_back is not None for put_back in back)
        self.taken_by_what_need_not_wait = sum(had_room)
        for put_back in back:
            if put_back is not None:
                put_back()
        active.difference_update(requests)


@deferred_f_from_coro_f
async def test_what_waits_for_others_leaves_half_of_the_places_to_what_has_no_proxy(
    play: Callable[..., Playground],
) -> None:
    playground = play(GOOD)
    settings = {"PROXYWHIRL_PROXIES": playground.proxy_urls, "CONCURRENT_REQUESTS": 3}

    crawled = await crawl(settings, [playground.origin_url], PlacesSpider)

    assert isinstance(crawled.spider, PlacesSpider)
    assert crawled.spider.taken == 12
    assert crawled.spider.taken_by_what_need_not_wait == 6


class FileSpider(TwoSitesSpider):
    """Asks for a file as media pipelines do, once it is known that its site refuses everybody."""

    file: Response | None = None
    pages_before = pages_after = 0

    def collect(self, response: Response) -> None:
        super().collect(response)
        middleware = self.crawler.get_downloader_middleware(ProxyWhirlMiddleware)
        assert middleware is not None
        if not self.pages_before and middleware._waiting._throttle.holds_back(REFUSING):
            self.pages_before = len(self.came)
            url = response.urljoin("/status/403?file").replace(SERVING, REFUSING)
            deferred_from_coro(self.ask(Request(url, callback=NO_CALLBACK)))

    async def ask(self, request: Request) -> None:
        assert self.crawler.engine
        self.file = await self.crawler.engine.download_async(request)
        self.pages_after = len(self.came)


@deferred_f_from_coro_f
async def test_a_file_of_a_site_that_refuses_everybody_is_not_held_back(
    play: Callable[..., Playground],
) -> None:
    crawled = await crawl_two_sites(play(*[GOOD] * 12), 600, FileSpider)

    spider = crawled.spider
    assert isinstance(spider, FileSpider)
    crawled.assert_every_attempt_is_settled()
    assert spider.file is not None
    assert spider.file.status == 403
    # Three tries, in front of those of the site's pages that wait: of the other's pages there come
    # some thirty meanwhile.
    assert 0 < spider.pages_before < spider.pages_after < spider.pages_before + 120


class Served:
    """Counts what passes before the proxies' turn, and keeps what pages are like when served."""

    seen: list[tuple[str, bool, int]]
    passed = 0

    def process_request(self, request: Request) -> None:
        type(self).passed += 1

    def process_response(self, request: Request, response: Response) -> Response:
        self.seen.append((request.url, request.dont_filter, request.priority))
        return response


@deferred_f_from_coro_f
async def test_what_goes_back_to_the_scheduler_is_the_page_that_it_was_and_does_not_spin(
    play: Callable[..., Playground],
) -> None:
    playground = play(RESETS, RESETS)
    for place in range(2):
        playground.change(place, GOOD, after=3)
    Served.seen, Served.passed = [], 0

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            **PATIENT,
            "CONCURRENT_REQUESTS": 2,  # so that eight find a place to wait
            "DOWNLOADER_MIDDLEWARES": {"scrapy_proxywhirl.ProxyWhirlMiddleware": 745, Served: 740},
        },
        [
            Request(
                f"{playground.origin_url}/{number}", priority=number, dont_filter=bool(number % 2)
            )
            for number in range(30)
        ],
    )

    assert sorted(Served.seen) == sorted(
        (f"{playground.origin_url}/{number}", bool(number % 2), number) for number in range(30)
    )
    crawled.assert_every_attempt_is_settled()
    # Two at a time, once a second, besides what fails and what is served.
    assert Served.passed <= 30 + 2 * 4 + crawled.stat("retries") + 5


@deferred_f_from_coro_f
async def test_robots_txt_waits_too(play: Callable[..., Playground]) -> None:
    playground = play(RESETS, RESETS)
    for place in range(2):
        playground.change(place, GOOD, after=1.5)

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, **PATIENT, "ROBOTSTXT_OBEY": True},
        [f"{playground.origin_url}/{number}" for number in range(10)],
    )

    assert len(crawled.spider.responses) == 10
    assert crawled.stats["robotstxt/response_status_count/200"] == 1
    assert crawled.stat("robotstxt_unavailable") == 0
    crawled.assert_every_attempt_is_settled()


class FilesSpider(CollectingSpider):
    """Wants the files that a page names."""

    files: list[str]

    async def start(self) -> AsyncIterator[Request]:
        self.crawler.signals.connect(self.scraped, signals.item_scraped)
        first, *self.files = self.requests  # type: ignore[assignment]
        yield Request(str(first), self.name_files)

    def name_files(self, response: Response) -> Any:
        yield {"file_urls": self.files}

    def scraped(self, item: dict[str, Any]) -> None:
        self.came = {file["url"] for file in item["files"]}


@deferred_f_from_coro_f
async def test_files_of_an_item_wait_in_place(
    play: Callable[..., Playground], tmp_path: Path
) -> None:
    playground = play(GOOD, GOOD)
    for place in range(2):
        playground.change(place, RESETS, at_request=2)
        playground.change(place, GOOD, after=2.5)
    page, *files = [f"{playground.origin_url}/book/{number}" for number in range(41)]

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            **PATIENT,
            "FILES_STORE": str(tmp_path),
            "ITEM_PIPELINES": {"scrapy.pipelines.files.FilesPipeline": 1},
        },
        [page, *files],
        FilesSpider,
    )

    assert isinstance(crawled.spider, FilesSpider)
    assert crawled.spider.came == set(files)
    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("waits") >= 1
    # Those that are asked for before the first has failed; then one at a time: nothing goes round
    # in circles.
    assert 2 <= crawled.stat("failures") <= 60
    assert all(entry["via"] for entry in playground.origin_log())


@pytest.mark.parametrize(
    ("spec", "path"), [(GOOD, "/status/503"), (RESETS, "/")], ids=["a response", "an exception"]
)
@deferred_f_from_coro_f
async def test_a_page_that_has_waited_too_long_comes_to_what_it_came_to_last(
    spec: ProxySpec, path: str, play: Callable[..., Playground]
) -> None:
    playground = play(spec, spec)

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_WAIT_TIMEOUT": 0.7,
            "PROXYWHIRL_COOLDOWN": 1,
            "RETRY_ENABLED": False,
        },
        [playground.origin_url + path],
    )

    (failure,) = crawled.spider.failures
    if path == "/":
        assert not failure.check(IgnoreRequest)
        assert not failure.check(ProxyPoolEmptyError)
    else:
        assert isinstance(failure.value, HttpError)
        assert failure.value.response.status == 503
    assert crawled.stat("waits") == 1
    crawled.assert_every_attempt_is_settled()


class ImpatientSpider(CollectingSpider):
    """Fetches by itself what no scheduler can have back, while pages wait."""

    error: Exception | None = None

    async def start(self) -> AsyncIterator[Request]:
        async for request in super().start():
            yield request
        assert self.crawler.engine
        try:
            for requested in self.requests:
                await self.crawler.engine.download_async(
                    Request(f"{requested}?again", callback=NO_CALLBACK)
                )
        except ProxyPoolEmptyError as error:
            self.error = error
            self.failed_at = time.monotonic()


@deferred_f_from_coro_f
async def test_a_crawl_that_stops_is_not_held_up_and_keeps_what_waits(
    play: Callable[..., Playground], tmp_path: Path
) -> None:
    playground = play(RESETS, RESETS)
    settings = {
        "PROXYWHIRL_PROXIES": playground.proxy_urls,
        **PATIENT,
        "JOBDIR": str(tmp_path),
        "CLOSESPIDER_TIMEOUT": 1,
    }
    urls = [f"{playground.origin_url}/{number}" for number in range(100)]
    crawler = make_crawler(settings, ImpatientSpider)
    began = time.monotonic()

    await run(crawler, urls)

    assert isinstance(crawler.spider, ImpatientSpider)
    assert time.monotonic() - began < 10
    assert not crawler.spider.responses
    assert not crawler.spider.failures
    for place in range(2):
        playground.change(place, GOOD)
    resumed = await crawl({**settings, "CLOSESPIDER_TIMEOUT": 0}, [])
    assert "the crawl stops" in str(crawler.spider.error)
    assert sorted(response.url for response in resumed.spider.responses) == sorted(urls)
    resumed.assert_every_attempt_is_settled()


class AskingSpider(CollectingSpider):
    """Asks for two more pages in its callback, by requests that look like scheduled ones."""

    errors: list[ProxyPoolEmptyError]

    async def collect(self, response: Response) -> None:  # type: ignore[override]
        self.errors = []
        asking = [deferred_from_coro(self.ask(response.urljoin(path))) for path in ("/a", "/b")]
        for asked in asking:
            await maybe_deferred_to_future(asked)

    async def ask(self, url: str) -> None:
        assert self.crawler.engine
        try:
            await self.crawler.engine.download_async(Request(url))
        except ProxyPoolEmptyError as error:
            self.errors.append(error)


@deferred_f_from_coro_f
async def test_a_crawl_that_stops_is_not_held_up_by_what_a_callback_asks_for(
    play: Callable[..., Playground],
) -> None:
    playground = play(GOOD, GOOD)
    for place in range(2):
        playground.change(place, RESETS, at_request=2)
    crawler = make_crawler(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, **PATIENT, "CLOSESPIDER_TIMEOUT": 1},
        AskingSpider,
    )
    began = time.monotonic()

    await run(crawler, [playground.origin_url])

    assert isinstance(crawler.spider, AskingSpider)
    assert time.monotonic() - began < 10
    assert ["the crawl stops" in str(error) for error in crawler.spider.errors] == [True, True]


@pytest.mark.parametrize("on_empty", ["drop", "close"])
@deferred_f_from_coro_f
async def test_pages_need_not_wait(on_empty: str, play: Callable[..., Playground]) -> None:
    playground = play(RESETS, RESETS)

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_ON_EMPTY": on_empty,
            "CONCURRENT_REQUESTS": 1,
        },
        [f"{playground.origin_url}/{number}" for number in range(50)],
    )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stat("waits") == 0
    assert crawled.stat("empty") == len(crawled.spider.failures)
    assert all(failure.check(NoProxyForRequestError) for failure in crawled.spider.failures)
    if on_empty == "drop":
        assert crawled.stat("empty") == 50
        assert crawled.stats["finish_reason"] == "finished"
    else:
        assert crawled.stat("empty") < 10
        assert crawled.stats["finish_reason"] == "proxywhirl_no_proxies"
    assert playground.origin_log() == []


@deferred_f_from_coro_f
async def test_pages_go_out_directly_where_the_user_says_so_and_only_while_there_is_no_proxy(
    play: Callable[..., Playground],
) -> None:
    playground = play(RESETS)
    playground.change(0, GOOD, after=1.5)

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_ON_EMPTY": "direct",
            "PROXYWHIRL_COOLDOWN": 16,  # it is tried after 0.2 s, 0.7 s, 1.7 s
            "CONCURRENT_REQUESTS": 1,
            "DOWNLOAD_DELAY": 0.02,
        },
        [f"{playground.origin_url}/{number}" for number in range(3)]
        + [f"{playground.origin_url}/redirect/{number}" for number in range(10, 70)],
        FollowingSpider,
    )

    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 62
    direct = [entry for entry in playground.origin_log() if entry["via"] is None]
    assert len(direct) == crawled.stat("direct") >= 5
    assert crawled.stat("successes") >= 5
    assert crawled.stat("waits") == crawled.stat("empty") == 0
