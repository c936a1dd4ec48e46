"""What must hold of a crawl's settings before its first request goes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.downloadermiddlewares.httpproxy import HttpProxyMiddleware
from scrapy.downloadermiddlewares.redirect import RedirectMiddleware
from scrapy.utils.python import global_object_name

from scrapy_proxywhirl.components import enabled_middlewares
from scrapy_proxywhirl.core import InvalidProxyError, TieredStrategy
from scrapy_proxywhirl.core.strategies.tiered import missing_tiers
from scrapy_proxywhirl.legacy import PACKAGE
from scrapy_proxywhirl.sources.entries import check_encoding

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

    from scrapy_proxywhirl.core import Proxy, ProxyPool
    from scrapy_proxywhirl.downloaders import Downloaders
    from scrapy_proxywhirl.settings import ProxyWhirlSettings


class CrawlCheck:
    """
    Refuses what would send requests out without their proxy, or without its credentials.

    Args:
        settings: Of the crawl.
        middleware: The class of ours that is enabled.
        downloaders: What its download handlers can do.

    Raises:
        ValueError: With what is wrong and what to do.
    """

    def __init__(self, settings: BaseSettings, middleware: type, downloaders: Downloaders) -> None:
        self._encoding = settings.get("HTTPPROXY_AUTH_ENCODING") or "latin-1"
        self._sends_credentials = _check_order(settings, middleware)
        self._downloaders = downloaders

    def __call__(self, proxy: Proxy) -> None:
        """
        Refuse a proxy that the crawl cannot use.

        Raises:
            InvalidProxyError: With what is wrong and what to do.
        """
        if proxy.has_credentials:
            if not self._sends_credentials:
                raise InvalidProxyError(
                    f"{proxy.label!r} has credentials, which HttpProxyMiddleware sends and which"
                    " is disabled; set HTTPPROXY_ENABLED = True and leave the middleware in"
                    " DOWNLOADER_MIDDLEWARES"
                )
            check_encoding(proxy, self._encoding)
        self._downloaders.check(proxy)


def check_pool(settings: ProxyWhirlSettings, pool: ProxyPool) -> None:
    """
    Refuse a pool that lacks what the settings are about.

    Raises:
        ValueError: With what is wrong and what to do.
    """
    if issubclass(settings.strategy, TieredStrategy):
        missing = missing_tiers(pool)
        if missing:
            raise ValueError(
                f"There are no proxies of the tier {missing[0]}, and some of higher ones; number"
                " the tiers 1, 2 and so on"
            )
    if settings.budget is not None and not any(proxy.cost() for proxy in pool):
        raise ValueError(
            f"PROXYWHIRL_BUDGET is {settings.budget:g}, and no proxy costs anything; give them a"
            " cost_per_gb or a cost_per_request"
        )


def _check_order(settings: BaseSettings, middleware: type) -> bool:
    """Return whether credentials are sent."""
    name = middleware.__name__
    enabled = enabled_middlewares(settings)
    if middleware not in enabled:  # made by hand
        return True
    for other in enabled:
        if other.__module__.startswith(PACKAGE):
            raise ValueError(
                f"{global_object_name(other)} is enabled beside {name}, which takes its place; take"
                " both middlewares of scrapy-rotating-proxies out of DOWNLOADER_MIDDLEWARES"
            )
    ours = enabled.index(middleware)
    before, after = enabled[:ours], enabled[ours + 1 :]
    if _has(before, HttpProxyMiddleware):
        raise ValueError(
            f"{name} comes after HttpProxyMiddleware in DOWNLOADER_MIDDLEWARES, where credentials"
            " would go to the wrong proxy and to sites; give it an order below 750, such as 745"
        )
    if _has(after, RedirectMiddleware):
        raise ValueError(
            f"{name} comes before RedirectMiddleware in DOWNLOADER_MIDDLEWARES, where it would not"
            " see redirects; give it an order above 600, such as 745"
        )
    return _has(after, HttpProxyMiddleware) and settings.getbool("HTTPPROXY_ENABLED")


def _has(components: list[type], wanted: type) -> bool:
    return any(issubclass(one, wanted) for one in components)
