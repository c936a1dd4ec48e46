"""Pages by scrapy-playwright: each proxy has browser contexts of its own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.util import find_spec
from shutil import which
from typing import Any

import pytest
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import HtmlResponse, TextResponse
from scrapy.utils.defer import deferred_f_from_coro_f

from scrapy_proxywhirl import NoProxyForRequestError, used_proxy
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from tests.crawling import CollectingSpider, crawl, is_asyncio, make_crawler, run

CHROMIUM = which("chromium") or which("google-chrome")
HANDLER = "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler"
KINDS = ("http", "https", "socks5")
CREDENTIALS = {"us er": "p@ss:/?w%rd#"}

pytestmark = [
    pytest.mark.skipif(
        find_spec("scrapy_playwright") is None, reason="needs the package scrapy-playwright"
    ),
    pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium on the PATH"),
    pytest.mark.skipif(
        not is_asyncio(),
        reason="scrapy-playwright needs the asyncio reactor",
    ),
]


def settings(proxies: list[Any], **more: Any) -> dict[str, Any]:
    """Return the settings of a crawl, whose browser takes any certificate for good."""
    return {
        "PROXYWHIRL_PROXIES": proxies,
        "DOWNLOAD_HANDLERS": {"http": HANDLER, "https": HANDLER},
        "PLAYWRIGHT_LAUNCH_OPTIONS": {
            "executable_path": CHROMIUM,
            "args": ["--no-sandbox", "--ignore-certificate-errors"],
        },
        "PROXYWHIRL_COOLDOWN": 300,
        **more,
    }


def by_browser(url: str, **meta: Any) -> Request:
    """Return a request that is sent by the browser."""
    return Request(url, meta={"playwright": True, **meta}, dont_filter=True)


@pytest.fixture(scope="module")
def kinds(certificate: str) -> Iterator[Playground]:
    """A proxy of each kind."""
    specs = [
        ProxySpec(scheme=kind, credentials={} if kind == "socks5" else CREDENTIALS)
        for kind in KINDS
    ]
    with Playground(specs, certificate) as playground:
        yield playground


@pytest.mark.parametrize("kind", KINDS)
@deferred_f_from_coro_f
async def test_pages_come_through_the_proxy_and_are_learned_of(
    kind: str, kinds: Playground
) -> None:
    place = KINDS.index(kind)
    has_credentials = kind != "socks5"
    proxy_url = kinds.proxy_url(place, "us er") if has_credentials else kinds.proxy_urls[place]
    urls = [f"{site}/anything" for site in (kinds.origin_url, kinds.https_url)]

    crawled = await crawl(settings([proxy_url]), map(by_browser, urls))

    assert [str(failure.value) for failure in crawled.spider.failures] == []
    assert sorted(response.url for response in crawled.spider.responses) == sorted(urls)
    by_proxy = [one for one in kinds.proxy_log() if one["proxy"] == f"proxy-{place}"]
    # The browser shows them when it is asked.
    assert by_proxy[-1]["username"] == ("us er" if has_credentials else None)
    for response in crawled.spider.responses:
        assert isinstance(response, TextResponse)
        assert response.text.lower().count("proxy-auth") == 0
        assert response.request
        assert not {"playwright_context_kwargs", "playwright_page_goto_kwargs"}.intersection(
            response.request.meta
        )
        assert "w%rd" not in repr(response.request.meta)
        used = used_proxy(response)
        assert used
        assert used.response_time_ms > 0
    (proxy,) = crawled.proxies
    assert proxy.total_successes == 2
    crawled.assert_every_attempt_is_settled()


@pytest.mark.parametrize("kind", KINDS)
@deferred_f_from_coro_f
async def test_http2_goes_through_proxies(kind: str, kinds: Playground, http2_url: str) -> None:
    place = KINDS.index(kind)
    proxy_url = kinds.proxy_urls[place] if kind == "socks5" else kinds.proxy_url(place, "us er")

    crawled = await crawl(settings([proxy_url]), [by_browser(http2_url)])

    (response,) = crawled.spider.responses
    assert isinstance(response, TextResponse)
    assert "<body>HTTP/2</body>" in response.text


@pytest.fixture
def faulty(certificate: str) -> Iterator[Playground]:
    """One good proxy before four bad ones."""
    faults = (Fault.STATUS, Fault.REFUSE, Fault.RESET, Fault.HANG)
    specs = [ProxySpec(), *(ProxySpec(fault=fault) for fault in faults)]
    with Playground(specs, certificate) as playground:
        yield playground


@deferred_f_from_coro_f
async def test_proxies_that_fail_lose_no_page(faulty: Playground) -> None:
    sites = (faulty.origin_url, faulty.https_url)

    crawled = await crawl(
        settings(
            faulty.proxy_urls,
            DOWNLOAD_TIMEOUT=4,
            PROXYWHIRL_STRATEGY="round-robin",
            # A machine that is busy may have the good one time out, too.
            PROXYWHIRL_COOLDOWN=2,
            PROXYWHIRL_RETRY_TIMES=20,
            PROXYWHIRL_WAIT_TIMEOUT=60,
        ),
        [by_browser(f"{site}/{number}") for site in sites for number in range(10)],
    )

    assert [str(failure.value) for failure in crawled.spider.failures] == []
    assert len(crawled.spider.responses) == 20
    assert {response.status for response in crawled.spider.responses} == {200}
    assert crawled.stat("failures/ERR_PROXY_CONNECTION_FAILED")
    assert crawled.stat("failures/ERR_CONNECTION_RESET")
    assert crawled.stat("failures/TimeoutError")
    assert crawled.stat("bans/403") + crawled.stat("failures/ERR_TUNNEL_CONNECTION_FAILED")
    crawled.assert_every_attempt_is_settled()


@pytest.mark.parametrize(
    ("download_s", "navigation_ms", "own_ms"),
    [(0.5, None, None), (9, 500, None), (9, 5000, 500), (0, 500, None)],
)
@deferred_f_from_coro_f
async def test_the_shortest_time_out_goes_for_navigation(
    download_s: float,
    navigation_ms: float | None,
    own_ms: float | None,
    play: Callable[..., Playground],
) -> None:
    playground = play(ProxySpec(fault=Fault.HANG))

    crawled = await crawl(
        settings(
            playground.proxy_urls,
            DOWNLOAD_TIMEOUT=download_s,
            PLAYWRIGHT_DEFAULT_NAVIGATION_TIMEOUT=navigation_ms,
            PROXYWHIRL_RETRY_TIMES=0,
        ),
        [
            by_browser(
                f"{playground.origin_url}/x",
                playwright_page_goto_kwargs={"timeout": own_ms} if own_ms else {},
            )
        ],
    )

    (failure,) = crawled.spider.failures
    assert "Page.goto: Timeout 500ms exceeded" in str(failure.value)
    assert crawled.stat("failures/TimeoutError") == 1
    assert (crawled.proxies[0].ema_response_time_ms or 0) < 5000


@deferred_f_from_coro_f
async def test_a_proxy_that_wants_credentials_is_told_of(
    play: Callable[..., Playground], caplog: pytest.LogCaptureFixture
) -> None:
    playground = play(ProxySpec(), *[ProxySpec(credentials=CREDENTIALS)] * 2)
    good, without, third = playground.proxy_urls
    wrong = third.replace("//", "//us%20er:wrong@")

    crawled = await crawl(
        settings([wrong, without, good], PROXYWHIRL_STRATEGY="round-robin"),
        [by_browser(f"{playground.origin_url}/{number}") for number in range(6)],
    )

    assert len(crawled.spider.responses) == 6
    label = without.removeprefix("http://")
    assert f"The proxy {label} refuses its credentials (407)" in caplog.text
    # The playground's page is empty, and the browser says no more of it.
    assert crawled.stat("failures/ERR_HTTP_RESPONSE_CODE_FAILURE")
    assert "wrong" not in caplog.text


@deferred_f_from_coro_f
async def test_a_session_has_a_proxy_and_cookies_of_its_own(
    play: Callable[..., Playground],
) -> None:
    playground = play(ProxySpec(), ProxySpec(), ProxySpec())

    crawled = await crawl(
        settings(
            playground.proxy_urls,
            PROXYWHIRL_STRATEGY="round-robin",
            COOKIES_ENABLED=False,  # the browser has those
            PLAYWRIGHT_MAX_PAGES_PER_CONTEXT=1,
        ),
        [
            by_browser(
                f"{playground.origin_url}/basket/add/{10 * visitor + number}",
                proxywhirl={"session": f"visitor-{visitor}"},
            )
            for number in range(3)
            for visitor in range(6)
        ],
    )

    assert crawled.spider.failures == []
    baskets: defaultdict[str, list[list[str]]] = defaultdict(list)
    ways = defaultdict(set)
    for response in crawled.spider.responses:
        used = used_proxy(response)
        assert used
        assert used.session
        baskets[used.session].append(response.css("li.in-basket::text").getall())
        ways[used.session].add(used.label)
    for session, pages in baskets.items():
        assert sorted(map(len, pages)) == [1, 2, 3]
        visitor = session.removeprefix("visitor-")
        (full,) = (page for page in pages if len(page) == 3)
        assert set(full) == {f"Book {10 * int(visitor) + number}" for number in range(3)}
    assert set(map(len, ways.values())) == {1}
    assert Counter(label for way in ways.values() for label in way).most_common(1)[0][1] == 2
    assert crawled.stats["playwright/context_count"] == 6


@deferred_f_from_coro_f
async def test_contexts_are_as_they_are_wanted(playground: Playground) -> None:
    crawled = await crawl(
        settings(
            playground.proxy_urls,
            PLAYWRIGHT_CONTEXTS={"default": {"locale": "fr-FR"}, "mine": {"locale": "de-DE"}},
            PLAYWRIGHT_PROCESS_REQUEST_HEADERS=None,
        ),
        [
            by_browser(f"{playground.origin_url}/anything?default"),
            by_browser(f"{playground.origin_url}/anything?mine", playwright_context="mine"),
            by_browser(
                f"{playground.origin_url}/anything?this",
                playwright_context="mine",
                playwright_context_kwargs={"locale": "it-IT"},
                playwright_page_goto_kwargs={"wait_until": "commit"},
            ),
        ],
    )

    meta = {}
    for response in crawled.spider.responses:
        assert response.request
        which_one = response.url.rpartition("?")[2]
        meta[which_one] = response.request.meta
        languages = {"default": "fr-FR", "mine": "de-DE", "this": "it-IT"}
        assert languages[which_one] in response.text
    assert meta["default"].get("playwright_context", "default") == "default"
    assert meta["mine"]["playwright_context"] == meta["this"]["playwright_context"] == "mine"
    assert meta["this"]["playwright_context_kwargs"] == {"locale": "it-IT"}
    assert meta["this"]["playwright_page_goto_kwargs"] == {"wait_until": "commit"}


@deferred_f_from_coro_f
async def test_a_page_that_is_kept_is_the_one_that_came(play: Callable[..., Playground]) -> None:
    playground = play(ProxySpec(fault=Fault.STATUS), ProxySpec())
    pages: list[Any] = []

    def remember(page: Any, request: Request) -> None:
        pages.append(page)

    async def collect(response: HtmlResponse) -> None:
        assert response.request
        page = response.request.meta["playwright_page"]
        assert [one.is_closed() for one in pages] == [True, False]
        assert page is pages[-1]
        titles.append(await page.title())
        await page.close()

    titles: list[str] = []
    crawled = await crawl(
        settings(playground.proxy_urls, PROXYWHIRL_STRATEGY="round-robin"),
        [
            by_browser(
                f"{playground.origin_url}/x",
                playwright_include_page=True,
                playwright_page_init_callback=remember,
            ).replace(callback=collect)
        ],
    )

    assert crawled.spider.failures == []
    assert titles == ["/x"]
    assert crawled.stat("bans/403") == 1


class StayingSpider(CollectingSpider):
    """Goes on in the page that is open, and then in that page when it is closed."""

    async def stay(self, response: HtmlResponse) -> AsyncIterator[Request]:
        assert response.request
        page = response.request.meta["playwright_page"]
        for path in ("refused", "excepted"):
            meta = {"proxywhirl": False} if path == "excepted" else {}
            yield by_browser(
                response.urljoin(path), playwright_page=page, playwright_include_page=True, **meta
            ).replace(callback=self.leave, errback=self.collect_failure)

    async def leave(self, response: HtmlResponse) -> AsyncIterator[Request]:
        self.collect(response)
        assert response.request
        page = response.request.meta["playwright_page"]
        await page.close()
        yield by_browser(response.urljoin("closed"), playwright_page=page).replace(
            callback=self.collect, errback=self.collect_failure
        )


def spider_of(crawler: Crawler) -> StayingSpider:
    """Return the spider of a crawl that has begun."""
    assert isinstance(crawler.spider, StayingSpider)
    return crawler.spider


@deferred_f_from_coro_f
async def test_an_open_page_has_its_proxy_already(playground: Playground) -> None:
    crawler = make_crawler(settings(playground.proxy_urls), StayingSpider)
    first = by_browser(f"{playground.origin_url}/first", playwright_include_page=True)
    first = first.replace(callback=lambda response: spider_of(crawler).stay(response))

    await run(crawler, [first])

    (failure,) = spider_of(crawler).failures
    assert failure.check(NoProxyForRequestError)
    assert "goes on in the open page" in str(failure.value)
    by_path = {entry["path"]: entry["via"] for entry in playground.origin_log()}
    assert set(by_path) - {"/favicon.ico"} == {"/first", "/excepted", "/closed"}
    assert by_path["/excepted"] == by_path["/first"]
    assert by_path["/closed"]


@deferred_f_from_coro_f
async def test_what_goes_wrong_within_a_page_is_no_proxys_fault(playground: Playground) -> None:
    from scrapy_playwright.page import PageMethod

    crawled = await crawl(
        settings(playground.proxy_urls),
        [
            by_browser(
                f"{playground.origin_url}/x",
                playwright_page_methods=[PageMethod("wait_for_selector", "#none", timeout=100)],
            )
        ],
    )

    (failure,) = crawled.spider.failures
    assert "Page.wait_for_selector: Timeout" in str(failure.value)
    assert crawled.stat("neutral") == 1
    assert crawled.stat("attempts") == 1


@deferred_f_from_coro_f
async def test_a_page_that_goes_elsewhere_when_it_is_closed_holds_nothing_up(
    playground: Playground,
) -> None:
    from scrapy_playwright.page import PageMethod

    go_elsewhere = PageMethod("evaluate", "() => { setTimeout(() => { location = '/y' }, 0) }")

    # Left to itself, the browser forgets to close about one in five of them, and the crawl hangs.
    crawled = await crawl(
        settings(playground.proxy_urls, CONCURRENT_REQUESTS=4),
        [
            by_browser(f"{playground.origin_url}/{number}", playwright_page_methods=[go_elsewhere])
            for number in range(20)
        ],
    )

    # Some were on their way already when their content was asked for.
    assert len(crawled.spider.responses) + len(crawled.spider.failures) == 20
    assert crawled.stats["playwright/page_count/closed"] == 20


@deferred_f_from_coro_f
async def test_requests_for_which_there_can_be_no_context_are_not_sent(
    playground: Playground, tmp_path: Any
) -> None:
    own = {"proxy": {"server": playground.proxy_urls[0]}}
    wanted: dict[str, dict[str, Any]] = {
        "has a proxy already": {"playwright_context_kwargs": own},
        "kept on disk": {"playwright_context_kwargs": {"user_data_dir": str(tmp_path)}},
        "": {"playwright_context_kwargs": own, "playwright_context": "x", "proxywhirl": False},
    }

    crawled = await crawl(
        settings(playground.proxy_urls),
        [
            by_browser(f"{playground.origin_url}/{number}", **meta)
            for number, meta in enumerate(wanted.values())
        ],
    )

    (response,) = crawled.spider.responses
    assert response.url == f"{playground.origin_url}/2"
    failures = sorted(crawled.spider.failures, key=lambda failure: failure.request.url)  # type: ignore[attr-defined]
    for failure, why in zip(failures, wanted, strict=False):
        assert failure.check(NoProxyForRequestError)
        assert why in str(failure.value)
        assert "meta['proxywhirl'] = False" in str(failure.value)
    assert crawled.stat("attempts") == 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"PROXYWHIRL_PROXIES": ["socks5://user:secret@127.0.0.1:1"]}, "the browser of scrapy-p"),
        ({"PLAYWRIGHT_MAX_CONTEXTS": 8}, "PLAYWRIGHT_MAX_CONTEXTS is set, and each proxy needs"),
    ],
)
@deferred_f_from_coro_f
async def test_what_cannot_work_is_an_error_when_the_crawl_starts(
    more: dict[str, Any], message: str, playground: Playground
) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        await crawl(settings(playground.proxy_urls, **more), [playground.origin_url])

    assert "secret" not in str(raised.value)


@deferred_f_from_coro_f
async def test_what_is_not_for_the_browser_goes_as_always(
    kinds: Playground, caplog: pytest.LogCaptureFixture
) -> None:
    http, _, socks = (kinds.proxy_url(0, "us er"), *kinds.proxy_urls[1:])
    url = f"{kinds.origin_url}/plain"

    through_http = await crawl(settings([http]), [Request(url)])
    through_socks = await crawl(settings([socks]), [Request(url), by_browser(url)])

    assert len(through_http.spider.responses) == 1
    assert "playwright" not in through_http.spider.responses[0].flags
    (failure,) = through_socks.spider.failures
    assert "without meta['playwright'] a request is left to Scrapy's" in str(failure.value)
    assert [response.flags for response in through_socks.spider.responses] == [["playwright"]]


@deferred_f_from_coro_f
async def test_without_that_handler_its_meta_key_means_nothing(playground: Playground) -> None:
    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls},
        [by_browser(f"{playground.origin_url}/x")],
    )

    assert crawled.stat("successes") == 1
