"""
What a crawl is spared that knows what an earlier one has learned.

    python -m benchmarks.bench_state

A hundred proxies of 40 to 400 ms, of which thirty never answer (time-out 3 s), 600 pages, 16 at a
time: what the first hundred pages of a crawl took, from being asked for to arriving, and the other
five hundred; and the same for crawls that begin with what the first one left, in the mean of four.
In seconds, in the mean and the median: a page that runs into a proxy that never answers takes three
more, which is 0.03 in the mean of a hundred. The last row is what a crawl's beginning takes besides
learning: a hundred proxies of 90 ms that all answer, in turn, by hand.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from shutil import copy
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.bench_crawl import BY_HAND, OURS, crawl
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec

_TIMEOUT = 3

# So many pages are a crawl's beginning.
_SOME = 100

POOL = [
    ProxySpec(fault=Fault.HANG) if place % 10 < 3 else ProxySpec(latency=0.04 * 10 ** (place / 99))
    for place in range(100)
]
ALIKE = [ProxySpec(latency=0.09)] * 100


def main() -> None:
    """Crawl, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_state")
    parser.add_argument("--pages", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    print("seconds a page:          first 100             others   failures, of them")
    print("                      mean  median      mean  median   in the first 100")
    with TemporaryDirectory() as folder, Playground(POOL) as playground:
        state = Path(folder, "state.sqlite")
        print_row("first crawl", [crawl_with(kept_in(state), options.pages, playground)])
        rounds = []
        for number in range(options.rounds):
            its_own = Path(folder, f"state-{number}.sqlite")
            copy(state, its_own)
            rounds.append(crawl_with(kept_in(its_own), options.pages, playground))
        print_row("later crawls", rounds)
    with Playground(ALIKE) as playground:
        rounds = [crawl_with(BY_HAND, options.pages, playground) for _ in range(options.rounds)]
        print_row("alike, by hand", rounds)


def kept_in(state: Path) -> dict[str, Any]:
    """Return the settings of a crawl that begins with what *state* holds, and leaves it there."""
    return {**OURS, "PROXYWHIRL_STATE": f"sqlite:///{state}"}


def crawl_with(
    settings: dict[str, Any], pages: int, playground: Playground
) -> tuple[list[float], int]:
    """Crawl with some settings; return what each page took, and how many attempts failed."""
    settings = {**settings, "DOWNLOAD_TIMEOUT": _TIMEOUT}
    took = crawl([], settings, pages, playground=playground)
    return took["page_seconds"], took["stats"].get("proxywhirl/failures", 0)


def print_row(name: str, crawls: list[tuple[list[float], int]]) -> None:
    """Print a line for some crawls, in the mean of all."""
    print(f"{name:18}", end="")
    for part in (slice(_SOME), slice(_SOME, None)):
        for figure in (mean, median):
            print(f"{mean(figure(took[part]) for took, _ in crawls):8.3f}", end="")
        print("  ", end="")
    early = [sum(seconds > _TIMEOUT for seconds in took[:_SOME]) for took, _ in crawls]
    print(f"{mean(failures for _, failures in crawls):9.1f}{mean(early):11.1f}", flush=True)


if __name__ == "__main__":
    main()
