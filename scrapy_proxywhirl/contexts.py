"""Proxies for scrapy-playwright, whose browser has one for each context, not for each request."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from scrapy_proxywhirl.pages import INIT, PAGE, init_page

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.settings import BaseSettings

    from scrapy_proxywhirl.core import Proxy

_NAME = "playwright_context"
_KWARGS = "playwright_context_kwargs"
_GOTO = "playwright_page_goto_kwargs"
_KEYS = (_NAME, _KWARGS, _GOTO, INIT)

# What the request says under these keys itself, while it has what we say there.
_OWN = "_proxywhirl_context"

_DEFAULT_TIMEOUT_MS = 30_000.0  # Playwright's

# What goes wrong with a navigation, under the browser's name for it.
_NAVIGATION = re.compile(r"Page\.goto: (?:net::)?([A-Z]+(?:_[A-Z]+)+)?")

# A download, or what PLAYWRIGHT_ABORT_REQUEST does not want.
_WANTED = ("ERR_ABORTED", "ERR_BLOCKED_BY_CLIENT")

UNKNOWN_TO_PROXY = "ERR_INVALID_AUTH_CREDENTIALS"

_EXCEPT_IT = "Let the request say meta['proxywhirl'] = False, and it goes its own way."


class Contexts:
    """
    Gives requests for the browser a context that has their proxy.

    There is one for each proxy, session and context that requests name themselves. What
    PLAYWRIGHT_CONTEXTS has for such a name is heeded.

    Args:
        settings: Of the crawl.

    Raises:
        ValueError: PLAYWRIGHT_MAX_CONTEXTS is set: scrapy-playwright closes no context, and the
            whole crawl would wait for ever for the first that is too many.
    """

    def __init__(self, settings: BaseSettings) -> None:
        if settings.getint("PLAYWRIGHT_MAX_CONTEXTS"):
            raise ValueError(
                "PLAYWRIGHT_MAX_CONTEXTS is set, and each proxy needs a context of its own;"
                " scrapy-playwright closes none, and waits for ever for the first that is too many:"
                " leave it out, and have as few proxies as the browser can have contexts"
            )
        self._given: dict[str, dict[str, Any]] = settings.getdict("PLAYWRIGHT_CONTEXTS")
        timeout_ms = settings.get("PLAYWRIGHT_DEFAULT_NAVIGATION_TIMEOUT")
        self._timeout_ms = _DEFAULT_TIMEOUT_MS if timeout_ms is None else float(timeout_ms)

    def refusal(self, request: Request) -> str:
        """Tell why *request* cannot have a context of ours; empty where it can."""
        kwargs = self._kwargs(request)
        if "proxy" in kwargs:
            return f"Its browser context has a proxy already. {_EXCEPT_IT}"
        if "user_data_dir" in kwargs:
            return (
                "A browser context that is kept on disk (user_data_dir) has one proxy for good."
                f" {_EXCEPT_IT}"
            )
        page = request.meta.get(PAGE)
        if page is not None and not page.is_closed():
            return (
                "It goes on in the open page of meta['playwright_page'], whose proxy has been"
                f" chosen. {_EXCEPT_IT}"
            )
        return ""

    def give(self, request: Request, proxy: Proxy, session: str | None) -> None:
        """
        Let *request* have a context that goes through *proxy*; see :func:`take_back`.

        Its time-out is the navigation's too, where that has no shorter one.

        Args:
            request: For the browser.
            proxy: What has been selected for it.
            session: The sticky session that it is part of; None for none.
        """
        meta = request.meta
        of_proxy = {"server": proxy.url}
        if proxy.has_credentials:
            of_proxy["username"] = proxy.username or ""
            of_proxy["password"] = proxy.password or ""
        kwargs = {**self._kwargs(request), "proxy": of_proxy}
        goto = dict(meta.get(_GOTO) or {})
        goto["timeout"] = _shorter(
            goto.get("timeout", self._timeout_ms), 1000.0 * meta.get("download_timeout", 0.0)
        )
        name = f"{meta.get(_NAME, 'default')} via {proxy.label} {proxy.id}"
        meta[_OWN] = {key: meta[key] for key in _KEYS if key in meta}
        meta[_NAME] = name if session is None else f"{name} for {session}"
        meta[_KWARGS] = kwargs
        meta[_GOTO] = goto
        meta[INIT] = partial(init_page, meta.get(INIT))
        # With credentials it would become a header, and those are sent to the site.
        meta["proxy"] = proxy.url

    def _kwargs(self, request: Request) -> dict[str, Any]:
        given = self._given.get(request.meta.get(_NAME, "default"), {})
        return {**given, **(request.meta.get(_KWARGS) or {})}


def take_back(request: Request) -> None:
    """Let *request* say of its context what it said itself, and forget the proxy's credentials."""
    own = request.meta.pop(_OWN, None)
    if own is not None:
        for key in _KEYS:
            request.meta.pop(key, None)
        request.meta.update(own)


def navigation_error(exception: Exception) -> str:
    """
    Name what went wrong on a browser's way to a page.

    Returns:
        A word for the stats; empty where *exception* is none of a browser's way to a page: what
        goes wrong within a page, as a selector that never shows up, is no proxy's fault.
    """
    kind = type(exception)
    if not kind.__module__.startswith("playwright.") or kind.__name__ == "TargetClosedError":
        return ""
    navigation = _NAVIGATION.match(str(exception))
    if navigation is None or navigation[1] in _WANTED:
        return ""
    return navigation[1] or kind.__name__


def _shorter(one_ms: float, other_ms: float) -> float:
    """Return the shorter of two time-outs, of which 0 means that there is none."""
    return min(one_ms, other_ms) if one_ms and other_ms else one_ms or other_ms
