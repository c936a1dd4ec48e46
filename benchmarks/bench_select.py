"""
What a selection and a result cost, by the size of the pool.

    python -m benchmarks.bench_select

Beside each selection stands what ``random.choices`` with weights takes on the same proxies, and
beside both selection and result the least that either could take in Python: to draw any proxy,
whatever it weighs, and count an attempt on it; to move a proxy's average and count a result; with
the pool's lock, and nothing else. What these take more of in a large pool is memory that no cache
has. With ``--strategies`` it is what a selection costs by each of them.

Times are of this machine and this minute. What can be compared between machines are the ratios to
what ``random.choices`` takes among 100, measured in the same second: their median is "of 100".
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from itertools import cycle
from random import Random, choices
from statistics import median
from time import monotonic, perf_counter_ns
from typing import NamedTuple

from benchmarks.pools import CONFIG_OF_A_CRAWL, SIZES, pool_of, strategy_of_a_crawl
from scrapy_proxywhirl import Proxy, ProxyFilter, SelectionContext, Wanted
from scrapy_proxywhirl.core import STRATEGIES
from scrapy_proxywhirl.core.countries import CODES

DOMAIN = "shop.example"
ROUNDS = 31
CALLS = 1000  # of each round
UNDER_WAY = 100  # selections by other strategies, at once

HUNDRED = range(100)
WEIGHTS = [1.0 / (40.0 + 3.6 * place) for place in HUNDRED]


def microseconds(call: Callable[[], object], calls: int) -> float:
    """Return what a call takes on the average."""
    began = perf_counter_ns()
    for _ in range(calls):
        call()
    return (perf_counter_ns() - began) / calls / 1000.0


def among_100() -> object:
    """Do what selections are compared with: it stands for the speed of the machine."""
    return choices(HUNDRED, weights=WEIGHTS)


def medians(cost: Callable[[], float]) -> tuple[float, float]:
    """
    Measure a number of rounds.

    Args:
        cost: Measures one, in microseconds.

    Returns:
        The median, and that of the ratios to ``random.choices`` among 100.
    """
    rounds = []
    for _ in range(ROUNDS):
        reference = microseconds(among_100, CALLS)
        took = cost()
        rounds.append((took, took / reference))
    took, ratio = map(median, zip(*rounds, strict=True))
    return took, ratio


class Cost(NamedTuple):
    """Medians for one size of a pool: microseconds, and ratios to ``random.choices`` among 100."""

    select: float
    least_select: float
    record: float
    least_record: float
    select_of_100: float
    record_of_100: float
    choices: float


def measure(size: int) -> Cost:
    """Measure selection, result and ``random.choices`` for a pool of *size*."""
    rng = Random(size)
    pool = pool_of(size, rng)
    strategy = strategy_of_a_crawl(rng)
    context = SelectionContext(domain=DOMAIN)
    proxies = pool.proxies
    latency = {proxy: proxy.ema_response_time_ms or 0.0 for proxy in proxies}
    weights = [1.0 / latency[proxy] for proxy in proxies]
    strategy.select(pool, context).abandon_request()
    lock, random, alpha = pool.lock, rng.random, strategy.config.ema_alpha
    began = monotonic()
    todo: Iterator[tuple[Proxy, float]] = iter(())

    def results_to_come() -> Iterator[tuple[Proxy, float]]:
        """Return the results of as many selections, each about what the proxy takes."""
        selected = [strategy.select(pool, context) for _ in range(CALLS)]
        return iter([(proxy, latency[proxy] * rng.uniform(0.7, 1.3)) for proxy in selected])

    def select() -> Proxy:
        return strategy.select(pool, context)

    def draw_any() -> Proxy:
        lock.acquire()
        try:
            proxy = proxies[int(random() * size)]
            proxy.requests_started += 1
            return proxy
        finally:
            lock.release()

    def record() -> None:
        proxy, time_ms = next(todo)
        strategy.record_result(proxy, True, time_ms, domain=DOMAIN, started=began)

    def move_average() -> None:
        proxy, time_ms = next(todo)
        lock.acquire()
        try:
            average = proxy._average
            average.ema_ms = alpha * time_ms + (1.0 - alpha) * (average.ema_ms or 0.0)
            proxy.requests_completed += 1
        finally:
            lock.release()

    costs = []
    for _ in range(ROUNDS):
        before = microseconds(among_100, CALLS)
        selection, least_selection = microseconds(select, CALLS), microseconds(draw_any, CALLS)
        todo, began = results_to_come(), monotonic()
        result = microseconds(record, CALLS)
        after = microseconds(among_100, CALLS)
        todo = results_to_come()
        least_result = microseconds(move_average, CALLS)
        took = (selection, least_selection, result, least_result)
        costs.append((*took, selection / before, result / after))
    # Apart from the others, as it goes through so much memory that no cache is left to them.
    calls = max(1, min(CALLS, 100_000 // size))
    by_choices = median(
        microseconds(lambda: choices(proxies, weights=weights), calls) for _ in range(ROUNDS)
    )
    return Cost._make((*map(median, zip(*costs, strict=True)), by_choices))


def measure_banned(size: int, share: float) -> tuple[float, float]:
    """Return the medians of a selection for a domain that has banned *share*."""
    rng = Random(size)
    pool = pool_of(size, rng, rest=1e6)
    strategy = strategy_of_a_crawl(rng)
    for proxy in pool.proxies[: int(size * share)]:
        proxy.start_request()
        proxy.complete_request(False, banned=True, domain=DOMAIN)
    context = SelectionContext(domain=DOMAIN)

    def select_and_end() -> None:
        strategy.select(pool, context).abandon_request(DOMAIN)

    def end() -> None:
        proxy.start_request()
        proxy.abandon_request(DOMAIN)

    select_and_end()  # what is left is found once
    return medians(lambda: microseconds(select_and_end, CALLS) - microseconds(end, CALLS))


def measure_filtered(size: int, countries: list[str]) -> tuple[float, float]:
    """Return the medians of a selection of a proxy in another country each."""
    rng = Random(size)
    pool = pool_of(size, rng, countries=countries)
    strategy = strategy_of_a_crawl(rng)
    contexts = [
        SelectionContext(domain=DOMAIN, wanted=Wanted(ProxyFilter(country=country)))
        for country in countries
    ]
    for context in contexts:  # what each country has is found once
        strategy.select(pool, context).abandon_request(DOMAIN)
    todo = cycle(contexts)
    return medians(lambda: microseconds(lambda: strategy.select(pool, next(todo)), CALLS))


def measure_strategy(name: str, size: int) -> tuple[float, float]:
    """Return the medians of one of the selections of a crawl that has UNDER_WAY pages at once."""
    rng = Random(size)
    pool = pool_of(size, rng)
    strategy = STRATEGIES[name](CONFIG_OF_A_CRAWL, rng=rng)
    context = SelectionContext(domain=DOMAIN)
    strategy.select(pool, context).abandon_request()

    selected: list[Proxy] = []

    def select_all() -> float:
        times = CALLS // UNDER_WAY
        took = 0.0
        for _ in range(times):
            took += microseconds(lambda: selected.append(strategy.select(pool, context)), UNDER_WAY)
            while selected:
                selected.pop().abandon_request(DOMAIN)
        return took / times

    return medians(select_all)


def compare_strategies(sizes: list[int]) -> None:
    """Measure each strategy's selections, and print a table."""
    print("strategy      " + "".join(f"{size:>11,}" for size in sizes), end="")
    print("   largest, of smallest       of 100")
    for name in sorted(STRATEGIES):
        costs, ratios = zip(*(measure_strategy(name, size) for size in sizes), strict=True)
        cells = "".join(f"{cost:8.2f} us" for cost in costs)
        flat = f"{max(costs) / min(costs):10.2f} x"
        print(f"{name:14}{cells}{flat}{min(ratios):10.2f} to {max(ratios):.2f}", flush=True)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_select")
    parser.add_argument("--largest", type=int, default=SIZES[-1], help="largest pool")
    parser.add_argument("--strategies", action="store_true", help="all of them, selections only")
    options = parser.parse_args()
    sizes = [size for size in SIZES if size <= options.largest]
    if options.strategies:
        compare_strategies(sizes)
        return
    figures = {size: measure(size) for size in sizes}
    first, last = figures[sizes[0]], figures[sizes[-1]]
    print("                select                       record_result          random.choices")
    print("  proxies      us  of 10  of least  of 100      us  of least  of 100      us  of select")
    for size, cost in figures.items():
        select, record = cost.select, cost.record
        print(
            f"{size:9,}  {select:6.2f} {select / first.select:4.2f} x"
            f"  {select / cost.least_select:6.1f} x  {cost.select_of_100:6.2f}"
            f"  {record:6.2f}  {record / cost.least_record:6.1f} x  {cost.record_of_100:6.2f}"
            f"{cost.choices:9.1f} {cost.choices / select:9,.1f} x"
        )
    print(
        f"The least, in us, at {sizes[0]} and at {sizes[-1]:,}: selection"
        f" {first.least_select:.2f} and {last.least_select:.2f}, result"
        f" {first.least_record:.2f} and {last.least_record:.2f}."
    )
    if sizes[-1] >= 100_000:
        took, ratio = measure_banned(100_000, 0.999)
        print(
            f"For a domain that has banned 99.9% of 100,000 a selection takes {took:.2f} us,"
            f" {ratio:.2f} of 100."
        )
        took, ratio = measure_filtered(100_000, sorted(CODES)[:200])
        print(
            f"Of 100,000 in 200 countries, a selection of one in a given country takes"
            f" {took:.2f} us, {ratio:.2f} of 100."
        )


if __name__ == "__main__":
    main()
