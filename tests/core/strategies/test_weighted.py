from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from scrapy_proxywhirl import Proxy, ProxyPool, SelectionContext, WeightedStrategy

MakePool = Callable[..., ProxyPool]


def pool_of(*weights: float | None) -> ProxyPool:
    pool = ProxyPool()
    for port, weight in enumerate(weights, start=1):
        pool.add_proxy(Proxy(f"http://h:{port}", weight=weight))
    return pool


def shares(strategy: WeightedStrategy, pool: ProxyPool, times: int = 20_000) -> list[float]:
    counts: Counter[Proxy] = Counter()
    for _ in range(times):
        proxy = strategy.select(pool)
        proxy.abandon_request()
        counts[proxy] += 1
    return [counts[proxy] / times for proxy in pool]


def test_shares_are_in_proportion_to_given_weights(rng: Random) -> None:
    assert shares(WeightedStrategy(rng=rng), pool_of(1, 2.5, 6.5)) == pytest.approx(
        [0.1, 0.25, 0.65], abs=0.015
    )


def test_without_them_they_are_to_how_likely_proxies_succeed(rng: Random) -> None:
    pool = pool_of(None, None, None)
    good, bad, _ = pool
    strategy = WeightedStrategy(rng=rng)
    for _ in range(18):
        good.start_request()
        strategy.record_result(good, True, 10.0)
    for banned in (True, False) * 9:
        bad.start_request()
        strategy.record_result(bad, False, banned=banned)

    # (18 + 1) / (18 + 2), (0 + 1) / (18 + 2), and (0 + 1) / (0 + 2) of one that is new.
    assert shares(strategy, pool) == pytest.approx([0.633, 0.033, 0.333], abs=0.015)


def test_a_given_weight_is_beside_a_probability(rng: Random) -> None:
    assert shares(WeightedStrategy(rng=rng), pool_of(1.5, None)) == pytest.approx(
        [0.75, 0.25], abs=0.015
    )


def test_of_those_that_are_left_each_has_its_share(rng: Random) -> None:
    pool = pool_of(1e6, 1e6, 1, 3)
    heavy = [proxy.id for proxy in list(pool)[:2]]
    strategy = WeightedStrategy(rng=rng)
    counts: Counter[Proxy] = Counter()

    for _ in range(4000):
        counts[strategy.select(pool, SelectionContext(heavy))] += 1

    *_, third, fourth = pool
    assert counts[third] + counts[fourth] == 4000
    assert counts[fourth] / 4000 == pytest.approx(0.75, abs=0.03)


def test_where_few_are_left_of_many_they_are_weighed() -> None:
    pool = pool_of(2, 6)
    light, heavy = pool
    strategy = WeightedStrategy()

    assert strategy.weigh(heavy, pool) == 3 * strategy.weigh(light, pool)


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf"), 1e10, 1e-10])
def test_a_weight_is_a_positive_number(weight: float) -> None:
    with pytest.raises(ValueError, match=r"weight is .*; it must be a number in \[1e-9, 1e9\]"):
        Proxy("http://h:1", weight=weight)
