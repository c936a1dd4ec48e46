from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from scrapy_proxywhirl import ProxyPool, RoundRobinStrategy, SelectionContext


@pytest.mark.parametrize("selections", [1, 10, 25, 1003])
def test_shares_differ_by_at_most_one(selections: int, make_pool: Callable[..., ProxyPool]) -> None:
    pool = make_pool(*[None] * 10)
    strategy = RoundRobinStrategy()

    counts = Counter(strategy.select(pool) for _ in range(selections))

    every = [counts[proxy] for proxy in pool]
    assert max(every) - min(every) <= 1


def test_the_turn_goes_on_behind_one_that_was_passed_over(
    make_pool: Callable[..., ProxyPool],
) -> None:
    pool = make_pool(None, None, None)
    first, second, third = pool
    strategy = RoundRobinStrategy()

    assert strategy.select(pool, SelectionContext([first.id])) is second
    assert strategy.select(pool) is third
    assert strategy.select(pool) is first
