from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from scrapy_proxywhirl import (
    PoolCooldowns,
    Proxy,
    ProxyPool,
    ProxyPoolEmptyError,
    SelectionContext,
    StrategyConfig,
    TieredStrategy,
)
from scrapy_proxywhirl.core.strategies.tiered import missing_tiers
from tests.core.test_cooldown import OTHER, SITE, Clock, FullRests

CONFIG = StrategyConfig(warmup_proxies=64, exploration=0.05, explored_at_a_time=1)


class Crawl:
    """Three proxies in each of three tiers, the higher the faster."""

    def __init__(self, *, rests: bool = False) -> None:
        self.clock = Clock()
        cooldowns = PoolCooldowns(2.0, 60.0, self.clock, FullRests()) if rests else None
        self.pool = ProxyPool("test", cooldowns=cooldowns)
        for tier in (1, 2, 3):
            for number in (1, 2, 3):
                proxy = Proxy(f"http://t{tier}-{number}:1", tier=tier)
                self.pool.add_proxy(proxy)
                proxy.ema_response_time_ms = 400.0 / tier
        self.strategy = TieredStrategy(CONFIG, rng=Random(1))

    def pages(self, count: int, *refused: int, domain: str = SITE) -> Counter[int]:
        """Ask for pages of a site that refuses some tiers; return by which tiers they came."""
        tiers: Counter[int] = Counter()
        for _ in range(count):
            proxy = self.strategy.select(self.pool, SelectionContext(domain=domain))
            success = proxy.tier not in refused
            self.strategy.record_result(
                proxy,
                success,
                proxy.ema_response_time_ms if success else None,
                banned=not success,
                domain=domain,
                started=self.clock.now,
            )
            tiers[proxy.tier] += 1
        return tiers


def test_the_lowest_tier_serves_though_others_are_faster() -> None:
    assert Crawl().pages(500) == {1: 500}


@pytest.mark.parametrize("rests", [True, False])
def test_a_site_that_refuses_a_tier_climbs(rests: bool) -> None:
    crawl = Crawl(rests=rests)

    crawl.pages(10, 1)
    tiers = crawl.pages(1000, 1)

    assert tiers[3] == 0
    assert tiers[1] < 60
    assert crawl.pages(500, domain=OTHER) == {1: 500}


def test_it_climbs_as_far_as_it_has_to() -> None:
    crawl = Crawl()

    crawl.pages(30, 1, 2)
    tiers = crawl.pages(1000, 1, 2)

    assert tiers[3] > 930


def test_it_comes_down_again_when_the_lower_tier_is_taken_again() -> None:
    crawl = Crawl()
    crawl.pages(300, 1)

    crawl.pages(1000)

    assert crawl.pages(200)[1] == 200


def test_a_site_that_refuses_all_is_served_by_the_highest() -> None:
    crawl = Crawl()

    crawl.pages(100, 1, 2, 3)

    assert crawl.pages(500, 1, 2, 3)[3] > 450


def test_where_a_tier_has_none_that_may_be_selected_the_next_one_serves_then_those_below() -> None:
    crawl = Crawl(rests=True)
    for proxy in crawl.pool:
        if proxy.tier == 1:
            proxy.start_request()
            proxy.complete_request(False, started=crawl.clock.now)

    assert set(crawl.pages(20)) == {2}

    crawl.clock.passes(30.0)
    crawl.pages(30, 1, 2)  # both rest for the site now, and it climbs
    for proxy in crawl.pool:
        if proxy.tier == 3:
            proxy.start_request()
            proxy.complete_request(False, started=crawl.clock.now)
    crawl.clock.passes(2.1)  # the bans of the lower ones are over
    for proxy in crawl.pool:
        if proxy.tier == 3:
            proxy.start_request()
            proxy.complete_request(False, started=crawl.clock.now)

    assert 3 not in crawl.pages(20)


def test_where_no_tier_has_one_there_is_none() -> None:
    crawl = Crawl()
    failed = [proxy.id for proxy in crawl.pool]

    with pytest.raises(ProxyPoolEmptyError):
        crawl.strategy.select(crawl.pool, SelectionContext(failed))


def test_a_tier_may_come_and_go() -> None:
    crawl = Crawl()
    crawl.pages(10)
    for proxy in crawl.pool:
        if proxy.tier == 1:
            crawl.pool.remove_proxy(proxy)
    assert set(crawl.pages(10)) == {2}

    crawl.pool.add_proxy(Proxy("http://new:1", tier=1))

    assert set(crawl.pages(10)) == {1}


def test_of_what_a_site_has_left_the_lowest_tier_serves() -> None:
    pool = ProxyPool(cooldowns=PoolCooldowns(2.0, 60.0, Clock(), FullRests()))
    for number in range(200):
        pool.add_proxy(proxy := Proxy(f"http://p{number}:1", tier=1 + (number < 10)))
        proxy.ema_response_time_ms = 100.0
        if 10 <= number < 195:
            proxy.start_request()
            proxy.complete_request(False, banned=True, domain=SITE)
    strategy = TieredStrategy(CONFIG, rng=Random(1))

    tiers = Counter(strategy.select(pool, SelectionContext(domain=SITE)).tier for _ in range(200))

    assert tiers[1] > 190


@pytest.mark.parametrize(
    ("tiers", "missing"),
    [([], []), ([1], []), ([1, 1, 2], []), ([1, 3], [2]), ([2], [1]), ([5, 2], [1, 3, 4])],
)
def test_a_tier_without_proxies_is_told_of(tiers: list[int], missing: list[int]) -> None:
    pool = ProxyPool()
    for number, tier in enumerate(tiers):
        pool.add_proxy(Proxy(f"http://p{number}:1", tier=tier))

    assert missing_tiers(pool) == missing
    assert TieredStrategy(CONFIG).validate_metadata(pool) == (bool(tiers) and not missing)


@pytest.mark.parametrize("tier", [0, -1, 1.5])
def test_a_tier_is_a_whole_number(tier: float) -> None:
    with pytest.raises(ValueError, match="it must be a whole number of at least 1"):
        Proxy("http://h:1", tier=tier)  # type: ignore[arg-type]
