from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from scrapy_proxywhirl import ProxyPool, RandomStrategy


def test_shares_are_even_whatever_the_emas(
    make_pool: Callable[..., ProxyPool], rng: Random
) -> None:
    pool = make_pool(1.0, 1000.0, None, *[10.0] * 7)
    strategy = RandomStrategy(rng=rng)

    counts = Counter(strategy.select(pool) for _ in range(20_000))

    assert all(1800 < counts[proxy] < 2200 for proxy in pool)
