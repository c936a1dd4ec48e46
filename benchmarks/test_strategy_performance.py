"""What the specification of the strategy lists as benchmarks, under its names."""

from __future__ import annotations

from random import Random
from typing import Any

from benchmarks.pools import pool_of
from scrapy_proxywhirl import PerformanceBasedStrategy, SelectionContext


def test_performance_based_selection_small_pool(benchmark: Any) -> None:
    rng = Random(10)
    pool, strategy = pool_of(10, rng), PerformanceBasedStrategy(rng=rng)

    assert benchmark(strategy.select, pool, SelectionContext()) in pool


def test_performance_based_selection_large_pool(benchmark: Any) -> None:
    rng = Random(100)
    pool, strategy = pool_of(100, rng), PerformanceBasedStrategy(rng=rng)

    assert benchmark(strategy.select, pool, SelectionContext()) in pool
