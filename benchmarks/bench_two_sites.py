"""
What a site that refuses everybody costs the crawl of another.

    python -m benchmarks.bench_two_sites

The same pages are crawled alone, then with as many of a site that serves, and of one that every
proxy is refused by: with an answer of 403, and of 503. The ratio is of the times at which the last
page of the first site arrives. The last column is how long the whole crawl takes: the rest of it is
for pages that nobody can have, each of which is tried three times, those of 503 five times.

The settings are Scrapy's defaults: 16 requests at a time, 8 of them of one site, or somewhat more
as there is no delay. With ``--a-site 16`` the first site has all when it is alone.
"""

from __future__ import annotations

import argparse

from benchmarks.bench_crawl import OURS, crawl
from benchmarks.pools import TEN


def main() -> None:
    """Crawl, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_two_sites")
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--a-site", type=int, default=8, help="requests at a time")
    options = parser.parse_args()
    pages = options.pages
    settings = {**OURS, "CONCURRENT_REQUESTS_PER_DOMAIN": options.a_site}
    print(f"{pages} pages                    lost  direct  seconds  of alone  cooling  whole crawl")
    alone = None
    for name, status in (
        ("alone", 0),
        ("beside one that serves", 200),
        ("beside one of 403", 403),
        ("beside one of 503", 503),
    ):
        took = crawl(TEN, settings, pages, other_status=status)
        alone = alone or took["seconds"]
        print(
            f"{name:28}{pages - took['arrived']:6}{took['direct']:8}{took['seconds']:9.1f}"
            f"{took['seconds'] / alone:10.2f}{took['stats']['proxywhirl/proxies/cooling']:9}"
            f"{took['whole_seconds']:13.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
