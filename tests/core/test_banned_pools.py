"""Selection for a domain that has banned most of a pool."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrapy_proxywhirl import (
    PerformanceBasedStrategy,
    PoolCooldowns,
    Proxy,
    ProxyPool,
    ProxyPoolEmptyError,
    SelectionContext,
    Strategy,
    StrategyConfig,
)
from tests.core.test_cooldown import SITE, STRATEGIES, Clock, FullRests


def banned_pool(size: int, left: int, clock: Clock | None = None) -> ProxyPool:
    """Return a pool of which the first *left* are not banned, with EMAs of 100, 200 and so on."""
    pool = ProxyPool("test", cooldowns=PoolCooldowns(2.0, 60.0, clock or Clock(), FullRests()))
    for number in range(size):
        pool.add_proxy(proxy := Proxy(f"http://p{number}:1", label=f"p{number}"))
        proxy.ema_response_time_ms = 100.0 * (number + 1)
        if number >= left:
            proxy.start_request()
            proxy.complete_request(False, banned=True, domain=SITE)
    return pool


def select(strategy: Strategy, pool: ProxyPool, *failed: Proxy) -> Proxy:
    context = SelectionContext([proxy.id for proxy in failed], domain=SITE)
    proxy = strategy.select(pool, context)
    proxy.abandon_request(SITE)
    return proxy


@pytest.mark.parametrize("make", STRATEGIES)
@pytest.mark.parametrize("left", [1, 5, 20])
def test_only_what_is_left_is_selected_and_all_of_it(make: Any, left: int) -> None:
    pool = banned_pool(200, left)
    strategy = make()

    selected = {select(strategy, pool).label for _ in range(2000)}

    assert selected == {f"p{number}" for number in range(left)}


def test_each_of_a_few_that_are_left_has_exactly_its_share() -> None:
    pool = banned_pool(200, 4)
    strategy = PerformanceBasedStrategy(StrategyConfig(weight_exponent=2.0), rng=Random(1))

    shares = Counter(select(strategy, pool).label for _ in range(20_000))

    total = 1 + 1 / 4 + 1 / 9 + 1 / 16
    for number in range(4):
        expected = 20_000 / (number + 1) ** 2 / total
        assert shares[f"p{number}"] == pytest.approx(expected, rel=0.08)


def test_of_more_the_faster_ones_are_selected_more_often() -> None:
    pool = banned_pool(1000, 100)
    strategy = PerformanceBasedStrategy(rng=Random(1))

    shares = Counter(int(select(strategy, pool).label[1:]) // 25 for _ in range(20_000))

    assert shares[0] > 2 * shares[1] > 2 * shares[2] > 2 * shares[3] > 0


@pytest.mark.parametrize("fastest_leaves", [False, True])
def test_of_more_each_has_its_share_too(fastest_leaves: bool) -> None:
    pool = banned_pool(1000, 100)
    proxies = list(pool)[:100]
    weights = {}
    for number, proxy in enumerate(proxies):
        proxy.ema_response_time_ms = 100.0 + 4.0 * number
        weights[proxy] = 1.0 / proxy.ema_response_time_ms
    strategy = PerformanceBasedStrategy(rng=Random(1))
    if fastest_leaves:
        proxies[50].ema_response_time_ms = 20.0
        assert any(select(strategy, pool) is proxies[50] for _ in range(1000))
        del weights[proxies[50]]
        pool.remove_proxy(proxies[50])

    shares = Counter(select(strategy, pool) for _ in range(40_000))

    assert shares.keys() <= weights.keys()
    for first in range(0, 100, 20):
        some = weights.keys() & proxies[first : first + 20]
        share = sum(weights[proxy] for proxy in some) / sum(weights.values())
        assert sum(shares[proxy] for proxy in some) == pytest.approx(40_000 * share, rel=0.035)


def test_where_one_outweighs_all_others_it_is_found_and_forgotten_again() -> None:
    pool = banned_pool(1000, 100)
    proxies = list(pool)[:100]
    for proxy in proxies:
        proxy.ema_response_time_ms = 10_000.0
    proxies[7].ema_response_time_ms = 1.0
    strategy = PerformanceBasedStrategy(rng=Random(1))

    shares = Counter(select(strategy, pool) for _ in range(5_000))
    assert shares[proxies[7]] > 10 * 5_000 / 100
    assert len(shares) > 90

    pool.remove_proxy(proxies[7])
    shares = Counter(select(strategy, pool) for _ in range(20_000))
    assert max(shares.values()) < 2 * 20_000 / 99  # each like each


def test_load_and_what_is_not_known_are_heeded() -> None:
    pool = banned_pool(200, 4)
    config = StrategyConfig(load_aware=True, warmup_proxies=4)
    strategy = PerformanceBasedStrategy(config, rng=Random(1))
    busy, idle, new, tried = list(pool)[:4]
    for proxy in (busy, idle):
        proxy.ema_response_time_ms = 100.0
    for proxy in (new, tried):
        proxy.ema_response_time_ms = None
    tried.start_request()
    for _ in range(9):
        busy.start_request()

    shares = Counter(select(strategy, pool).label for _ in range(10_000))

    assert shares[new.label] > 9_000
    assert shares[idle.label] == pytest.approx(10 * shares[busy.label], rel=0.6)
    assert shares[tried.label] < 10


def test_those_that_failed_the_page_or_rest_are_not_selected() -> None:
    clock = Clock()
    pool = banned_pool(2000, 40, clock)
    strategy = PerformanceBasedStrategy(rng=Random(1))
    *failing, last = list(pool)[:40]
    for proxy in failing[1:]:
        proxy.start_request()
        proxy.complete_request(False, domain=SITE)

    assert select(strategy, pool, failing[0]) is last
    with pytest.raises(ProxyPoolEmptyError):
        select(strategy, pool, failing[0], last)


def test_what_is_left_is_looked_for_no_longer_once_it_is_much() -> None:
    clock = Clock()
    pool = banned_pool(100, 10, clock)
    cooldowns = pool.cooldowns
    assert cooldowns is not None
    cooldowns.wake(SITE)
    assert cooldowns.others(pool, SITE) is not None

    for proxy in list(pool)[20:60]:
        proxy.start_request()
        proxy.complete_request(True, 100.0, domain=SITE)
    assert cooldowns.others(pool, SITE) is not None  # half of them
    for proxy in list(pool)[60:]:
        proxy.start_request()
        proxy.complete_request(True, 100.0, domain=SITE)

    assert cooldowns.others(pool, SITE) is None
    proxy.start_request()
    proxy.complete_request(False, banned=True, domain=SITE)
    assert cooldowns.others(pool, SITE) is None
    for proxy in list(pool)[10:]:
        proxy.start_request()
        proxy.complete_request(False, banned=True, domain=SITE)
    others = cooldowns.others(pool, SITE)
    assert others is not None
    assert set(others) == set(list(pool)[:10])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("bsrjw"), st.integers(0, 99)), max_size=200))
def test_what_is_left_is_what_is_not_banned_whatever_happens(steps: list[tuple[str, int]]) -> None:
    clock = Clock()
    pool = banned_pool(100, 20, clock)
    cooldowns = pool.cooldowns
    assert cooldowns is not None
    joined = 100
    for step, number in steps:
        proxy = pool.proxies[number % len(pool)]
        if step == "b":
            proxy.start_request()
            proxy.complete_request(False, banned=True, domain=SITE, started=clock.now)
        elif step == "s":
            proxy.start_request()
            proxy.complete_request(True, 100.0, domain=SITE, started=clock.now)
        elif step == "r" and len(pool) > 80:
            pool.remove_proxy(proxy)
        elif step == "j":
            joined += 1
            pool.add_proxy(Proxy(f"http://p{joined}:1"))
        elif step == "w":
            clock.passes(number / 25)
        barred = cooldowns.wake(SITE)

        others = cooldowns.others(pool, SITE)

        if others is not None:
            assert {one.id for one in others} == {one.id for one in pool} - set(barred)
            assert len(barred) * 2 >= len(pool)
        else:
            assert len(barred) * 4 <= len(pool) * 3


def test_a_failure_that_will_last_makes_a_proxy_rest_as_long_as_one_may() -> None:
    clock = Clock()
    pool = banned_pool(2, 2, clock)
    first, _ = pool

    first.complete_request(False, domain=SITE, lasting=True)

    clock.passes(59.9)
    pool.cooldowns.wake(SITE)  # type: ignore[union-attr]
    assert first.is_resting
    clock.passes(0.2)
    pool.cooldowns.wake(SITE)  # type: ignore[union-attr]
    assert not first.is_resting
