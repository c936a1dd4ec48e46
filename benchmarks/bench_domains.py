"""
How well one site's proxies are told apart while another site is crawled that is 2 s slow.

    python -m benchmarks.bench_domains

A simulation: ten proxies of 40 to 400 ms, each 1.3 times the one before, noise of 35%, default
exploration; frontier with six exits. Two sites are crawled side by side, one that takes 50 ms
itself and one that takes 2 s. The slow one is visited unevenly: all its pages come from a country
that the fastest proxy is in, and every other one.

"off by" is how far the shares of the proxies on the fast site are from those that a crawl of the
fast site alone has: the mean over the proxies, and the largest, each as a share of the latter.
"took" is the mean response time of the fast site's pages, "alone" being 1.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from math import exp, log, sqrt
from random import Random
from statistics import mean

from benchmarks.pools import CONFIG_OF_A_CRAWL, TEN
from scrapy_proxywhirl import (
    PoolDomains,
    Proxy,
    ProxyFilter,
    ProxyPool,
    SelectionContext,
    Wanted,
)
from scrapy_proxywhirl.core import STRATEGIES

NOISE = 0.35  # of a response time, as a share of it
SEEDS = range(5)
FAST_MS = 50.0
SLOW_MS = 2000.0

FAST = SelectionContext(domain="fast.example")
SLOW = SelectionContext(domain="slow.example", wanted=Wanted(ProxyFilter(country="DE")))


def run(
    name: str, tells_apart: bool, has_slow_site: bool, pages: int, seed: int
) -> tuple[dict[str, float], float]:
    """Return the proxies' shares of the fast site's pages, and what these took in the mean."""
    rng = Random(seed)
    pool = ProxyPool(domains=PoolDomains() if tells_apart else None)
    takes: dict[Proxy, float] = {}
    for number, spec in enumerate(TEN):
        proxy = Proxy(f"http://p{number}:1", country="FR" if number % 2 else "DE")
        pool.add_proxy(proxy)
        takes[proxy] = 1000.0 * spec.latency
    strategy = STRATEGIES[name](replace(CONFIG_OF_A_CRAWL, exits=6), rng=rng)
    sigma = sqrt(log(1.0 + NOISE**2))
    counts: Counter[str] = Counter()
    took = 0.0
    for _ in range(pages):
        for context, site_ms in ((FAST, FAST_MS), (SLOW, SLOW_MS))[: 1 + has_slow_site]:
            proxy = strategy.select(pool, context)
            noise = exp(rng.gauss(-sigma * sigma / 2.0, sigma))  # of mean 1
            time_ms = (site_ms + takes[proxy]) * noise
            strategy.record_result(proxy, True, time_ms, domain=context.domain)
            if context is FAST:
                counts[proxy.label] += 1
                took += time_ms
    return {label: count / pages for label, count in counts.items()}, took / pages


def shares(
    name: str, tells_apart: bool, has_slow_site: bool, pages: int
) -> tuple[dict[str, float], float]:
    """Return the means of several runs."""
    runs = [run(name, tells_apart, has_slow_site, pages, seed) for seed in SEEDS]
    labels = runs[0][0]
    return (
        {label: mean(shares.get(label, 0.0) for shares, _ in runs) for label in labels},
        mean(took for _, took in runs),
    )


def main() -> None:
    """Simulate, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_domains")
    parser.add_argument("--pages", type=int, default=20_000, help="of each site")
    pages = parser.parse_args().pages
    print("strategy     scope     off by  at most    took")
    for name in ("performance", "adaptive", "frontier"):
        alone, alone_ms = shares(name, False, False, pages)
        for tells_apart in (False, True):
            beside, took = shares(name, tells_apart, True, pages)
            off = [abs(beside[label] / alone[label] - 1.0) for label in alone]
            print(
                f"{name:13}{'domain' if tells_apart else 'crawl':7}"
                f"{mean(off):9.1%}{max(off):9.1%}{took / alone_ms:8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
