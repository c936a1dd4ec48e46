from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import exp, log, sqrt
from random import Random

import pytest

from scrapy_proxywhirl import FrontierStrategy, Proxy, ProxyPool, StrategyConfig
from scrapy_proxywhirl.core.frontier import ceiling

NOISE = 0.35  # of a response time, as a share of it
SELECTIONS = 20_000


def config(exits: float) -> StrategyConfig:
    return StrategyConfig(warmup_proxies=64, exploration=0.05, explored_at_a_time=1, exits=exits)


def least_mean(latencies: list[float], exits: float) -> float:
    """Return the least mean latency that has as many effective exits."""
    at = ceiling(sorted(latencies), exits)
    weights = [max(0.0, at - latency) for latency in latencies]
    return sum(w * latency for w, latency in zip(weights, latencies, strict=True)) / sum(weights)


@pytest.mark.parametrize(("exits", "at_most"), [(2, 0.12), (4, 0.07), (6, 0.03), (8, 0.03)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_comes_close_to_what_full_knowledge_would_give(
    exits: float, at_most: float, seed: int, make_pool: Callable[..., ProxyPool]
) -> None:
    rng = Random(seed)
    pool = make_pool(*[None] * 10)
    takes = {proxy: 40.0 * 10 ** (place / 9) for place, proxy in enumerate(pool)}
    strategy = FrontierStrategy(config(exits), rng=rng)
    sigma = sqrt(log(1.0 + NOISE**2))

    def select() -> Proxy:
        proxy = strategy.select(pool)
        noise = exp(rng.gauss(-sigma * sigma / 2.0, sigma))  # of mean 1
        strategy.record_result(proxy, True, takes[proxy] * noise)
        return proxy

    for _ in range(1000):
        select()
    counts = Counter(select() for _ in range(SELECTIONS))

    shares = {proxy: count / SELECTIONS for proxy, count in counts.items()}
    used = 1.0 / sum(share * share for share in shares.values())
    mean = sum(share * takes[proxy] for proxy, share in shares.items())
    assert used == pytest.approx(exits, rel=0.1)
    assert used > exits * 0.98
    assert mean <= least_mean(list(takes.values()), used) * (1.0 + at_most)


def test_a_slow_one_that_became_fast_is_found_again(make_pool: Callable[..., ProxyPool]) -> None:
    pool = make_pool(*[40.0 * 10 ** (place / 9) for place in range(10)])
    *_, slowest = pool
    strategy = FrontierStrategy(config(2), rng=Random(1))
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


@pytest.mark.parametrize("exits", [0.5, float("nan"), float("inf")])
def test_a_bad_number_of_exits_is_an_error(exits: float) -> None:
    with pytest.raises(ValueError, match=r"exits is .* it must be a number of at least 1"):
        StrategyConfig(exits=exits)
