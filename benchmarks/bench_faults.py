"""
Crawls through pools that are partly broken, beside the same proxies assigned in turn by hand.

    python -m benchmarks.bench_faults

Default settings but for what a row names, and for ``CONCURRENT_ITEMS = 1``: Scrapy starts so many
tasks for each response, which by default are a third of its CPU time, and the processor would be
what limits the faster crawls. A page is wrong that is not what the site has there. With ``--slower
2`` each proxy takes twice as long, so that what the machine itself takes for a page counts for half
as much; with ``--rounds 5`` it is five crawls of each, with all their pages, and what these take in
the mean.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from math import nan
from statistics import mean, quantiles
from typing import Any

from benchmarks.bench_crawl import BY_HAND, OURS, Change, crawl
from benchmarks.pools import TEN
from scrapy_proxywhirl.playground import Fault, ProxySpec

REFUSES = ProxySpec(fault=Fault.REFUSE)
RESETS = ProxySpec(fault=Fault.RESET)
HANGS = ProxySpec(fault=Fault.HANG)
CAPTCHA = ProxySpec(fault=Fault.STATUS, status=200, body="<title>Are you a robot?</title>")


def answers(status: int) -> ProxySpec:
    """Return a proxy that answers everything with *status*, at once."""
    return ProxySpec(fault=Fault.STATUS, status=status)


@dataclass(frozen=True)
class Row:
    """A pool and what becomes of it, and settings for both crawls and for ours alone."""

    name: str
    pool: list[ProxySpec]
    settings: dict[str, Any] = field(default_factory=dict)
    ours: dict[str, Any] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    pages: int | None = None
    bad_pages: int = 0
    is_adaptive_too: bool = False


def with_fault(fault: Fault, status: int = 0) -> list[ProxySpec]:
    """Return the ten as they are in an outage."""
    return [replace(spec, fault=fault, status=status) for spec in TEN]


def mixed(size: int, *dead: ProxySpec) -> list[ProxySpec]:
    """Return *size* proxies of 40 to 400 ms of which three in ten are one of *dead* each."""
    alive = [spec for place, spec in enumerate(TEN) if place not in (2, 5, 8)]
    pool = []
    for number in range(size // 10):
        broken = [dead[(3 * number + place) % len(dead)] for place in range(3)]
        pool += [*alive[:2], broken[0], *alive[2:4], broken[1], *alive[4:6], broken[2], alive[6]]
    return pool


def slower(specs: list[ProxySpec], times: float) -> list[ProxySpec]:
    """Return proxies that take so many times as long."""
    return [replace(spec, latency=times * spec.latency) for spec in specs]


ROWS = [
    Row("all do what they should", TEN),
    Row(
        "three of ten fail fast",
        mixed(10, REFUSES, answers(403), answers(502)),
    ),
    Row(
        "two of ten never answer, time-out 5 s",
        [HANGS if place in (3, 7) else spec for place, spec in enumerate(TEN)],
        {"DOWNLOAD_TIMEOUT": 5},
        is_adaptive_too=True,
    ),
    Row(
        "two of ten answer a captcha",
        [
            replace(CAPTCHA, latency=spec.latency) if place in (3, 7) else spec
            for place, spec in enumerate(TEN)
        ],
        ours={"PROXYWHIRL_BAN_TEXT": ["Are you a robot?"]},
    ),
    Row(
        "300, 30% dead in three ways, time-out 3 s",
        mixed(300, REFUSES, HANGS, RESETS),
        {"DOWNLOAD_TIMEOUT": 3},
        is_adaptive_too=True,
    ),
    Row(
        "two at a time at each proxy, load-aware, exponent 2",
        [replace(spec, capacity=2) for spec in TEN],
        ours={"PROXYWHIRL_LOAD_AWARE": True, "PROXYWHIRL_WEIGHT_EXPONENT": 2},
    ),
    Row(
        "all reset connections for the first 8 s",
        with_fault(Fault.RESET),
        changes=(Change(TEN, after=8),),
    ),
    Row(
        "all reset connections from 1.5 s to 9.5 s",
        TEN,
        changes=(Change(with_fault(Fault.RESET), after=1.5), Change(TEN, after=9.5)),
    ),
    Row(
        "all answer 502 from 2 s to 10 s, 1,000 pages",
        TEN,
        changes=(Change(with_fault(Fault.STATUS, 502), after=2), Change(TEN, after=10)),
        pages=1000,
    ),
    Row("ten more pages answer everybody 403", TEN, bad_pages=10),
    Row(
        "speeds reversed after half the pages",
        TEN,
        changes=(Change(TEN[::-1], at_request=300),),
    ),
    Row(
        "one gateway, which answers 502 to one request in ten",
        [replace(answers(502), latency=0.2, fault_share=0.1)],
    ),
    Row(
        "a site bans each for 3 s that asks more than five times a second, 1,500 pages",
        [ProxySpec(latency=0.1, most_a_second=5)] * 10,
        pages=1500,
    ),
    Row(
        "a site bans each for 20 s that asks more than five times a second",
        [ProxySpec(latency=0.1, most_a_second=5, ban_seconds=20.0)] * 10,
    ),
    Row(
        "the same, which says for how long by a Retry-After",
        [ProxySpec(latency=0.1, most_a_second=5, ban_seconds=20.0, tells_when=True)] * 10,
    ),
]


def bans_of(took: dict[str, Any]) -> int:
    """Return how many attempts of a crawl were refused, as ours counts them."""
    bans: int = took["stats"].get("proxywhirl/bans", 0)
    return bans


def main() -> None:
    """Crawl, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_faults")
    parser.add_argument("--pages", type=int, default=600)
    parser.add_argument("--row", type=int, help="one row only, from 0")
    parser.add_argument("--slower", type=float, default=1.0, help="how many times as slow")
    parser.add_argument("--rounds", type=int, default=1, help="crawls of each")
    options = parser.parse_args()
    rows = ROWS if options.row is None else [ROWS[options.row]]
    print(
        "pages, 16 at a time            lost  wrong  direct  seconds  p95 s  mean ms  times  bans"
    )
    for row in rows:
        print(row.name)
        reference = None
        pages = row.pages or options.pages
        crawls = {"in turn, by hand": BY_HAND, "ours": {**OURS, **row.ours}}
        if row.is_adaptive_too:
            crawls["ours, adaptive time-outs"] = {**OURS, "PROXYWHIRL_ADAPTIVE_TIMEOUT": 8}
        for name, settings in crawls.items():
            took = [
                crawl(
                    slower(row.pool, options.slower),
                    {"CONCURRENT_ITEMS": 1, **settings, **row.settings},
                    pages,
                    [
                        replace(change, specs=slower(change.specs, options.slower))
                        for change in row.changes
                    ],
                    bad_pages=row.bad_pages,
                )
                for _ in range(options.rounds)
            ]
            seconds = mean(one["seconds"] for one in took)
            reference = reference or seconds
            times = [page for one in took for page in one["page_seconds"]]
            p95 = quantiles(times, n=20)[-1] if len(times) > 1 else nan
            mean_ms = mean(one["mean_ms"] or nan for one in took)
            lost = sum(pages - one["arrived"] for one in took)
            wrong, direct = (sum(one[what] for one in took) for what in ("wrong", "direct"))
            bans = "" if settings is BY_HAND else f"{mean(map(bans_of, took)):6.0f}"
            cooling = max(one["stats"].get("proxywhirl/proxies/cooling", 0) for one in took)
            print(
                f"    {name:24}{lost:6}{wrong:7}{direct:8}{seconds:9.1f}{p95:7.2f}{mean_ms:9.0f}"
                f"{reference / seconds:7.2f}{bans}" + (f"  {cooling} cooling" if cooling else ""),
                flush=True,
            )


if __name__ == "__main__":
    main()
