from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from scrapy_proxywhirl import ProxyPool, RandomStrategy, SelectionContext


def test_shares_are_even_whatever_the_emas(make_pool: Callable[..., ProxyPool]) -> None:
    pool = make_pool(1.0, 1000.0, None, *[10.0] * 7)
    strategy = RandomStrategy(rng=Random(5))

    counts = Counter(strategy.select(pool) for _ in range(20_000))

    assert [counts[proxy] for proxy in pool] == [2000] * 10


@pytest.mark.parametrize("seed", range(20))
def test_shares_are_within_a_tenth_over_1000_selections_of_10(
    seed: int, make_pool: Callable[..., ProxyPool]
) -> None:
    pool = make_pool(*[float(10 * number) for number in range(1, 11)])
    strategy = RandomStrategy(rng=Random(seed))

    counts = Counter(strategy.select(pool) for _ in range(1000))

    assert all(90 <= counts[proxy] <= 110 for proxy in pool)


def test_any_order_is_as_likely(make_pool: Callable[..., ProxyPool]) -> None:
    pool = make_pool(None, None, None)
    strategy = RandomStrategy(rng=Random(1))

    orders = Counter(tuple(strategy.select(pool).label for _ in range(3)) for _ in range(6000))

    assert len(orders) == 6
    assert all(850 < count < 1150 for count in orders.values())  # five standard deviations


def test_what_joins_in_mid_round_or_leaves_spoils_nothing(
    make_pool: Callable[..., ProxyPool],
) -> None:
    pool = make_pool(*[None] * 10)
    proxies = list(pool)
    strategy = RandomStrategy(rng=Random(2))
    rng = Random(3)

    for _ in range(300):
        strategy.select(pool)
        proxy = rng.choice(proxies)
        if proxy in pool:
            pool.remove_proxy(proxy)
        else:
            pool.add_proxy(proxy)
        if not len(pool):
            pool.add_proxy(proxy)
    for proxy in proxies:
        if proxy not in pool:
            pool.add_proxy(proxy)
    counts = Counter(strategy.select(pool) for _ in range(1000))

    assert set(counts) == set(proxies)
    assert max(counts.values()) - min(counts.values()) <= 2  # a part of a round at either end


def test_what_one_site_excludes_has_its_full_share_at_others(
    make_pool: Callable[..., ProxyPool],
) -> None:
    pool = make_pool(*[None] * 5)
    excluded, *others = pool
    strategy = RandomStrategy(rng=Random(4))

    counts: Counter[bool] = Counter()
    for number in range(4000):
        context = SelectionContext([excluded.id] if number % 2 else ())
        counts[strategy.select(pool, context) is excluded] += 1

    assert counts[True] >= 400  # of 2,000 that may be any of five
    assert set(others) == {
        strategy.select(pool, SelectionContext([excluded.id])) for _ in range(100)
    }
