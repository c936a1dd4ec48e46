"""
How close the strategy "frontier" comes to what full knowledge of the proxies would give.

    python -m benchmarks.bench_frontier

A simulation: ten proxies of 40 to 400 ms, each 1.3 times the one before, noise of 35%, default
exploration. "over" is the mean latency above the least that has as many effective exits.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from math import exp, log, sqrt
from random import Random
from statistics import mean

from benchmarks.pools import CONFIG_OF_A_CRAWL, TEN
from scrapy_proxywhirl import Proxy, ProxyPool
from scrapy_proxywhirl.core import STRATEGIES
from scrapy_proxywhirl.core.frontier import ceiling

NOISE = 0.35  # of a response time, as a share of it
WARM_UP = 2000  # selections
SEEDS = range(5)


def least_mean(latencies: list[float], exits: float) -> float:
    """Return the least mean latency that has as many effective exits."""
    at = ceiling(sorted(latencies), exits)
    weights = [max(0.0, at - latency) for latency in latencies]
    return sum(w * latency for w, latency in zip(weights, latencies, strict=True)) / sum(weights)


def run(name: str, exits: float, selections: int, seed: int) -> tuple[float, float]:
    """Return the effective exits, and the share of the mean latency that is above the least."""
    rng = Random(seed)
    pool = ProxyPool()
    takes: dict[Proxy, float] = {}
    for number, spec in enumerate(TEN):
        proxy = Proxy(f"http://p{number}:1")
        pool.add_proxy(proxy)
        takes[proxy] = 1000.0 * spec.latency
    strategy = STRATEGIES[name](replace(CONFIG_OF_A_CRAWL, exits=exits), rng=rng)
    sigma = sqrt(log(1.0 + NOISE**2))
    counts: Counter[Proxy] = Counter()
    for number in range(WARM_UP + selections):
        proxy = strategy.select(pool)
        noise = exp(rng.gauss(-sigma * sigma / 2.0, sigma))  # of mean 1
        strategy.record_result(proxy, True, takes[proxy] * noise)
        if number >= WARM_UP:
            counts[proxy] += 1
    used = selections**2 / sum(count**2 for count in counts.values())
    took = sum(takes[proxy] * count for proxy, count in counts.items()) / selections
    return used, took / least_mean(list(takes.values()), used) - 1.0


def main() -> None:
    """Simulate, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_frontier")
    parser.add_argument("--selections", type=int, default=20_000)
    selections = parser.parse_args().selections
    print("strategy      wanted   exits    over")
    for name, exits in (*(("frontier", exits) for exits in (2, 4, 6, 8)), ("performance", 10)):
        runs = [run(name, exits, selections, seed) for seed in SEEDS]
        used, over = (mean(values) for values in zip(*runs, strict=True))
        wanted = exits if name == "frontier" else ""
        print(f"{name:12}{wanted:>8}{used:8.2f}{over:8.1%}", flush=True)


if __name__ == "__main__":
    main()
