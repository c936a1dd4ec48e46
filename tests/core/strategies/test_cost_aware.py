from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from scrapy_proxywhirl import (
    CostAwareStrategy,
    PoolCooldowns,
    Proxy,
    ProxyFilter,
    ProxyPool,
    RoundRobinStrategy,
    SelectionContext,
    StrategyConfig,
    Wanted,
)
from tests.core.test_cooldown import OTHER, SITE, Clock, FullRests

CONFIG = StrategyConfig(warmup_proxies=64, exploration=0.05, explored_at_a_time=1)


class Crawl:
    """Two proxies at each of some prices, the first of each twice as fast."""

    def __init__(self, **prices: dict[str, float]) -> None:
        self.pool = ProxyPool("test")
        self.names: dict[tuple[float, float], str] = {}
        for name, price in prices.items():
            for number in (1, 2):
                proxy = Proxy(f"http://{name}-{number}:1", label=f"{name}-{number}", **price)  # type: ignore[arg-type]
                self.pool.add_proxy(proxy)
                proxy.ema_response_time_ms = 100.0 * number
                self.names[proxy.price] = name
        self.strategy = CostAwareStrategy(CONFIG, rng=Random(1))

    def pages(
        self, count: int, refused: dict[str, float] | None = None, domain: str = SITE
    ) -> Counter[str]:
        """Ask for pages of a site that refuses a share of them by name."""
        rng = Random(2)
        names: Counter[str] = Counter()
        for _ in range(count):
            proxy = self.strategy.select(self.pool, SelectionContext(domain=domain))
            name = self.names[proxy.price]
            success = rng.random() >= (refused or {}).get(name, 0.0)
            time_ms = proxy.ema_response_time_ms if success else None
            self.strategy.record_result(proxy, success, time_ms, banned=not success, domain=domain)
            names[name] += 1
        return names


PRICES: dict[str, dict[str, float]] = {
    "cheap": {"cost_per_request": 0.001},
    "dear": {"cost_per_gb": 30.0},  # 0.003 a page of 100 kB
    "dearest": {"cost_per_request": 0.01, "cost_per_gb": 1.0},
}


def test_the_least_price_serves_and_the_faster_of_that_more_often() -> None:
    crawl = Crawl(**PRICES)

    assert crawl.pages(900) == {"cheap": 900}
    first, second, *_ = crawl.pool
    assert first.requests_started / second.requests_started == pytest.approx(2.0, abs=0.4)


def test_what_costs_nothing_comes_first() -> None:
    assert Crawl(**PRICES, free={}).pages(300) == {"free": 300}


def test_a_price_at_which_most_pages_are_refused_costs_more_than_a_higher_one() -> None:
    crawl = Crawl(**PRICES)

    crawl.pages(100, {"cheap": 0.9})  # 0.010 a good page, against 0.003
    names = crawl.pages(1000, {"cheap": 0.9})

    assert names["dear"] > 850
    assert names["cheap"] < 150
    assert crawl.pages(100, domain=OTHER) == {"cheap": 100}


def test_a_price_at_which_half_of_the_pages_are_refused_is_the_least_still() -> None:
    crawl = Crawl(**PRICES)

    names = crawl.pages(2000, {"cheap": 0.4})  # 0.0017 a good page

    assert names["cheap"] > 1800


def test_a_lower_price_that_is_taken_again_is_found_again() -> None:
    crawl = Crawl(**PRICES)
    crawl.pages(300, {"cheap": 1.0})

    crawl.pages(1500)

    assert crawl.pages(100)["cheap"] == 100


def test_where_the_cheap_ones_rest_for_a_site_the_next_price_serves() -> None:
    pool = ProxyPool(cooldowns=PoolCooldowns(2.0, 60.0, Clock(), FullRests()))
    for number in range(200):
        pool.add_proxy(
            proxy := Proxy(f"http://p{number}:1", cost_per_request=0.01 if number < 10 else None)
        )
        proxy.ema_response_time_ms = 100.0
        if 10 <= number < 195:
            proxy.start_request()
            proxy.complete_request(False, banned=True, domain=SITE)
    strategy = CostAwareStrategy(CONFIG, rng=Random(1))

    def costs() -> Counter[float]:
        context = SelectionContext(domain=SITE)
        return Counter(strategy.select(pool, context).cost() for _ in range(100))

    assert costs() == {0.0: 100}
    for proxy in list(pool)[195:]:
        proxy.start_request()
        proxy.complete_request(False, banned=True, domain=SITE)
    assert costs() == {0.01: 100}


@pytest.mark.parametrize(
    ("said", "cost"),
    [
        ({}, 0.0),
        ({"cost_per_request": 0.001}, 0.001),
        ({"cost_per_gb": 5}, 0.0005),
        ({"cost_per_request": 0.001, "cost_per_gb": 5.0}, 0.0015),
    ],
)
def test_a_page_costs_what_a_request_and_100_kb_do(said: dict[str, float], cost: float) -> None:
    assert Proxy("http://h:1", **said).cost() == pytest.approx(cost)  # type: ignore[arg-type]


def test_what_was_spent_is_what_was_answered_and_transferred() -> None:
    proxy = Proxy("http://h:1", cost_per_request=0.5, cost_per_gb=2.0)

    proxy.answered(down=600_000_000, up=200_000_000)
    proxy.answered(down=100_000_000, up=100_000_000)

    assert (proxy.bytes_down, proxy.bytes_up) == (700_000_000, 300_000_000)
    assert proxy.spent == pytest.approx(2 * 0.5 + 2.0)


@pytest.mark.parametrize("name", ["cost_per_request", "cost_per_gb"])
@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf")])
def test_a_cost_is_above_0(name: str, value: float) -> None:
    said: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=rf"{name} is .* above 0, or left out where it costs"):
        Proxy("http://h:1", **said)


@pytest.mark.parametrize(("max_cost", "names"), [(0.0, {"free"}), (0.001, {"free", "cheap"})])
def test_what_a_page_may_cost_is_a_filter(max_cost: float, names: set[str]) -> None:
    crawl = Crawl(**PRICES, free={})
    wanted = Wanted(ProxyFilter(max_cost=max_cost))

    strategy = RoundRobinStrategy()
    context = SelectionContext(wanted=wanted)
    selected = {crawl.names[strategy.select(crawl.pool, context).price] for _ in range(20)}

    assert selected == names
    assert str(wanted) == f"such that a page costs at most {max_cost:g}"
