"""Each site has response times of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from scrapy import Request
from scrapy.utils.defer import deferred_f_from_coro_f

from scrapy_proxywhirl import used_proxy
from scrapy_proxywhirl.playground import Playground, ProxySpec
from tests.crawling import crawl

pytestmark = pytest.mark.timed


@pytest.mark.parametrize("scope", ["crawl", "domain"])
@deferred_f_from_coro_f
async def test_a_slow_site_does_not_make_those_look_slow_that_served_it(
    scope: str, play: Callable[..., Playground]
) -> None:
    playground = play(*[ProxySpec(latency=0.02)] * 4)
    proxies: list[dict[str, Any]] = [
        {"url": url, "country": "FR" if place % 2 else "DE", "label": f"{place}"}
        for place, url in enumerate(playground.proxy_urls)
    ]
    slow = playground.origin_url.replace("127.0.0.1", "localhost")

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": proxies,
            "PROXYWHIRL_SCOPE": scope,
            "PROXYWHIRL_WEIGHT_EXPONENT": 2,
            # A proxy that is tried anew looks fast until it serves the slow site again.
            "PROXYWHIRL_EMA_RESTARTS": False,
            "PROXYWHIRL_EXPLORATION": 0,
            "CONCURRENT_REQUESTS": 8,
        },
        [
            request
            for number in range(200)
            for request in (
                Request(f"{playground.origin_url}/{number}"),
                Request(f"{slow}/slow/0.8?{number}", meta={"proxywhirl": {"country": "DE"}})
                if number % 4 == 0
                else Request(f"{playground.origin_url}/more/{number}"),
            )
        ],
    )

    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 400
    used: Counter[str] = Counter()
    for response in crawled.spider.responses[100:]:
        proxy = used_proxy(response)
        assert proxy
        if "127.0.0.1" in response.url:
            used[proxy.label] += 1
    german = (used["0"] + used["2"]) / used.total()
    # Half of the pages where the site's own times count, and next to none where all do.
    assert german > 0.2 if scope == "domain" else german < 0.2
