"""
Crawls through the playground, beside the same proxies assigned in turn by hand.

    python -m benchmarks.bench_crawl

Each crawl has a process and a playground of its own; the figures to compare are the ratios. The
first table is of response times: ten proxies of 40 to 400 ms, default settings. The second is of
the CPU time of the crawler: proxies without latency, the two in turn, the median of the ratios; and
what is left of it where Scrapy starts fewer tasks for each response.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.pools import TEN
from scrapy_proxywhirl.playground import Playground, ProxySpec

BY_HAND = {"DOWNLOADER_MIDDLEWARES": {"benchmarks.crawl_once.RoundRobinByHand": 745}}
OURS = {"DOWNLOADER_MIDDLEWARES": {"scrapy_proxywhirl.ProxyWhirlMiddleware": 745}}

CRAWLS: dict[str, dict[str, Any]] = {
    "in turn, by hand": BY_HAND,
    "performance": OURS,
    "performance, exponent 2": {**OURS, "PROXYWHIRL_WEIGHT_EXPONENT": 2},
}


@dataclass(frozen=True)
class Change:
    """
    What all proxies become while a crawl runs.

    Attributes:
        specs: How they are to behave.
        after: Seconds from the first request to any of them.
        at_request: In place of that, the number of the request with which the change comes.
    """

    specs: list[ProxySpec]
    after: float = 0.0
    at_request: int = 0


def crawl(
    specs: list[ProxySpec],
    settings: dict[str, Any],
    pages: int,
    changes: Iterable[Change] = (),
    said: Iterable[dict[str, Any]] | None = None,
    playground: Playground | None = None,
    **order: Any,
) -> dict[str, Any]:
    """
    Crawl in a process of its own, and return what it took and how many requests went direct.

    Args:
        specs: How the proxies behave at first.
        settings: Of the crawl.
        pages: How many there are.
        changes: What the proxies become meanwhile.
        said: What each is given with besides; None for their URLs alone.
        playground: Where it is to be; None for one of its own.
        order: What else crawl_once is to know.
    """
    with ExitStack() as stack:
        playground = playground or stack.enter_context(Playground(specs))
        for change in changes:
            for place, spec in enumerate(change.specs):
                playground.change(place, spec, after=change.after, at_request=change.at_request)
        proxies: list[Any] = playground.proxy_urls
        if said is not None:
            proxies = [{"url": url, **one} for url, one in zip(proxies, said, strict=True)]
        order = {
            "origin_url": playground.origin_url,
            "pages": pages,
            "settings": {"PROXYWHIRL_PROXIES": proxies, **settings},
            **order,
        }
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.crawl_once", json.dumps(order)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        took: dict[str, Any] = json.loads(done.stdout)
        took["labels"] = [url.removeprefix("http://") for url in playground.proxy_urls]
        took["direct"] = sum(entry["via"] is None for entry in playground.origin_log())
        return took


def response_times(pages: int) -> None:
    """Compare mean response times, and print a table."""
    print(f"{pages} pages, 16 at a time, ten proxies of 40 to 400 ms")
    print("                            lost  direct  mean ms  against by hand  pages/s")
    reference = None
    for name, settings in CRAWLS.items():
        took = crawl(TEN, settings, pages)
        reference = reference or took["mean_ms"]
        print(
            f"{name:26}{pages - took['arrived']:6}{took['direct']:8}{took['mean_ms']:9.0f}"
            f"{took['mean_ms'] / reference - 1:+16.1%}{pages / took['seconds']:9.1f}"
        )


def cpu(pages: int, rounds: int) -> None:
    """Compare the CPU time of the crawler, and print the ratios."""
    specs = [ProxySpec()] * 10
    few_items = {**OURS, "CONCURRENT_ITEMS": 16}
    ratios = []
    of_few_items = []
    for _ in range(rounds):
        by_hand, ours, few = (
            crawl(specs, settings, pages)["cpu"] for settings in (BY_HAND, OURS, few_items)
        )
        ratios.append(ours / by_hand)
        of_few_items.append(few / ours)
    print(f"\n{pages} pages, ten proxies without latency, {rounds} rounds")
    print(
        f"CPU of the crawler against by hand: {median(ratios):.3f}"
        f" ({min(ratios):.3f} to {max(ratios):.3f})"
    )
    print(
        f"with CONCURRENT_ITEMS = 16 against its default: {median(of_few_items):.3f}"
        f" ({min(of_few_items):.3f} to {max(of_few_items):.3f})"
    )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_crawl")
    parser.add_argument("--pages", type=int, default=600, help="of the first table's crawls")
    parser.add_argument("--cpu-pages", type=int, default=3000, help="of the second's")
    parser.add_argument("--rounds", type=int, default=5, help="of the second")
    options = parser.parse_args()
    response_times(options.pages)
    if options.rounds:
        cpu(options.cpu_pages, options.rounds)


if __name__ == "__main__":
    main()
