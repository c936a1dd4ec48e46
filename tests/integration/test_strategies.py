"""Whatever selects, pages arrive."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scrapy.utils.defer import deferred_f_from_coro_f

from scrapy_proxywhirl.core import STRATEGIES
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from tests.crawling import crawl


@pytest.mark.parametrize("name", sorted(STRATEGIES))
@deferred_f_from_coro_f
async def test_no_page_is_lost_by_any_strategy(name: str, play: Callable[..., Playground]) -> None:
    playground = play(
        ProxySpec(latency=0.01),
        ProxySpec(latency=0.02),
        ProxySpec(latency=0.06),
        ProxySpec(fault=Fault.RESET),
        ProxySpec(fault=Fault.STATUS, status=403),
    )

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": playground.proxy_urls, "PROXYWHIRL_STRATEGY": name},
        [f"{playground.origin_url}/{number}" for number in range(150)],
    )

    assert isinstance(crawled.middleware.strategy, STRATEGIES[name])
    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 150
    assert crawled.stat("failures") >= 1
    assert crawled.stat("bans/403") >= 1
    assert all(entry["via"] for entry in playground.origin_log())
