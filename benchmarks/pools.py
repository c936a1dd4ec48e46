"""Pools for the benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from time import monotonic

from scrapy_proxywhirl import (
    PerformanceBasedStrategy,
    PoolCooldowns,
    Proxy,
    ProxyPool,
    StrategyConfig,
)
from scrapy_proxywhirl.playground import ProxySpec

# Of 40 to 400 ms, each the same factor slower than the one before. Selected in proportion to
# 1 / EMA they take 40% less in the mean than in turn, and that is the most that it can bring.
TEN = [ProxySpec(latency=round(0.04 * 10 ** (place / 9), 3)) for place in range(10)]

# As default settings have it.
CONFIG_OF_A_CRAWL = StrategyConfig(
    ema_restarts=True, warmup_proxies=64, exploration=0.05, explored_at_a_time=1
)

SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)


def pool_of(
    size: int, rng: Random, rest: float = 2.0, countries: Sequence[str | None] = (None,)
) -> ProxyPool:
    """
    Return a pool whose proxies have answered once each, in 40 to 400 ms.

    Args:
        size: How many there are.
        rng: The source of chance.
        rest: What the first rest of one that fails may be, in seconds.
        countries: Where they come out, in turn.
    """
    pool = ProxyPool(cooldowns=PoolCooldowns(rest, max(rest, 300.0), monotonic))
    for number in range(size):
        proxy = Proxy(
            f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}:8080",
            country=countries[number % len(countries)],
        )
        pool.add_proxy(proxy)
        proxy.complete_request(True, rng.uniform(40.0, 400.0))
    return pool


def strategy_of_a_crawl(rng: Random) -> PerformanceBasedStrategy:
    """Return the strategy as a crawl with default settings has it."""
    return PerformanceBasedStrategy(CONFIG_OF_A_CRAWL, rng=rng)
