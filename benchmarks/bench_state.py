"""
What a crawl is spared that knows what an earlier one has learned.

    python -m benchmarks.bench_state

A hundred proxies of 40 to 400 ms, of which thirty never answer (time-out 3 s), 600 pages, 16 at a
time: what the first hundred pages of a crawl took, from being asked for to arriving, and the last
hundred; and the same for a second crawl with what the first one kept. In seconds, in the mean.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from benchmarks.bench_crawl import OURS, crawl
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec

# So many pages are looked at, at the beginning and at the end.
_SOME = 100

POOL = [
    ProxySpec(fault=Fault.HANG) if place % 10 < 3 else ProxySpec(latency=0.04 * 10 ** (place / 99))
    for place in range(100)
]


def main() -> None:
    """Crawl, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_state")
    parser.add_argument("--pages", type=int, default=600)
    options = parser.parse_args()
    print("                seconds a page: first 100   last 100   failures")
    with TemporaryDirectory() as folder, Playground(POOL) as playground:
        settings = {
            **OURS,
            "DOWNLOAD_TIMEOUT": 3,
            "PROXYWHIRL_STATE": f"sqlite:///{Path(folder, 'state.sqlite')}",
        }
        for name in ("first crawl", "second crawl"):
            took = crawl(POOL, settings, options.pages, playground=playground)
            seconds = took["page_seconds"]
            print(
                f"{name:31}{mean(seconds[:_SOME]):10.2f}{mean(seconds[-_SOME:]):11.2f}"
                f"{took['stats'].get('proxywhirl/failures', 0):11}",
                flush=True,
            )


if __name__ == "__main__":
    main()
