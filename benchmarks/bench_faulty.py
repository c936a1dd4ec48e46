"""
A crawl in which two of six proxies refuse connections and one answers an instant 403.

    python -m benchmarks.bench_faulty

Prints what each proxy got and what its average came to, beside the same crawl in turn by hand.
"""

from __future__ import annotations

import argparse

from benchmarks.bench_crawl import BY_HAND, OURS, crawl
from scrapy_proxywhirl.playground import Fault, ProxySpec

HEALTHY = [ProxySpec(latency=latency / 1000) for latency in (50, 100, 150)]
BROKEN = [ProxySpec(fault=Fault.REFUSE)] * 2 + [ProxySpec(fault=Fault.STATUS, status=403)]
NAMES = ["50 ms", "100 ms", "150 ms", "refuses", "refuses", "403"]


def main() -> None:
    """Crawl, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_faulty")
    parser.add_argument("--pages", type=int, default=600)
    pages = parser.parse_args().pages
    by_hand = crawl([*HEALTHY, *BROKEN], BY_HAND, pages)
    ours = crawl([*HEALTHY, *BROKEN], OURS, pages)
    print(f"{pages} pages, of which arrived: in turn by hand {by_hand['arrived']},")
    print(f"by performance {ours['arrived']}; direct: {by_hand['direct']} and {ours['direct']}")
    stats = ours["stats"]
    print("\nproxy     attempts   share   EMA ms  state")
    # The labels are host:port, in the order of the ports that the playground has told.
    for name, label in zip(NAMES, ours["labels"], strict=True):
        prefix = f"proxywhirl/proxy/{label}/"
        print(
            f"{name:9}{stats[prefix + 'attempts']:9}{stats[prefix + 'share']:8.1%}"
            f"{stats.get(prefix + 'ema_ms', float('nan')):9.1f}  {stats[prefix + 'state']}"
        )
    names = ("attempts", "successes", "bans", "failures", "neutral")
    print("\n" + ", ".join(f"{stats.get(f'proxywhirl/{name}', 0)} {name}" for name in names))


if __name__ == "__main__":
    main()
