"""
Crawls through a very large pool of which half is dead, beside one of ten proxies that all work.

    python -m benchmarks.bench_large_pool

100,000 identities of ten proxies: five of 40 ms, four that refuse connections and one that resets
them, each identity in a group of its own, as addresses of as many networks are. What a page costs
the processor is what a crawl takes beyond one of a few pages, which has the same to load. Names of
strategies may be given to measure these.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.bench_crawl import OURS, crawl
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec

WORKS = ProxySpec(latency=0.04)
HALF_DEAD = [WORKS] * 5 + [ProxySpec(fault=Fault.REFUSE)] * 4 + [ProxySpec(fault=Fault.RESET)]

_FEW = 200  # pages of the crawl that the other is compared with


def main() -> None:
    """Crawl, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_large_pool")
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--pages", type=int, default=3_000)
    parser.add_argument("strategies", nargs="*", default=["performance"])
    options = parser.parse_args()
    print("strategy        proxies   lost  attempts of a page  seconds   ms of CPU a page   times")
    for strategy in options.strategies:
        reference = None
        for specs, size in (([WORKS] * 10, 10), (HALF_DEAD, options.size)):
            few, many = (
                crawl_through(specs, size, strategy, pages) for pages in (_FEW, options.pages)
            )
            ms = 1000 * (many["cpu"] - few["cpu"]) / (options.pages - _FEW)
            reference = reference or ms
            attempts = many["stats"]["proxywhirl/attempts"] / options.pages
            print(
                f"{strategy:14}{size:9,}{options.pages - many['arrived']:7}{attempts:20.2f}"
                f"{many['seconds']:9.1f}{ms:19.2f}{ms / reference:8.2f}",
                flush=True,
            )


def crawl_through(specs: list[ProxySpec], size: int, strategy: str, pages: int) -> dict[str, Any]:
    """Crawl through *size* identities of the proxies, and return what it took."""
    with TemporaryDirectory() as folder, Playground(specs) as playground:
        path = Path(folder, "proxies.jsonl")
        hostports = [url.partition("//")[2] for url in playground.proxy_urls]
        with path.open("w", encoding="utf-8") as file:
            for number in range(size):
                url = f"http://user{number}:pw@{hostports[number % len(hostports)]}"
                file.write(json.dumps({"url": url, "group": f"network {number}"}) + "\n")
        settings = {
            **OURS,
            "CONCURRENT_ITEMS": 1,
            "PROXYWHIRL_PROXIES": [],
            "PROXYWHIRL_SOURCES": [str(path)],
            "PROXYWHIRL_STRATEGY": strategy,
        }
        return crawl(specs, settings, pages, playground=playground)


if __name__ == "__main__":
    main()
