"""What download handlers, Scrapy's own and others, can do with a proxy."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from math import inf
from typing import TYPE_CHECKING

import scrapy
from packaging.version import Version
from scrapy.resolver import CachingThreadedResolver
from scrapy.utils.misc import load_object
from scrapy.utils.python import global_object_name

from scrapy_proxywhirl import zyte_api
from scrapy_proxywhirl.components import enabled_middlewares
from scrapy_proxywhirl.contexts import Contexts
from scrapy_proxywhirl.core import InvalidProxyError

if TYPE_CHECKING:
    from collections.abc import Collection

    from scrapy import Request
    from scrapy.settings import BaseSettings

    from scrapy_proxywhirl.core import Proxy

logger = logging.getLogger(__name__)

_SCRAPY = "scrapy.core.downloader.handlers."
_DEFAULT = f"{_SCRAPY}http11.HTTP11DownloadHandler"
_HTTP2 = f"{_SCRAPY}http2.H2DownloadHandler"
_HTTPX = f"{_SCRAPY}_httpx.HttpxDownloadHandler"
_AIOHTTP = f"{_SCRAPY}_aiohttp.AiohttpDownloadHandler"
_IMPERSONATE = "scrapy_impersonate."
_PLAYWRIGHT = "scrapy_playwright."

# Schemes of the proxies that a handler can send pages of http:// through, and those of https://.
_SERVED: dict[str, dict[str, tuple[str, ...]]] = {
    _DEFAULT: {"http": ("http", "https"), "https": ("http",)},
    _HTTPX: {"http": ("http", "https", "socks5"), "https": ("http", "https", "socks5")},
    _AIOHTTP: {
        "http": ("http", "https"),
        # Before Python 3.11 asyncio has no TLS within TLS.
        "https": ("http", "https") if sys.version_info >= (3, 11) else ("http",),
    },
    _IMPERSONATE: {
        "http": ("http", "https", "socks4", "socks5"),
        "https": ("http", "https", "socks4", "socks5"),
    },
    _PLAYWRIGHT: {
        "http": ("http", "https", "socks4", "socks5"),
        "https": ("http", "https", "socks4", "socks5"),
    },
}

# Handlers that some credentials are too much for.
_BREAK_BY_SOME = {_HTTPX, _AIOHTTP, _IMPERSONATE}

# The first scrapy-impersonate that keeps credentials from the site.
_DISCREET = Version("1.7.1")

# The other files that a crawl has open need some room.
_SHARE_OF_OPEN_FILES = 0.9

_OTHERS = (
    "set DOWNLOAD_HANDLERS to one that does, such as the httpx handler of Scrapy 2.18 or newer (pip"
    " install 'httpx2[socks]'), which speaks SOCKS 5"
)

# What a request says that is not to be left to Scrapy's default handler.
_META_KEYS = {_IMPERSONATE: "impersonate", _PLAYWRIGHT: "playwright"}


class Downloaders:
    """
    What the download handlers of a crawl can do with proxies.

    Args:
        settings: Of the crawl.

    Attributes:
        contexts: Have the proxies of scrapy-playwright's browser; None where that is none of them.
        zyte_api: Takes requests in place of the pool, where scrapy-zyte-api is one of them.

    Raises:
        ValueError: One of them can do nothing with any proxy.
    """

    def __init__(self, settings: BaseSettings) -> None:
        self._handlers = _handlers_of(settings)
        by_api = [scheme for scheme, kind in self._handlers.items() if kind == zyte_api.PACKAGE]
        self.zyte_api = zyte_api.ZyteAPI(settings, by_api)
        for scheme in by_api:
            self._handlers[scheme] = _kind(load_object(zyte_api.fallback(settings, scheme)))
        _refuse_unable(self._handlers.values())
        for kind in {*self._handlers.values()} - _SERVED.keys():
            logger.info(
                "DOWNLOAD_HANDLERS has %s, which was not tested with proxies: unless it goes by"
                " meta['proxy'], pages go out directly, and sites are told the credentials of"
                " proxies (the header Proxy-Authorization)",
                kind,
            )
        self.contexts = Contexts(settings) if _PLAYWRIGHT in self._handlers.values() else None
        self._has_to_look_at_credentials = not _BREAK_BY_SOME.isdisjoint(self._handlers.values())
        self._tells_sites_credentials = False
        self._meta_keys = {**_META_KEYS}
        if _IMPERSONATE in self._handlers.values():
            self._tells_sites_credentials = not _impersonate_is_discreet()
            if _IMPERSONATE in map(_kind, enabled_middlewares(settings)):
                del self._meta_keys[_IMPERSONATE]  # RandomBrowserMiddleware sets it, after ours
        self._has_socks = False
        self._resolver = _resolver_setting(settings)
        # What Scrapy has by default knows IPv4 only; a tunnel for an https:// page needs none.
        self._has_to_look_at_addresses = self._handlers.get("http") == _DEFAULT and issubclass(
            load_object(settings[self._resolver]), CachingThreadedResolver
        )
        self._has_warned_of_https = False
        self._has_warned_of_size = False

    def check(self, proxy: Proxy) -> None:
        """
        Refuse a proxy that they cannot use.

        Raises:
            InvalidProxyError: With what is wrong and what to do.
        """
        if self._has_to_look_at_credentials and proxy.has_credentials:
            self._check_credentials(proxy)
        if self._has_to_look_at_addresses and "[" in proxy.url_with_credentials:
            self._warn_of_ipv6()
        scheme = proxy.scheme
        if scheme == "http":
            return
        for page_scheme, kind in self._handlers.items():
            if kind not in _SERVED or scheme in _SERVED[kind][page_scheme]:
                continue
            name = kind.rstrip(".").rpartition(".")[2]
            if scheme == "https":
                self._warn_of_https(name)
            else:
                raise InvalidProxyError(
                    f"{proxy.label!r} is a {scheme} proxy, which {name} does not speak; {_OTHERS}"
                )
        if scheme.startswith("socks"):
            self._check_socks(proxy)

    def check_size(self, proxies: int) -> None:
        """Warn, once, of a pool of so many *proxies* that not all can have a connection."""
        if self._has_warned_of_size or _HTTPX not in self._handlers.values():
            return
        limit = most_open_files()
        if proxies > _SHARE_OF_OPEN_FILES * limit:
            self._has_warned_of_size = True
            logger.warning(
                "The pool has %d proxies, this process may have %d files open, and"
                " HttpxDownloadHandler keeps a connection to each that it has used. Allow more"
                " (ulimit -n), or take another download handler.",
                proxies,
                limit,
            )

    def refusal(self, request: Request) -> str:
        """Tell why *request* is not to be sent, whatever its proxy; empty where it may."""
        if self.contexts is not None and self.is_for_browser(request):
            return self.contexts.refusal(request)
        key = self._meta_keys.get(self._handler_of(request)) if self._has_socks else None
        if key and not request.meta.get(key):
            return (
                f"Some proxies speak SOCKS, and without meta[{key!r}] a request is left to Scrapy's"
                " default handler, which does not. It is not sent."
            )
        return ""

    def is_for_browser(self, request: Request) -> bool:
        """Tell whether *request* is for scrapy-playwright's browser."""
        return bool(request.meta.get("playwright")) and self._handler_of(request) == _PLAYWRIGHT

    def _handler_of(self, request: Request) -> str:
        return self._handlers.get(request.url.partition(":")[0], "")

    def _check_credentials(self, proxy: Proxy) -> None:
        """Refuse what a site would be told, or would break and show parts of itself in errors."""
        handlers = self._handlers.values()
        if (_HTTPX in handlers or _AIOHTTP in handlers) and (
            "/" in f"{proxy.username}{proxy.password}"
        ):
            raise InvalidProxyError(
                f"the credentials for {proxy.label!r} have a slash, which the httpx and aiohttp"
                " handlers take for the end of the proxy's address; have the credentials changed,"
                " or leave the default handler in DOWNLOAD_HANDLERS"
            )
        if self._tells_sites_credentials:
            raise InvalidProxyError(
                f"{proxy.label!r} has credentials, which scrapy-impersonate before {_DISCREET}"
                " tells each site: pip install --upgrade scrapy-impersonate"
            )
        if (
            _IMPERSONATE in handlers
            and proxy.scheme.startswith("socks")
            and ":" in f"{proxy.password}"
        ):
            raise InvalidProxyError(
                f"the password for {proxy.label!r} has a colon, which scrapy-impersonate cannot"
                f" send to a {proxy.scheme} proxy; have it changed"
            )

    def _check_socks(self, proxy: Proxy) -> None:
        if _PLAYWRIGHT in self._handlers.values() and proxy.has_credentials:
            raise InvalidProxyError(
                f"{proxy.label!r} is a {proxy.scheme} proxy with credentials, which the browser of"
                " scrapy-playwright does not send; leave it out, or have it know you by your"
                " address"
            )
        if _HTTPX in self._handlers.values() and find_spec("socksio") is None:
            raise InvalidProxyError(
                f"{proxy.label!r} is a {proxy.scheme} proxy, for which HttpxDownloadHandler needs"
                " the package socksio: pip install socksio"
            )
        self._has_socks = True

    def _warn_of_ipv6(self) -> None:
        self._has_to_look_at_addresses = False
        logger.warning(
            "The pool has proxies with IPv6 addresses, which Scrapy by default has resolved as if"
            " they were names, in vain: no http:// page will come through them. Put %s ="
            " 'scrapy.resolver.CachingHostnameResolver' into settings.py.",
            self._resolver,
        )

    def _warn_of_https(self, name: str) -> None:
        if self._has_warned_of_https:
            return
        self._has_warned_of_https = True
        logger.warning(
            "The pool has https:// proxies, through which %s fetches no https:// pages. Most such"
            " proxies are meant as http://; for the others, set DOWNLOAD_HANDLERS to a handler that"
            " can.",
            name,
        )


