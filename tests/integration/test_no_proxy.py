"""Where there is no proxy, a request is not sent."""

from __future__ import annotations

from typing import Any

import pytest
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.utils.defer import deferred_f_from_coro_f

from scrapy_proxywhirl import NoProxyForRequestError, ProxyPoolEmptyError, ProxyWhirlMiddleware
from scrapy_proxywhirl.playground import Playground
from tests.crawling import CollectingSpider, crawl


@deferred_f_from_coro_f
async def test_a_pool_that_runs_empty_fails_closed(
    playground: Playground, caplog: pytest.LogCaptureFixture
) -> None:
    class EmptyingSpider(CollectingSpider):
        def collect(self, response: Response) -> Any:
            super().collect(response)
            assert self.crawler.engine
            for middleware in self.crawler.engine.downloader.middleware.middlewares:
                if isinstance(middleware, ProxyWhirlMiddleware):
                    for proxy in middleware.pool:
                        middleware.pool.remove_proxy(proxy)
            for number in range(5):
                yield response.follow(f"/{number}", self.collect, errback=self.collect_failure)

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, "PROXYWHIRL_WAIT_TIMEOUT": 1},
        [f"{playground.origin_url}/first"],
        EmptyingSpider,
    )

    assert [entry["path"] for entry in playground.origin_log()] == ["/first"]
    assert crawled.stat("empty") == len(crawled.spider.failures) == 5
    for failure in crawled.spider.failures:
        assert failure.check(NoProxyForRequestError)
        assert failure.check(ProxyPoolEmptyError)
        assert failure.check(IgnoreRequest)
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert len([record for record in warnings if "No proxy for" in record.getMessage()]) == 1
