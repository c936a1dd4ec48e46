"""scrapy-playwright heeds no request's proxy: what goes there is not let through.

The handler itself is stood in for: it is never reached, and needs a browser.
"""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.utils.defer import deferred_f_from_coro_f

from scrapy_proxywhirl import NoProxyForRequestError
from scrapy_proxywhirl.playground import Playground
from tests.crawling import crawl

HANDLER = "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler"


@pytest.fixture
def _playwright(monkeypatch: pytest.MonkeyPatch) -> None:
    package, _, name = HANDLER.rpartition(".")
    module = ModuleType(package)
    setattr(module, name, type(name, (HTTP11DownloadHandler,), {"__module__": package}))
    monkeypatch.setitem(sys.modules, "scrapy_playwright", ModuleType("scrapy_playwright"))
    monkeypatch.setitem(sys.modules, package, module)


@pytest.mark.usefixtures("_playwright")
@deferred_f_from_coro_f
async def test_only_what_is_for_the_browser_and_not_excepted_is_kept_back(
    playground: Playground, caplog: pytest.LogCaptureFixture
) -> None:
    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, "DOWNLOAD_HANDLERS": {"http": HANDLER}},
        [
            Request(f"{playground.origin_url}/browser", meta={"playwright": True}),
            Request(f"{playground.origin_url}/plain"),
            Request(
                f"{playground.origin_url}/excepted", meta={"playwright": True, "proxywhirl": False}
            ),
        ],
    )

    (failure,) = crawled.spider.failures
    assert failure.check(NoProxyForRequestError)
    assert "scrapy-playwright" in str(failure.value)
    assert crawled.stat("empty") == 1
    (warning,) = (r for r in caplog.records if r.name == "scrapy_proxywhirl.downloaders")
    assert "scrapy-playwright heeds no request's proxy" in warning.getMessage()
    assert {entry["path"] for entry in playground.origin_log()} == {"/plain", "/excepted"}


@deferred_f_from_coro_f
async def test_without_that_handler_its_meta_key_means_nothing(playground: Playground) -> None:
    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls},
        [Request(f"{playground.origin_url}/x", meta={"playwright": True})],
    )

    assert crawled.stat("successes") == 1
