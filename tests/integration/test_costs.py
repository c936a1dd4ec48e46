"""What a crawl costs, and how little it may."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from scrapy import Request
from scrapy.http import Response
from scrapy.utils.defer import deferred_f_from_coro_f

from scrapy_proxywhirl import NoProxyForRequestError, used_proxy
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from tests.crawling import CollectingSpider, Crawl, crawl, make_crawler, run


@pytest.fixture
def playground(play: Callable[..., Playground]) -> Playground:
    return play(*[ProxySpec(latency=0.01)] * 4)


def priced(playground: Playground, *prices: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"url": url, "label": f"p{place}", **price}
        for place, (url, price) in enumerate(zip(playground.proxy_urls, prices, strict=True))
    ]


def pages(playground: Playground, count: int) -> list[str]:
    return [f"{playground.origin_url}/{number}" for number in range(count)]


def labels(crawled: Crawl) -> Counter[str]:
    return Counter(used.label for used in map(used_proxy, crawled.spider.responses) if used)


@deferred_f_from_coro_f
async def test_bytes_and_costs_stand_in_the_stats(playground: Playground) -> None:
    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": priced(
                playground, {"cost_per_request": 0.5}, {"cost_per_gb": 1e6}, {}, {}
            ),
            "PROXYWHIRL_STRATEGY": "round-robin",
        },
        pages(playground, 40),
    )

    def of(label: str, name: str) -> Any:
        return crawled.stat(f"proxy/{label}/{name}")

    down = {label: of(label, "bytes_down") for label in ("p0", "p1", "p2", "p3")}
    up = {label: of(label, "bytes_up") for label in ("p0", "p1", "p2", "p3")}
    assert of("p1", "bytes") == down["p1"] + up["p1"]
    # Scrapy counts the same, but for the lines that begin and end a head, and headers of its own.
    assert sum(down.values()) == pytest.approx(crawled.stats["downloader/response_bytes"], rel=0.1)
    assert sum(up.values()) == pytest.approx(crawled.stats["downloader/request_bytes"], rel=0.1)
    assert of("p0", "cost") == 5.0
    assert of("p1", "cost") == pytest.approx((down["p1"] + up["p1"]) * 1e6 / 1e9, abs=1e-5)
    assert "proxywhirl/proxy/p2/cost" not in crawled.stats
    assert crawled.stat("cost") == pytest.approx(5.0 + of("p1", "cost"), abs=1e-5)


@deferred_f_from_coro_f
async def test_a_spent_budget_closes_the_spider_and_loses_nothing(
    playground: Playground, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {
        "PROXYWHIRL_PROXIES": priced(playground, *[{"cost_per_request": 0.01}] * 4),
        "JOBDIR": str(tmp_path),
        "CONCURRENT_REQUESTS": 4,
    }
    arrived: set[str] = set()

    class Once(CollectingSpider):
        """Asks for all at first, and for what is left in the JOBDIR then."""

        async def start(self) -> AsyncIterator[Request]:
            if not arrived:
                for url in pages(playground, 60):
                    yield Request(url, self.arrive, errback=self.collect_failure)

        def arrive(self, response: Response) -> None:
            self.collect(response)
            assert response.url not in arrived
            arrived.add(response.url)

    first = await crawl({**settings, "PROXYWHIRL_BUDGET": 0.2}, [], Once)

    assert first.stats["finish_reason"] == "proxywhirl_budget_spent"
    assert not first.spider.failures
    assert 20 <= len(arrived) <= 20 + 4  # those under way are paid for
    assert first.stat("cost") == pytest.approx(0.01 * len(arrived))
    assert first.stat("attempts") == len(arrived)
    (warning,) = (r.getMessage() for r in caplog.records if r.name == "scrapy_proxywhirl.budget")
    assert re.fullmatch(
        r"The budget is spent: 0.2\d* of PROXYWHIRL_BUDGET = 0.2. The spider closes, since every"
        r" proxy costs something.",
        warning,
    )

    second = await crawl({**settings, "PROXYWHIRL_BUDGET": 5}, [], Once)

    assert second.stats["finish_reason"] == "finished"
    assert len(arrived) == 60


@deferred_f_from_coro_f
async def test_a_spent_budget_falls_back_to_what_costs_nothing(
    playground: Playground, caplog: pytest.LogCaptureFixture
) -> None:
    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": priced(playground, *[{"cost_per_request": 0.01}] * 3, {}),
            "PROXYWHIRL_BUDGET": 0.2,
            "PROXYWHIRL_ON_NO_MATCH": "any",
            "PROXYWHIRL_STRATEGY": "round-robin",
        },
        [
            *(
                Request(f"{url}/dear", meta={"proxywhirl": {"proxy": "p0"}})
                for url in pages(playground, 5)
            ),
            *pages(playground, 100),
        ],
    )

    crawled.assert_every_attempt_is_settled()
    assert crawled.stats["finish_reason"] == "finished"
    assert len(crawled.spider.responses) == 105
    paid = sum(count for label, count in labels(crawled).items() if label != "p3")
    assert 20 <= paid <= 20 + 16
    (warning,) = (r.getMessage() for r in caplog.records if r.name == "scrapy_proxywhirl.budget")
    assert warning.endswith("The crawl goes on through the proxies that cost nothing.")


@deferred_f_from_coro_f
async def test_once_the_budget_is_spent_a_page_for_dear_proxies_only_is_an_error(
    playground: Playground,
) -> None:
    class AskingSpider(CollectingSpider):
        def collect(self, response: Response) -> Any:
            super().collect(response)
            if len(self.responses) == 30:
                yield Request(
                    f"{playground.origin_url}/dear",
                    self.collect,
                    errback=self.collect_failure,
                    meta={"proxywhirl": {"country": "DE"}},
                )

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": priced(
                playground, *[{"cost_per_request": 0.1, "country": "DE"}] * 3, {}
            ),
            "PROXYWHIRL_BUDGET": 0.1,
        },
        pages(playground, 40),
        AskingSpider,
    )

    (failure,) = crawled.spider.failures
    assert isinstance(failure.value, NoProxyForRequestError)
    assert "of the country 'DE', such that a page costs at most 0" in str(failure.value)
    assert len(crawled.spider.responses) == 40


@deferred_f_from_coro_f
async def test_pages_that_wait_when_the_budget_is_spent_go_back_to_the_scheduler(
    playground: Playground, tmp_path: Path
) -> None:
    crawler = make_crawler(
        {
            "PROXYWHIRL_PROXIES": priced(playground, *[{"cost_per_request": 0.01}] * 4),
            "PROXYWHIRL_CONCURRENCY_PER_PROXY": 1,
            "PROXYWHIRL_BUDGET": 0.1,
            "JOBDIR": str(tmp_path),
        }
    )

    await run(crawler, pages(playground, 60))

    assert isinstance(crawler.spider, CollectingSpider)
    assert crawler.stats
    assert not crawler.spider.failures
    assert 10 <= len(crawler.spider.responses) <= 14
    assert crawler.stats.get_value("finish_reason") == "proxywhirl_budget_spent"


@deferred_f_from_coro_f
async def test_what_a_page_may_cost_is_heeded(playground: Playground) -> None:
    prices = [{"cost_per_gb": 100.0}, {"cost_per_request": 0.001}, {"cost_per_gb": 5.0}, {}]

    crawled = await crawl(
        {"PROXYWHIRL_PROXIES": priced(playground, *prices), "PROXYWHIRL_STRATEGY": "random"},
        [
            Request(f"{url}/{cost}", meta={"proxywhirl": {"max_cost": cost}})
            for url in pages(playground, 12)
            for cost in (0, 0.0005, 0.001)
        ],
    )

    used: dict[str, set[str]] = {}
    for response in crawled.spider.responses:
        proxy = used_proxy(response)
        assert proxy
        used.setdefault(response.url.rpartition("/")[2], set()).add(proxy.label)
    assert used == {"0": {"p3"}, "0.0005": {"p2", "p3"}, "0.001": {"p1", "p2", "p3"}}


@pytest.mark.parametrize("strategy", ["tiered", "cost-aware"])
@deferred_f_from_coro_f
async def test_a_site_that_bans_the_cheap_ones_is_served_by_the_dear_ones(
    strategy: str, play: Callable[..., Playground]
) -> None:
    banned = ProxySpec(fault=Fault.STATUS, status=403)
    playground = play(banned, banned, ProxySpec(latency=0.01), ProxySpec(latency=0.01))
    cheap = {"tier": 1, "cost_per_gb": 0.5}
    dear = {"tier": 2, "cost_per_gb": 10.0}

    crawled = await crawl(
        {
            "PROXYWHIRL_PROXIES": priced(playground, cheap, cheap, dear, dear),
            "PROXYWHIRL_STRATEGY": strategy,
            "PROXYWHIRL_COOLDOWN": 0.01,
            "PROXYWHIRL_COOLDOWN_MAX": 0.01,  # so that it is not their rests alone that do it
        },
        pages(playground, 300),
    )

    crawled.assert_every_attempt_is_settled()
    assert len(crawled.spider.responses) == 300
    assert set(labels(crawled)) == {"p2", "p3"}
    assert crawled.stat("bans") < 100
