"""
A page that is slow by itself, and one whose body is, among fast ones, with adaptive time-outs.

    python -m benchmarks.bench_slow_pages
"""

from __future__ import annotations

import argparse

from benchmarks.bench_crawl import OURS, crawl
from scrapy_proxywhirl.playground import ProxySpec


def main() -> None:
    """Crawl, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_slow_pages")
    parser.add_argument("--seconds", type=float, default=20.0, help="that the two pages take")
    parser.add_argument("--pages", type=int, default=1000)
    options = parser.parse_args()
    slow = [f"/slow/{options.seconds}", f"/slow-body/{options.seconds}"]
    took = crawl(
        [ProxySpec(latency=0.1)] * 10,
        {**OURS, "PROXYWHIRL_ADAPTIVE_TIMEOUT": 8},
        options.pages,
        more=slow,
    )
    stats = took["stats"]
    print(
        f"{took['arrived']} of {options.pages} pages of 0.1 s arrived, and {took['more_arrived']}"
        f" of 2 that take {options.seconds:g} s, after {stats.get('proxywhirl/failures', 0)}"
        f" time-outs; {stats['proxywhirl/proxies/cooling']} proxies are cooling"
    )


if __name__ == "__main__":
    main()
