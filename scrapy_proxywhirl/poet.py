"""For scrapy-poet: what page objects and callbacks can have of the proxies."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict
from json import dumps, loads
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy_poet.page_input_providers import PageObjectInputProvider
from scrapy_poet.utils import http_request_to_scrapy_request, scrapy_response_to_http_response
from web_poet import HttpClient, HttpRequest, HttpResponse
from web_poet.exceptions import HttpError, HttpRequestError
from web_poet.serialization import SerializedLeafData, register_serialization

from scrapy_proxywhirl.note import UsedProxy, used_proxy_of
from scrapy_proxywhirl.zyte_api import WITHOUT_IT


class SameProxyHttpClient(HttpClient):
    """
    An ``HttpClient`` whose requests go the way of the page: in its session, or through its proxy.

    They want of their proxy what the page's request wants. Without a session they wait while the
    page's proxy rests. Where the page came through no proxy of the pool, as from the cache, theirs
    is selected as any.
    """


class UsedProxyProvider(PageObjectInputProvider):
    """Provides the :class:`~scrapy_proxywhirl.UsedProxy` of a response."""

    provided_classes = {UsedProxy}
    name = "proxywhirl_used_proxy"

    def __call__(
        self, to_provide: AbstractSet[type], request: Request, response: Response
    ) -> Sequence[UsedProxy]:
        """Return it; where there was none, one that says so."""
        return [used_proxy_of(request) or UsedProxy()]


class SameProxyHttpClientProvider(PageObjectInputProvider):
    """Provides a :class:`SameProxyHttpClient`."""

    provided_classes = {SameProxyHttpClient}

    def __call__(
        self, to_provide: AbstractSet[type], request: Request, response: Response, crawler: Crawler
    ) -> Sequence[SameProxyHttpClient]:
        """Return it."""
        used = used_proxy_of(request)
        wanted = request.meta.get("proxywhirl")
        if used:
            way = {"session": used.session} if used.session else {"proxy": used.label}
            wanted = {**(wanted or {}), **way}

        async def download(asked: HttpRequest) -> HttpResponse:
            """Send *asked* the way of the page's request."""
            assert crawler.engine
            additional = http_request_to_scrapy_request(asked, dont_filter=True)
            if asked.method == "HEAD":
                additional.meta["dont_redirect"] = True
            if wanted is not None:
                additional.meta["proxywhirl"] = wanted
            if used:
                additional.meta.update(WITHOUT_IT)
            try:
                came = await crawler.engine.download_async(additional)
            except IgnoreRequest as error:
                raise HttpError(f"Additional request ignored: {additional}") from error
            except Exception as error:
                raise HttpRequestError(f"Additional request failed: {additional}") from error
            return scrapy_response_to_http_response(came)

        saves = crawler.settings.getbool("_SCRAPY_POET_SAVEFIXTURE")
        return [SameProxyHttpClient(download, save_responses=saves)]


PROVIDERS = (UsedProxyProvider, SameProxyHttpClientProvider)


def _serialize(used: UsedProxy) -> SerializedLeafData:
    return {"json": dumps(asdict(used)).encode()}


def _deserialize(cls: type[UsedProxy], data: SerializedLeafData) -> UsedProxy:
    values: dict[str, Any] = loads(data["json"])
    return cls(**{**values, "tags": tuple(values["tags"])})


register_serialization(_serialize, _deserialize)
