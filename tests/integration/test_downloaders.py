"""Pages by http:// and https://, through each kind of proxy, by each download handler."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from typing import Any

import pytest
import scrapy
from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.http import TextResponse
from scrapy.utils.defer import deferred_f_from_coro_f, maybe_deferred_to_future
from twisted.protocols.portforward import ProxyFactory

from scrapy_proxywhirl import NoProxyForRequestError
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from tests.crawling import MIDDLEWARE, Crawl, crawl, is_asyncio

_SCRAPY = "scrapy.core.downloader.handlers"
DEFAULT = f"{_SCRAPY}.http11.HTTP11DownloadHandler"
HTTP2 = f"{_SCRAPY}.http2.H2DownloadHandler"
HTTPX = f"{_SCRAPY}._httpx.HttpxDownloadHandler"
AIOHTTP = f"{_SCRAPY}._aiohttp.AiohttpDownloadHandler"
IMPERSONATE = "scrapy_impersonate.ImpersonateDownloadHandler"

PACKAGES = {
    HTTP2: "h2",
    HTTPX: "httpx2" if scrapy.version_info >= (2, 18) else "httpx",
    AIOHTTP: "aiohttp",
    IMPERSONATE: "curl_cffi",
}

PLACES = {"http": 0, "https": 1, "socks5": 2}

CREDENTIALS = {"us er": "p@ss?w%rd#"}

# What each can do: the handler, the scheme of the proxy, those of pages.
ABLE = [
    (DEFAULT, "http", ("http", "https")),
    (DEFAULT, "https", ("http",)),
    (HTTPX, "http", ("http", "https")),
    (HTTPX, "https", ("http", "https")),
    (HTTPX, "socks5", ("http", "https")),
    (AIOHTTP, "http", ("http", "https")),
    (AIOHTTP, "https", ("http", "https") if sys.version_info >= (3, 11) else ("http",)),
    (IMPERSONATE, "http", ("http", "https")),
    (IMPERSONATE, "https", ("http", "https")),
    (IMPERSONATE, "socks5", ("http", "https")),
]

UNABLE = [
    (DEFAULT, "socks5", "is a socks5 proxy, which HTTP11DownloadHandler does not speak; set DOWN"),
    (AIOHTTP, "socks5", "is a socks5 proxy, which AiohttpDownloadHandler does not speak; set DOWN"),
    (HTTPX, "socks4", "is a socks4 proxy, which HttpxDownloadHandler does not speak; set DOWNL"),
    (HTTP2, "http", "H2DownloadHandler, which sends nothing through proxies; leave it out, or"),
]


@pytest.fixture(scope="module")
def proxies(certificate: str) -> Iterator[Playground]:
    """One proxy of each kind, then one of each that refuses."""
    kinds = [ProxySpec(scheme=scheme, credentials=CREDENTIALS) for scheme in PLACES]
    refusing = [ProxySpec(scheme=scheme, fault=Fault.STATUS) for scheme in PLACES]
    with Playground([*kinds, *refusing], certificate) as playground:
        yield playground


def skip_without(handler: str) -> None:
    """Skip the test where *handler* is not installed, or cannot run."""
    if handler in (HTTPX, AIOHTTP) and not find_spec(handler.rpartition(".")[0]):
        pytest.skip(f"Scrapy {scrapy.__version__} has no such handler")
    if handler == HTTPX and scrapy.version_info < (2, 16):
        pytest.skip(f"that of Scrapy {scrapy.__version__} knows no proxies")
    package = PACKAGES.get(handler)
    if package and not find_spec(package):
        pytest.skip(f"needs the package {package}")
    if handler != DEFAULT and not is_asyncio():
        pytest.skip("needs the asyncio reactor")


async def crawl_by(handler: str, proxies: list[Any], urls: list[str], **settings: Any) -> Crawl:
    """Crawl *urls*, and what curl_cffi says of certificates that nobody signed does not matter."""
    meta = {
        "impersonate": "chrome",
        "impersonate_args": {"verify": False},
        "impersonate_curl_options": {"PROXY_SSL_VERIFYPEER": 0, "PROXY_SSL_VERIFYHOST": 0},
    }
    return await crawl(
        {
            "DOWNLOAD_HANDLERS": {"http": handler, "https": handler},
            "DOWNLOAD_TIMEOUT": 10,
            "PROXYWHIRL_PROXIES": proxies,
            **settings,
        },
        [Request(url, meta=meta if handler == IMPERSONATE else {}) for url in urls],
    )


@pytest.mark.parametrize(
    ("handler", "scheme", "page_schemes"),
    ABLE,
    ids=[f"{handler.rpartition('.')[2]}-{scheme}" for handler, scheme, _ in ABLE],
)
@deferred_f_from_coro_f
async def test_pages_come_through_the_proxy_and_are_learned_of(
    handler: str, scheme: str, page_schemes: tuple[str, ...], proxies: Playground
) -> None:
    skip_without(handler)
    if (handler, scheme) == (DEFAULT, "https") and scrapy.version_info < (2, 16):
        pytest.skip("this Scrapy wants certificates of proxies that somebody has signed")
    place = PLACES[scheme]
    asked = len(proxies.proxy_log())
    sites = {"http": proxies.origin_url, "https": proxies.https_url}

    crawled = await crawl_by(
        handler,
        [proxies.proxy_url(place, "us er")],
        [f"{sites[page_scheme]}/anything" for page_scheme in page_schemes],
    )

    assert [str(failure.value) for failure in crawled.spider.failures] == []
    assert len(crawled.spider.responses) == len(page_schemes)
    log = proxies.proxy_log()
    assert {entry["username"] for entry in log if entry["proxy"] == f"proxy-{place}"} == {"us er"}
    assert len(log) - asked >= len(page_schemes)
    for response in crawled.spider.responses:
        assert isinstance(response, TextResponse)
        assert not [name for name in response.json()["headers"] if name.startswith("proxy-")]
    (proxy,) = crawled.proxies
    assert proxy.total_successes == len(page_schemes)
    assert proxy.ema_response_time_ms
    crawled.assert_every_attempt_is_settled()


@pytest.mark.parametrize(
    ("handler", "scheme"),
    [(handler, scheme) for handler, scheme, page_schemes in ABLE if "https" in page_schemes],
)
@deferred_f_from_coro_f
async def test_a_proxy_that_lets_nobody_through_is_to_blame(
    handler: str, scheme: str, proxies: Playground
) -> None:
    skip_without(handler)
    good, bad = (
        {"url": proxies.proxy_url(PLACES[scheme], "us er"), "label": "good"},
        {"url": proxies.proxy_urls[3 + PLACES[scheme]], "label": "bad"},
    )

    urls = [f"{proxies.https_url}/{number}" for number in range(12)]
    crawled = await crawl_by(handler, [good, bad], urls)

    assert len(crawled.spider.responses) == 12
    assert crawled.proxy("bad").total_failures >= 1
    assert crawled.proxy("bad").total_successes == 0
    assert crawled.proxy("good").total_failures == 0
    crawled.assert_every_attempt_is_settled()


@pytest.mark.parametrize(("handler", "scheme", "message"), UNABLE)
@deferred_f_from_coro_f
async def test_what_cannot_work_is_an_error_when_the_crawl_starts(
    handler: str, scheme: str, message: str, proxies: Playground
) -> None:
    skip_without(handler)

    with pytest.raises(ValueError, match=message):
        await crawl_by(handler, [f"{scheme}://127.0.0.1:1"], [f"{proxies.origin_url}/none"])


@pytest.mark.skipif(
    not (2, 15) <= scrapy.version_info < (2, 16), reason="about the httpx handler of Scrapy 2.15"
)
@deferred_f_from_coro_f
async def test_a_handler_that_would_send_everything_directly_is_an_error(
    proxies: Playground,
) -> None:
    with pytest.raises(ValueError, match=r"HttpxDownloadHandler, which in Scrapy 2\.15 sends"):
        await crawl_by(HTTPX, ["http://127.0.0.1:1"], [f"{proxies.origin_url}/none"])


@deferred_f_from_coro_f
async def test_httpx_without_the_package_for_socks_is_an_error(
    proxies: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_without(HTTPX)
    monkeypatch.setattr(
        "scrapy_proxywhirl.downloaders.find_spec", lambda name: None if name == "socksio" else name
    )

    with pytest.raises(ValueError, match="needs the package socksio: pip install socksio"):
        await crawl_by(HTTPX, ["socks5://127.0.0.1:1"], [f"{proxies.origin_url}/none"])


@deferred_f_from_coro_f
async def test_what_is_not_for_curl_is_not_sent_to_a_socks_proxy(proxies: Playground) -> None:
    skip_without(IMPERSONATE)
    asked = len(proxies.proxy_log())

    crawled = await crawl(
        {
            "DOWNLOAD_HANDLERS": {"http": IMPERSONATE, "https": IMPERSONATE},
            "PROXYWHIRL_PROXIES": [proxies.proxy_url(2, "us er")],
        },
        [f"{proxies.origin_url}/none", f"{proxies.https_url}/none"],
    )

    assert all(failure.check(NoProxyForRequestError) for failure in crawled.spider.failures)
    assert len(crawled.spider.failures) == 2
    assert "without meta['impersonate']" in str(crawled.spider.failures[0].value)
    assert len(proxies.proxy_log()) == asked


@deferred_f_from_coro_f
async def test_what_is_made_curls_further_on_is_sent_to_a_socks_proxy(proxies: Playground) -> None:
    skip_without(IMPERSONATE)

    crawled = await crawl(
        {
            "DOWNLOAD_HANDLERS": {"http": IMPERSONATE, "https": IMPERSONATE},
            "DOWNLOADER_MIDDLEWARES": {
                MIDDLEWARE: 745,
                "scrapy_impersonate.RandomBrowserMiddleware": 1000,  # as its documentation has it
            },
            "PROXYWHIRL_PROXIES": [proxies.proxy_url(2, "us er")],
        },
        [f"{proxies.origin_url}/one"],
    )

    assert crawled.spider.failures == []
    assert crawled.stat("successes") == 1


@pytest.mark.parametrize(
    ("handler", "proxy", "message"),
    [
        (HTTPX, "http://user:se%2Fcret@127.0.0.1:1", "have a slash"),
        (AIOHTTP, "http://se%2Fcret:password@127.0.0.1:1", "have a slash"),
        (IMPERSONATE, "socks5://user:se:cret@127.0.0.1:1", "the password for .* has a colon"),
    ],
)
@deferred_f_from_coro_f
async def test_credentials_that_would_not_arrive_are_an_error(
    handler: str, proxy: str, message: str, proxies: Playground
) -> None:
    skip_without(handler)

    with pytest.raises(ValueError, match=message) as caught:
        await crawl_by(handler, [proxy], [f"{proxies.origin_url}/none"])

    assert "cret" not in str(caught.value)


@deferred_f_from_coro_f
async def test_credentials_that_sites_would_be_told_are_an_error(
    proxies: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_without(IMPERSONATE)
    monkeypatch.setattr(
        "scrapy_proxywhirl.downloaders.version", {"scrapy-impersonate": "1.7.0"}.get
    )
    mine, anybodys = "http://user:secret@127.0.0.1:1", "http://127.0.0.1:1"

    with pytest.raises(ValueError, match=r"scrapy-impersonate before 1\.7\.1 tells each") as caught:
        await crawl_by(IMPERSONATE, [mine], [])

    assert "secret" not in str(caught.value)
    crawled = await crawl_by(IMPERSONATE, [anybodys], [])
    assert len(crawled.proxies) == 1


@deferred_f_from_coro_f
async def test_of_somebody_s_own_copy_of_curls_handler_no_version_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    skip_without(IMPERSONATE)

    def unknown(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr("scrapy_proxywhirl.downloaders.version", unknown)

    crawled = await crawl_by(IMPERSONATE, ["http://user:secret@127.0.0.1:1"], [])

    assert len(crawled.proxies) == 1


@deferred_f_from_coro_f
async def test_https_proxies_are_warned_of_where_https_pages_are_not_for_them(
    proxies: Playground, caplog: pytest.LogCaptureFixture
) -> None:
    urls = [proxies.proxy_url(1, "us er"), "https://127.0.0.1:1"]

    await crawl_by(DEFAULT, urls, [])

    (warning,) = (r for r in caplog.records if r.name == "scrapy_proxywhirl.downloaders")
    assert "through which HTTP11DownloadHandler fetches no https:// pages" in warning.getMessage()


HOSTNAME_RESOLVER = "scrapy.resolver.CachingHostnameResolver"


@pytest.mark.parametrize(
    ("handler", "settings", "warnings"),
    [
        (DEFAULT, {}, 1),
        (DEFAULT, {"DNS_RESOLVER": HOSTNAME_RESOLVER}, 0),
        (DEFAULT, {"TWISTED_DNS_RESOLVER": HOSTNAME_RESOLVER}, 0),
        (HTTPX, {}, 0),
    ],
)
@deferred_f_from_coro_f
async def test_ipv6_addresses_are_warned_of_where_they_would_be_resolved(
    handler: str, settings: dict[str, Any], warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    skip_without(handler)

    await crawl_by(handler, ["http://[::1]:1", "http://u:p@[::1]:2", "h:1"], [], **settings)

    assert caplog.text.count(f"DNS_RESOLVER = '{HOSTNAME_RESOLVER}'") == warnings


@pytest.mark.parametrize("handler", [DEFAULT, HTTPX, AIOHTTP, IMPERSONATE])
@deferred_f_from_coro_f
async def test_pages_come_through_a_proxy_with_an_ipv6_address(
    handler: str, proxies: Playground
) -> None:
    skip_without(handler)
    from twisted import internet
    from twisted.internet.error import CannotListenError

    reactor: Any = internet.reactor
    _, _, there = proxies.proxy_urls[0].rpartition(":")
    try:
        here = reactor.listenTCP(0, ProxyFactory("127.0.0.1", int(there)), interface="::1")
    except CannotListenError:
        pytest.skip("this machine has no IPv6")
    proxy = {"host": "::1", "port": here.getHost().port, "username": "us er"}

    try:
        crawled = await crawl_by(
            handler,
            [{**proxy, "password": CREDENTIALS["us er"]}],
            [f"{site}/anything" for site in (proxies.origin_url, proxies.https_url)],
        )
    finally:
        await maybe_deferred_to_future(here.stopListening())

    assert [str(failure.value) for failure in crawled.spider.failures] == []
    assert len(crawled.spider.responses) == 2


@pytest.mark.parametrize(("handler", "warnings"), [(HTTPX, 1), (DEFAULT, 0)])
@deferred_f_from_coro_f
async def test_more_proxies_than_open_files_are_warned_of_with_httpx(
    handler: str,
    warnings: int,
    proxies: Playground,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    skip_without(handler)
    monkeypatch.setattr("scrapy_proxywhirl.downloaders.most_open_files", lambda: 100)

    await crawl_by(handler, [{"url": "http://{session}:x@h:1", "sessions": 91}], [])

    assert caplog.text.count("this process may have 100 files open") == warnings


class TheirOwn(HTTP11DownloadHandler):
    """A handler that somebody has written."""


@deferred_f_from_coro_f
async def test_somebody_s_own_handler_may_do_as_it_likes(
    proxies: Playground, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "scrapy_proxywhirl.downloaders")
    theirs = "tests.integration.test_downloaders.TheirOwn"

    crawled = await crawl_by(theirs, ["socks5://h:1"], [])

    assert [proxy.scheme for proxy in crawled.proxies] == ["socks5"]
    (told,) = (r for r in caplog.records if r.name == "scrapy_proxywhirl.downloaders")
    assert told.getMessage().startswith(f"DOWNLOAD_HANDLERS has {theirs}, which was not tested")


@pytest.mark.parametrize("scheme", PLACES)
@pytest.mark.parametrize("handler", [HTTPX, IMPERSONATE])
@deferred_f_from_coro_f
async def test_http2_goes_through_proxies(
    handler: str, scheme: str, proxies: Playground, http2_url: str
) -> None:
    skip_without(handler)
    if handler == HTTPX and scrapy.version_info < (2, 17):
        pytest.skip(f"that of Scrapy {scrapy.__version__} speaks HTTP/1.1 only")

    crawled = await crawl_by(
        handler, [proxies.proxy_url(PLACES[scheme], "us er")], [http2_url], HTTPX_HTTP2_ENABLED=True
    )

    (response,) = crawled.spider.responses
    assert response.body == b"HTTP/2"
    assert crawled.stat("successes") == 1