def most_open_files() -> float:
    """Return how many files, sockets among them, this process may have open."""
    if sys.platform == "win32":
        return inf
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return inf if soft == resource.RLIM_INFINITY else soft


def _handlers_of(settings: BaseSettings) -> dict[str, str]:
    """Return what stands for the handlers of a crawl's pages, by scheme."""
    handlers = settings.getwithbase("DOWNLOAD_HANDLERS")
    return {
        scheme: _kind(load_object(handlers[scheme]))
        for scheme in ("http", "https")
        if handlers.get(scheme) is not None  # the scheme is switched off
    }


def _refuse_unable(kinds: Collection[str]) -> None:
    if _HTTP2 in kinds:
        raise ValueError(
            "DOWNLOAD_HANDLERS has H2DownloadHandler, which sends nothing through proxies;"
            " leave it out, or take the httpx handler of Scrapy 2.18 or newer (pip install"
            " 'httpx2[http2]') with HTTPX_HTTP2_ENABLED = True"
        )
    if _HTTPX in kinds and scrapy.version_info < (2, 16):
        raise ValueError(
            "DOWNLOAD_HANDLERS has HttpxDownloadHandler, which in Scrapy 2.15 sends everything"
            " out without a proxy; leave it out, or use a newer Scrapy"
        )


def _impersonate_is_discreet() -> bool:
    """Tell whether scrapy-impersonate keeps credentials from sites, as far as that is known."""
    try:
        return Version(version("scrapy-impersonate")) >= _DISCREET
    except PackageNotFoundError:  # it is somebody's own copy
        return True


def _resolver_setting(settings: BaseSettings) -> str:
    """Return the name of the setting that has Scrapy's resolver, by which version it is."""
    older, newer = "DNS_RESOLVER", "TWISTED_DNS_RESOLVER"
    older_priority, newer_priority = map(settings.getpriority, (older, newer))
    if newer_priority is None or (older_priority and older_priority >= newer_priority):
        return older
    return newer


def _kind(component: type) -> str:
    """Return what stands for a class in this module; a class of one's own may do as it likes."""
    names = [global_object_name(one) for one in component.__mro__]
    for package in (_IMPERSONATE, _PLAYWRIGHT, zyte_api.PACKAGE):
        if any(name.startswith(package) for name in names):
            return package
    return names[0]
