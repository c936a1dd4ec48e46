"""
Memory over a long crawl: its peak after many pages against that after a few.

    python -m benchmarks.bench_memory

One of ten proxies fails, so that pages are retried and it rests. The spider asks for a page with
each that arrives and keeps nothing, nor does a filter of duplicates, and time-outs are short: what
grows is a leak. So are attempts still counted as in flight at the end. Only on Linux.
"""

from __future__ import annotations

import argparse

from benchmarks.bench_crawl import BY_HAND, OURS, crawl
from scrapy_proxywhirl.playground import Fault, ProxySpec

# Twisted keeps the timer of a time-out that was not needed until it is over.
KEEPING_NOTHING = {
    "DUPEFILTER_CLASS": "scrapy.dupefilters.BaseDupeFilter",
    "DOWNLOAD_TIMEOUT": 5,
}

POOL = [*[ProxySpec()] * 9, ProxySpec(fault=Fault.STATUS, status=502)]


def main() -> None:
    """Crawl, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_memory")
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=100_000)
    options = parser.parse_args()
    print("                       pages   lost  in flight  peak MiB")
    for name, settings in (("ours", OURS), ("in turn, by hand", BY_HAND)):
        for pages in (options.few, options.many):
            took = crawl(
                POOL,
                {**settings, **KEEPING_NOTHING},
                pages,
                measures_memory=True,
                one_by_one=True,
            )
            print(
                f"{name:20}{pages:8,}{pages - took['arrived']:7}{took['active']:11}"
                f"{took['peak_kib'] / 1024:10.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
