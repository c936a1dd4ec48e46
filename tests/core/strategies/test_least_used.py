from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from scrapy_proxywhirl import (
    LeastUsedStrategy,
    PoolCooldowns,
    PoolLimits,
    Proxy,
    ProxyPool,
    ProxyPoolEmptyError,
    RoundRobinStrategy,
    SelectionContext,
)
from scrapy_proxywhirl.core.strategies.least_used import ProxiesByUse

MakePool = Callable[..., ProxyPool]


def used(pool: ProxyPool) -> list[int]:
    return [proxy.requests_started for proxy in pool]


def test_all_are_used_as_often(make_pool: MakePool, rng: Random) -> None:
    pool = make_pool(*[None] * 10)
    strategy = LeastUsedStrategy(rng=rng)

    for number in range(1005):
        proxy = strategy.select(pool)
        if number % 3:  # a third is under way still
            strategy.record_result(proxy, number % 2 == 0, 50.0)

    assert sorted(used(pool)) == [100] * 5 + [101] * 5


def test_any_of_those_used_least_may_be_next(make_pool: MakePool) -> None:
    firsts = {
        LeastUsedStrategy(rng=Random(seed)).select(make_pool(*[None] * 4)).label
        for seed in range(40)
    }

    assert len(firsts) == 4


def test_those_beside_each_other_in_a_list_are_not_used_one_after_the_other(
    make_pool: MakePool, rng: Random
) -> None:
    pool = make_pool(*[None] * 1000)
    strategy = LeastUsedStrategy(rng=rng)

    places = [pool.proxies.index(strategy.select(pool)) for _ in range(64)]

    assert min(Counter(place // 250 for place in places).values()) >= 8


def test_each_waits_as_long_for_its_turn(make_pool: MakePool, rng: Random) -> None:
    pool = make_pool(*[None] * 10)
    strategy = LeastUsedStrategy(rng=rng)

    first = [strategy.select(pool) for _ in range(10)]
    second = [strategy.select(pool) for _ in range(10)]

    assert second == first
    assert set(first) == set(pool)


def test_what_another_strategy_has_selected_counts_too(make_pool: MakePool) -> None:
    pool = make_pool(None, None, None)
    *_, third = pool
    strategy, other = LeastUsedStrategy(), RoundRobinStrategy()
    strategy.select(pool)
    for _ in range(20):  # ten of the first and ten of the second
        other.select(pool, SelectionContext([third.id]))

    assert {strategy.select(pool) for _ in range(8)} == {third}


def test_one_that_joins_catches_up(make_pool: MakePool) -> None:
    pool = make_pool(None, None)
    strategy = LeastUsedStrategy()
    for _ in range(10):
        strategy.select(pool)

    pool.add_proxy(Proxy("http://new:1"))
    for _ in range(5):
        strategy.select(pool)

    assert used(pool) == [5, 5, 5]


def test_the_next_best_is_found_behind_many_that_have_failed_the_request(
    make_pool: MakePool,
) -> None:
    pool = make_pool(*[None] * 60)
    *others, busiest = pool
    for _ in range(7):
        busiest.start_request()
    strategy = LeastUsedStrategy()
    failed = SelectionContext([proxy.id for proxy in others])

    assert strategy.select(pool, failed) is busiest
    assert strategy.select(pool, failed) is busiest
    assert used(pool) == [0] * 59 + [9]


def test_where_a_site_has_banned_half_of_a_large_pool_the_others_are_used_evenly(
    rng: Random,
) -> None:
    pool = ProxyPool(cooldowns=PoolCooldowns(1e6, 1e6, lambda: 0.0, Random(1)))
    for port in range(1, 2001):
        pool.add_proxy(proxy := Proxy(f"http://h:{port}"))
        if port % 2:
            proxy.start_request()
            proxy.complete_request(False, banned=True, domain="shop.example")
    strategy = LeastUsedStrategy(rng=rng)

    for _ in range(5000):
        strategy.select(pool, SelectionContext(domain="shop.example"))

    assert used(pool)[::2] == [1] * 1000
    assert set(used(pool)[1::2]) <= {4, 5, 6}


def test_a_selection_looks_at_a_few_where_half_are_excluded(
    make_pool: MakePool, rng: Random
) -> None:
    class Banned(set[str]):
        asked = 0

        def __contains__(self, proxy_id: object) -> bool:
            self.asked += 1
            return super().__contains__(proxy_id)

    pool = make_pool(*[None] * 2000)
    banned = Banned(proxy.id for proxy in list(pool)[::2])
    proxies = ProxiesByUse(rng)
    pool.watch(proxies)

    for _ in range(5000):
        proxy = proxies.draw(banned) or proxies.draw_of(list(pool), banned)
        assert proxy is not None
        proxy.start_request()

    # All of those that are banned are the ones used least.
    assert banned.asked / 5000 < 70
    assert max(used(pool)) <= 6


def test_one_that_rests_is_left_alone_and_comes_back() -> None:
    now = [0.0]
    pool = ProxyPool(cooldowns=PoolCooldowns(2.0, 60.0, lambda: now[0], Random(1)))
    for port in (1, 2, 3):
        pool.add_proxy(Proxy(f"http://h:{port}"))
    strategy = LeastUsedStrategy(rng=Random(1))
    broken = strategy.select(pool)
    strategy.record_result(broken, False)
    broken.ema_response_time_ms = 10.0  # which is no reason to select it
    for _ in range(10):
        strategy.record_result(strategy.select(pool), True, 10.0)
    assert broken.requests_started == 1

    now[0] = 2.5
    assert strategy.select(pool) is broken


def test_where_all_are_busy_or_gone_there_is_none() -> None:
    pool = ProxyPool(limits=PoolLimits(1, 0.0, lambda: 0.0))
    pool.add_proxy(proxy := Proxy("http://h:1"))
    strategy = LeastUsedStrategy()
    strategy.select(pool)

    with pytest.raises(ProxyPoolEmptyError):
        strategy.select(pool)

    proxy.abandon_request()
    assert strategy.select(pool) is proxy
    pool.remove_proxy(proxy)
    with pytest.raises(ProxyPoolEmptyError):
        strategy.select(pool)


def test_it_stays_even_where_proxies_come_and_go(make_pool: MakePool, rng: Random) -> None:
    pool = make_pool(*[None] * 20)
    strategy = LeastUsedStrategy(rng=rng)
    counts: Counter[Proxy] = Counter()
    for number in range(2000):
        counts[proxy := strategy.select(pool)] += 1
        if number < 1500 and number % 100 == 50:
            pool.remove_proxy(proxy)
            pool.add_proxy(Proxy(f"http://new:{number}"))

    assert max(used(pool)) - min(used(pool)) <= 1
    assert all(counts[proxy] == proxy.requests_started for proxy in pool)
