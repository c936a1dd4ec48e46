from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from benchmarks.bench_frontier import run
from benchmarks.pools import CONFIG_OF_A_CRAWL
from scrapy_proxywhirl import FrontierStrategy, Proxy, ProxyPool, StrategyConfig


@pytest.mark.parametrize(("exits", "at_most"), [(2, 0.12), (4, 0.07), (6, 0.03), (8, 0.03)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_comes_close_to_what_full_knowledge_would_give(
    exits: float, at_most: float, seed: int
) -> None:
    used, over = run("frontier", exits, selections=20_000, seed=seed)

    assert used == pytest.approx(exits, rel=0.1)
    assert used > exits * 0.98
    assert over <= at_most


def test_a_slow_one_that_became_fast_is_found_again(make_pool: Callable[..., ProxyPool]) -> None:
    pool = make_pool(*[40.0 * 10 ** (place / 9) for place in range(10)])
    *_, slowest = pool
    strategy = FrontierStrategy(replace(CONFIG_OF_A_CRAWL, exits=2), rng=Random(1))
    takes = {proxy: proxy.ema_response_time_ms or 0.0 for proxy in pool} | {slowest: 20.0}

    counts: Counter[Proxy] = Counter()
    for step in range(6000):
        proxy = strategy.select(pool)
        strategy.record_result(proxy, True, takes[proxy])
        if step >= 5000:
            counts[proxy] += 1

    assert counts[slowest] > 500


def test_how_many_exits_can_be_configured_anew(make_pool: Callable[..., ProxyPool]) -> None:
    pool = make_pool(*[40.0 * 10 ** (place / 9) for place in range(10)])
    strategy = FrontierStrategy(StrategyConfig(exits=1.5), rng=Random(1))
    assert len({strategy.select(pool) for _ in range(1000)}) <= 3

    strategy.configure(StrategyConfig(exits=8.0))

    assert len({strategy.select(pool) for _ in range(1000)}) >= 9


def test_load_is_heeded_from_one_selection_to_the_next(make_pool: Callable[..., ProxyPool]) -> None:
    pool = make_pool(100.0, 150.0)
    fast, slow = pool
    strategy = FrontierStrategy(StrategyConfig(exits=1.0, load_aware=True), rng=Random(1))

    for _ in range(10):
        strategy.select(pool)

    # Each goes to the one with less to do: 100 * (1 + 5) and 150 * (1 + 3) are alike.
    assert (fast.requests_active, slow.requests_active) == pytest.approx((6, 4), abs=1)


def test_averages_do_not_restart() -> None:
    config = StrategyConfig(ema_restarts=True, exits=3.0)
    strategy = FrontierStrategy(config)
    assert strategy.config == replace(config, ema_restarts=False)

    strategy.configure(replace(config, exits=4.0))

    assert strategy.config == replace(config, ema_restarts=False, exits=4.0)


@pytest.mark.parametrize("exits", [0.5, float("nan"), float("inf")])
def test_a_bad_number_of_exits_is_an_error(exits: float) -> None:
    with pytest.raises(ValueError, match=r"exits is .* it must be a number of at least 1"):
        StrategyConfig(exits=exits)
