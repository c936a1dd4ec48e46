"""What Scrapy's HTTP cache is not to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.downloadermiddlewares.httpcache import HttpCacheMiddleware

from scrapy_proxywhirl.note import forget_all_credentials

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler


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

    def store_response_alone(spider: Any, request: Request, response: Any) -> Any:
        forget_all_credentials(request)
        return store_response(spider, request, response)

    cache.storage.store_response = store_response_alone
