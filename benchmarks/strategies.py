"""
All strategies side by side, on the playground and in a simulation.

    python -m benchmarks.strategies
    python -m benchmarks.strategies --rst > docs/strategies.rst

Ten proxies of 40 to 400 ms, each 1.3 times the one before; the faster five are of the tier 2 and
cost ten times what the others do. Two more are broken: one resets connections and one never
answers. What stands under "exits" is the effective number of proxies that pages came by, the
inverse Simpson index of their shares; under "cost", what a page cost, where one by a cheap proxy
is 1.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from math import exp, log, sqrt
from random import Random
from statistics import mean, quantiles
from typing import Any

from benchmarks.bench_crawl import OURS, crawl
from benchmarks.pools import TEN
from scrapy_proxywhirl import (
    PoolCooldowns,
    Proxy,
    ProxyPool,
    ProxyPoolEmptyError,
    SelectionContext,
    StrategyConfig,
)
from scrapy_proxywhirl.core import STRATEGIES
from scrapy_proxywhirl.playground import Fault, ProxySpec

SEED = 20261125
AT_A_TIME = 16
TIMEOUT = 5.0
ATTEMPTS = 8  # at a page, as by default: PROXYWHIRL_RETRY_TIMES, RETRY_TIMES, and the first
NOISE = 0.35  # of a response time in the simulation, as a share of it
EXITS = 6

BROKEN = [ProxySpec(fault=Fault.RESET), ProxySpec(fault=Fault.HANG)]
CHEAP: dict[str, Any] = {"tier": 1, "cost_per_request": 1.0}
DEAR: dict[str, Any] = {"tier": 2, "cost_per_request": 10.0}
SAID = [*[DEAR] * 5, *[CHEAP] * 5, CHEAP, CHEAP]

HEADERS = ("strategy", "mean ms", "p95 ms", "pages/s", "exits", "cost", "lost")


@dataclass(frozen=True)
class Figures:
    """
    What came of a crawl.

    Attributes:
        page_ms: What each page took, its retries included.
        seconds: What the crawl took.
        pages_by: How many pages came by each proxy.
        cost: Of all pages.
        lost: Pages that did not come.
    """

    page_ms: list[float]
    seconds: float
    pages_by: list[int]
    cost: float
    lost: int

    def row(self, name: str) -> tuple[str, ...]:
        """Return what a table says of it."""
        pages = len(self.page_ms)
        return (
            name,
            f"{mean(self.page_ms):.0f}",
            f"{quantiles(self.page_ms, n=20)[-1]:.0f}",
            f"{pages / self.seconds:.0f}",
            f"{pages**2 / sum(count**2 for count in self.pages_by):.1f}",
            f"{self.cost / pages:.1f}",
            str(self.lost),
        )


def crawl_playground(name: str, pages: int) -> Figures:
    """Crawl through the playground by the strategy *name*."""
    took = crawl(
        [*TEN, *BROKEN],
        {
            **OURS,
            "PROXYWHIRL_STRATEGY": name,
            "PROXYWHIRL_EXITS": EXITS,
            "DOWNLOAD_TIMEOUT": TIMEOUT,
        },
        pages,
        said=SAID,
    )
    stats = took["stats"]
    return Figures(
        page_ms=[1000.0 * seconds for seconds in took["page_seconds"]],
        seconds=took["seconds"],
        pages_by=[stats.get(f"proxywhirl/proxy/{label}/successes", 0) for label in took["labels"]],
        cost=stats["proxywhirl/cost"],
        lost=pages - took["arrived"],
    )


class Simulation:
    """
    A crawl in simulated time: as many requests at a time, none of them waits in a queue.

    Args:
        name: Of the strategy.
    """

    def __init__(self, name: str) -> None:
        self._rng = Random(SEED)
        self._now = 0.0
        self._pool = ProxyPool(cooldowns=PoolCooldowns(2.0, 300.0, self._time, self._rng))
        self._specs: dict[Proxy, ProxySpec] = {}
        for number, (spec, said) in enumerate(zip([*TEN, *BROKEN], SAID, strict=True)):
            proxy = Proxy(f"http://p{number}:1", **said)
            self._pool.add_proxy(proxy)
            self._specs[proxy] = spec
        config = StrategyConfig(
            warmup_proxies=4 * AT_A_TIME, exploration=0.05, explored_at_a_time=1, exits=EXITS
        )
        self._strategy = STRATEGIES[name](config, rng=self._rng)
        self._sigma = sqrt(log(1.0 + NOISE**2))

    def run(self, pages: int) -> Figures:
        """Crawl *pages*."""
        under_way: list[tuple[float, int, Proxy, float, float, list[str]]] = []
        page_ms: list[float] = []
        pages_by: Counter[Proxy] = Counter()
        number = lost = 0

        def send(asked: float, failed: list[str]) -> None:
            nonlocal number
            number += 1
            proxy = self._select(failed)
            ends = self._now + self._takes(proxy)
            heappush(under_way, (ends, number, proxy, self._now, asked, failed))

        for _ in range(AT_A_TIME):
            send(0.0, [])
        while len(page_ms) + lost < pages:
            self._now, _, proxy, began, asked, failed = heappop(under_way)
            success = self._specs[proxy].fault is Fault.NONE
            is_timeout = self._specs[proxy].fault is Fault.HANG
            took_ms = 1000.0 * (self._now - began)
            self._strategy.record_result(
                proxy, success, took_ms if success or is_timeout else None, started=began
            )
            if success:
                page_ms.append(1000.0 * (self._now - asked))
                pages_by[proxy] += 1
                proxy.answered(0, 0)
                send(self._now, [])
            elif len(failed) + 1 < ATTEMPTS:
                send(asked, [*failed, proxy.id])
            else:
                lost += 1
                send(self._now, [])
        return Figures(
            page_ms=page_ms,
            seconds=self._now,
            pages_by=[pages_by[proxy] for proxy in self._pool],
            cost=sum(proxy.spent for proxy in self._pool),
            lost=lost,
        )

    def _time(self) -> float:
        return self._now

    def _select(self, failed: list[str]) -> Proxy:
        try:
            return self._strategy.select(self._pool, SelectionContext(failed))
        except ProxyPoolEmptyError:
            return self._strategy.select(self._pool)

    def _takes(self, proxy: Proxy) -> float:
        spec = self._specs[proxy]
        if spec.fault is Fault.HANG:
            return TIMEOUT
        if spec.fault is Fault.RESET:
            return 0.002
        return spec.latency * exp(self._rng.gauss(-(self._sigma**2) / 2.0, self._sigma))


def table(rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table as reStructuredText has it."""
    lines = [HEADERS, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    border = " ".join("=" * width for width in widths)
    text = [
        " ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    return "\n".join([border, text[0], border, *text[1:], border])


def main() -> None:
    """Crawl by each strategy, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strategies")
    parser.add_argument("--pages", type=int, default=600, help="of each crawl")
    parser.add_argument("--simulated", type=int, default=20_000, help="pages of each simulation")
    parser.add_argument("--rst", action="store_true", help="a page for the documentation")
    options = parser.parse_args()
    names = sorted(STRATEGIES)
    crawled = table(crawl_playground(name, options.pages).row(name) for name in names)
    simulated = table(Simulation(name).run(options.simulated).row(name) for name in names)
    if options.rst:
        print(_PAGE.format(crawled=crawled, simulated=simulated, options=options))
        return
    print(f"{options.pages} pages through the playground\n{crawled}")
    print(f"\n{options.simulated} simulated pages\n{simulated}")


_PAGE = f"""\
==========
Strategies
==========

.. Made by ``python -m benchmarks.strategies --rst > docs/strategies.rst``.

Ten proxies of 40 to 400 ms, each 1.3 times the one before; the faster five are of the tier 2 and
cost ten times what the others do. Two more, cheap ones, are broken: one resets connections and one
never answers, with a time-out of {TIMEOUT:g} s. {AT_A_TIME} requests at a time, default settings
but ``PROXYWHIRL_EXITS = {EXITS}``.

"mean" and "p95" are of what a page took until it arrived, its retries included; "exits" is the
effective number of proxies that pages came by, the inverse Simpson index of their shares; "cost" is
what a page cost, where one by a cheap proxy is 1; "lost" are pages that did not arrive.

{{options.pages}} pages, crawled through the playground:

{{crawled}}

{{options.simulated}} pages in a simulation with a fixed seed, where a response takes its proxy's
latency give or take {NOISE:.0%}, and nothing but that:

{{simulated}}

The first pages are in the figures, with what it took to learn: each proxy is tried, the broken ones
too. A page that was sent through the one which never answers has taken {TIMEOUT:g} s before it is
sent again.
"""


if __name__ == "__main__":
    main()
