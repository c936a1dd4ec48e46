"""Credentials of proxies, taken out of requests before others have these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.downloadermiddlewares.httpcache import HttpCacheMiddleware

from scrapy_proxywhirl.contexts import take_back
from scrapy_proxywhirl.note import NOTE, Note, is_ours_to_assign

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler

    from scrapy_proxywhirl.core import Proxy


def forget_credentials(request: Request, proxy: Proxy | None = None) -> None:
    """
    Take from *request* what is left in it of a proxy's credentials.

    HttpProxyMiddleware's header and its notes would go to the next proxy on the same host and port,
    and with JOBDIR to disk; so would the URL of *proxy* where that middleware was never reached.
    """
    meta = request.meta
    take_back(request)
    meta.pop("_scheme_proxy", None)
    # A header is not looked for where HttpProxyMiddleware has just had the word: it costs as much
    # as a selection.
    if meta.pop("_auth_proxy", None) is not None or proxy is None:
        request.headers.pop("Proxy-Authorization", None)
    if proxy is not None and meta.get("proxy") == proxy.url_with_credentials:
        meta["proxy"] = proxy.url


def forget_all_credentials(request: Request) -> None:
    """
    Take from *request* what it may have of a proxy's credentials, at whatever point of an attempt.

    Another middleware may send it again, with all that we and HttpProxyMiddleware have given it.
    """
    note: Note = request.meta.get(NOTE, {})
    if note and is_ours_to_assign(request):
        forget_credentials(request)
        if request.meta.get("proxy") is not None:
            request.meta["proxy"] = note.get("proxy")


def keep_credentials_out_of_cache(crawler: Crawler) -> None:
    """
    Let the cache of *crawler*, if it has one, store no request with a proxy's credentials.

    What has been downloaded has none any more by then. What another middleware answers instead,
    one with a browser of its own for example, is stored before we hear of it, and the default
    storage writes the request's headers too.
    """
    cache = crawler.get_downloader_middleware(HttpCacheMiddleware)
    if cache is None:
        return
    store_response = cache.storage.store_response

    def store_without_credentials(spider: Any, request: Request, response: Any) -> Any:
        forget_all_credentials(request)
        return store_response(spider, request, response)

    cache.storage.store_response = store_without_credentials
