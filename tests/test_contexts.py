"""What a request for a browser says while it has a proxy; see integration/test_playwright.py."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from scrapy import Request
from scrapy.settings import Settings

from scrapy_proxywhirl import Proxy
from scrapy_proxywhirl.contexts import Contexts, navigation_error, take_back
from scrapy_proxywhirl.downloaders import Downloaders

errors = pytest.importorskip("playwright.async_api", reason="needs the package playwright")
HANDLER = "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler"
CLOSED = type("TargetClosedError", (errors.Error,), {"__module__": "playwright._impl._errors"})
PROXY = Proxy("http://us%20er:p%40ss@proxy.example:8000")


@pytest.mark.parametrize(
    "own",
    [
        {},
        {"playwright_context": "mine", "playwright_context_kwargs": {"locale": "de-DE"}},
        {"playwright_page_goto_kwargs": {"wait_until": "commit", "timeout": 100}},
        {"playwright_context_kwargs": None},
        {"playwright_page_init_callback": "books.pages.init"},
    ],
)
def test_what_a_request_says_itself_is_there_again_when_it_is_back(own: dict[str, Any]) -> None:
    given = Settings({"PLAYWRIGHT_CONTEXTS": {"mine": {"color_scheme": "dark"}}})
    contexts = Contexts(given)
    request = Request("http://site.example", meta=copy.deepcopy(own))

    for session in (None, "visitor"):
        contexts.give(request, PROXY, session)

        meta = request.meta
        assert meta["proxy"] == "http://proxy.example:8000"
        assert meta["playwright_context_kwargs"] == {
            **({"locale": "de-DE", "color_scheme": "dark"} if "playwright_context" in own else {}),
            "proxy": {
                "server": "http://proxy.example:8000",
                "username": "us er",
                "password": "p@ss",
            },
        }
        assert own.get("playwright_context", "default") in meta["playwright_context"]
        assert (session or "") in meta["playwright_context"]
        assert "p@ss" not in meta["playwright_context"]
        take_back(request)
        del meta["proxy"]
        assert meta == own


def test_each_proxy_and_session_has_a_context_of_its_own() -> None:
    contexts = Contexts(Settings())
    others = [Proxy("http://a:x@proxy.example:8000"), Proxy("http://b:x@proxy.example:8000")]
    names = set()

    for proxy in others:
        for session in (None, "one", "two"):
            for own in ({}, {"playwright_context": "mine"}):
                request = Request("http://site.example", meta=dict(own))
                contexts.give(request, proxy, session)
                names.add(request.meta["playwright_context"])

    assert len(names) == 12


@pytest.mark.parametrize(
    ("navigation_ms", "own_ms", "download_s", "least_ms"),
    [
        (None, None, 180, 30_000),
        (None, None, 5, 5000),
        (90_000, None, 180, 90_000),
        (0, None, 180, 180_000),
        (0, None, 0, 0),
        (90_000, 100, 180, 100),
        (90_000, 0, 180, 180_000),
    ],
)
def test_the_shortest_time_out_goes_for_navigation(
    navigation_ms: float | None, own_ms: float | None, download_s: float, least_ms: float
) -> None:
    contexts = Contexts(Settings({"PLAYWRIGHT_DEFAULT_NAVIGATION_TIMEOUT": navigation_ms}))
    meta: dict[str, Any] = {"download_timeout": download_s}
    if own_ms is not None:
        meta["playwright_page_goto_kwargs"] = {"timeout": own_ms}
    request = Request("http://site.example", meta=meta)

    contexts.give(request, PROXY, None)

    assert request.meta["playwright_page_goto_kwargs"]["timeout"] == least_ms


def test_only_pages_of_that_handler_are_for_the_browser() -> None:
    downloaders = Downloaders(Settings({"DOWNLOAD_HANDLERS": {"https": HANDLER}}))

    assert downloaders.contexts
    assert downloaders.is_for_browser(Request("https://site.example", meta={"playwright": True}))
    assert not downloaders.is_for_browser(Request("https://site.example"))
    assert not downloaders.is_for_browser(Request("http://site.example", meta={"playwright": 1}))


@pytest.mark.parametrize(
    ("exception", "name"),
    [
        (
            errors.Error("Page.goto: net::ERR_TUNNEL_CONNECTION_FAILED at https://x\nCall"),
            "ERR_TUN",
        ),
        (errors.Error("Page.goto: NS_ERROR_PROXY_CONNECTION_REFUSED\nCall log:"), "NS_ERROR_PROXY"),
        (errors.Error("Page.goto: Could not connect to the server\nCall log:"), "Error"),
        (errors.TimeoutError("Page.goto: Timeout 500ms exceeded."), "TimeoutError"),
        (errors.TimeoutError("Page.wait_for_selector: Timeout 500ms exceeded."), ""),
        (errors.Error("Page.goto: net::ERR_ABORTED; maybe frame was detached?"), ""),
        (errors.Error("Page.goto: net::ERR_BLOCKED_BY_CLIENT at https://x"), ""),
        (CLOSED("Page.goto: Target page, context or browser has been closed"), ""),
        (ValueError("Page.goto: net::ERR_TUNNEL_CONNECTION_FAILED"), ""),
    ],
)
def test_what_goes_wrong_on_the_way_has_the_browsers_name(exception: Exception, name: str) -> None:
    assert navigation_error(exception).startswith(name)
    assert bool(navigation_error(exception)) == bool(name)
