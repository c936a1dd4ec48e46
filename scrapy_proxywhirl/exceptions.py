"""What can go wrong, as a tree."""

from __future__ import annotations

from scrapy.exceptions import IgnoreRequest

from scrapy_proxywhirl.core.errors import (
    DuplicateProxyError,
    InvalidProxyError,
    NoMatchingProxyError,
    ProxyPoolEmptyError,
    ProxyWhirlError,
)

__all__ = [
    "DuplicateProxyError",
    "InvalidProxyError",
    "NoMatchingProxyError",
    "NoProxyForRequestError",
    "ProxyPoolEmptyError",
    "ProxyWhirlError",
    "RobotsTxtUnavailableError",
]


class NoProxyForRequestError(ProxyPoolEmptyError, IgnoreRequest):
    """
    A request was not sent, since no proxy was there to send it through.

    Its errback gets this. It is an :exc:`~scrapy.exceptions.IgnoreRequest`, so that Scrapy neither
    retries nor logs a traceback, and a :exc:`ProxyPoolEmptyError`, which is what to test for.
    """


class RobotsTxtUnavailableError(ProxyWhirlError):
    """
    No proxy brought a site's /robots.txt.

    It is no :exc:`~scrapy.exceptions.IgnoreRequest`, of which Scrapy would say nothing, and then
    take everything for allowed.
    """
