"""
Large lists: what loading one takes, and for how long a reload stops a crawl.

    python -m benchmarks.bench_sources

A list of 100,000 lines with credentials is loaded in a process of its own: the time stands beside
what ``urllib.parse.urlsplit`` takes for the same lines, the memory is what the process grew by, the
first selection included. Then a crawl goes on through 100,000 identities of one proxy while the
list becomes another that has a tenth of them and nine tenths new ones, and then one again that has
the first. "turn" is the longest time for which the reload had the event loop without a break: so
long it stalls the crawl, by the clock on the wall. Beside it stand the longest times for which the
event loop was late with a beat of 2 ms, for whatever reason, before the reload and during it: with
one turn of the reload, pages of the crawl that had all come together, and whoever else had the
processor. "busy" is the most processor time that the crawl took between two beats. Only on Linux.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Coroutine, Generator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, thread_time
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler, CrawlerProcess
from scrapy.http import Response
from scrapy.utils.asyncio import call_later
from scrapy.utils.reactor import install_reactor
from scrapy.utils.test import get_crawler
from typing_extensions import Self

from scrapy_proxywhirl import ProxyPool, ProxyWhirlMiddleware
from scrapy_proxywhirl.playground import Playground, ProxySpec
from scrapy_proxywhirl.sources.supply import Supply

# Seconds between two beats: what is missed by more is a stall.
_BEAT = 0.002

# Seconds of crawling before a reload.
_CALM = 3.0


def main() -> None:
    """Load, crawl, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_sources")
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--do", choices=["load", "reload"], help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    parser.add_argument("--proxy", help=argparse.SUPPRESS)
    parser.add_argument("--origin", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.do == "load":
        print(json.dumps(load(options.path)))
    elif options.do == "reload":
        print(json.dumps(reload(options.path, options.proxy, options.origin, options.size)))
    else:
        compare(options.size)


def compare(size: int) -> None:
    """Do both in processes of their own, and print."""
    with TemporaryDirectory() as folder, Playground([ProxySpec(latency=0.01)]) as playground:
        path = Path(folder, "proxies.txt")
        path.write_text(
            "\n".join(
                f"user{n % 50}:secret{n}@10.{n >> 16}.{n >> 8 & 255}.{n & 255}:8080"
                for n in range(size)
            )
        )
        took = run("load", "--path", str(path))
        print(
            f"{size:,} lines: {took['seconds']:.2f} s, {took['times']:.1f} times as long as"
            f" urlsplit, {took['mb']:.0f} MB"
        )
        proxy, origin = playground.proxy_urls[0], playground.origin_url
        crawled = run(
            "reload", "--path", str(path), "--proxy", proxy, "--origin", origin, "--size", str(size)
        )
    print("\n                  turn, ms    latest beats, ms      busy, ms  pages/s")
    for phase in ("before", "nine tenths new", "nine tenths back"):
        figures = crawled[phase]
        late = " ".join(f"{ms:6.1f}" for ms in figures["late_ms"])
        pages, busy = figures["pages_per_second"], figures["busy_ms"]
        print(f"{phase:18}{figures['turn_ms']:8.1f}  {late}{busy:10.1f}{pages:9.0f}")
    print(
        f"\n{crawled['lost']} pages lost, {crawled['direct']} attempts left in flight,"
        f" {crawled['pool']:,} proxies in the pool at the end"
    )


def run(do: str, *arguments: str) -> dict[str, Any]:
    """Do one thing in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench_sources", "--do", do, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    took: dict[str, Any] = json.loads(done.stdout)
    return took


def load(path: str) -> dict[str, float]:
    """Load a list as a crawl does when it starts."""
    lines = Path(path).read_text().splitlines()
    began = perf_counter()
    for line in lines:
        urlsplit(f"http://{line}")
    urlsplit_seconds = perf_counter() - began
    del lines
    install_reactor("twisted.internet.asyncioreactor.AsyncioSelectorReactor")
    crawler = get_crawler(Spider, {"PROXYWHIRL_SOURCES": [path]})
    gc.collect()
    before = _resident()
    began = perf_counter()
    middleware = ProxyWhirlMiddleware.from_crawler(crawler)
    middleware.strategy.select(middleware.pool)
    seconds = perf_counter() - began
    return {
        "seconds": seconds,
        "times": seconds / urlsplit_seconds,
        "mb": (_resident() - before) / 1e6,
    }


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


class Turns:
    """Notes for how long the reading of sources has the event loop at a time."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def watch(self) -> None:
        """Begin, with all supplies that are to be made."""
        start, tick = Supply._start, Supply._tick

        def timed_start(supply: Supply, work: Coroutine[Any, Any, None]) -> None:
            start(supply, self._timed(work))

        def timed_tick(supply: Supply) -> None:
            began = perf_counter()
            tick(supply)
            self.seconds.append(perf_counter() - began)

        Supply._start = timed_start  # type: ignore[assignment, method-assign]
        Supply._tick = timed_tick  # type: ignore[assignment, method-assign]

    async def _timed(self, work: Coroutine[Any, Any, None]) -> None:
        await TimedWork(work, self.seconds)


class TimedWork:
    """Does some work, and notes for how long it is at it at a time."""

    def __init__(self, work: Coroutine[Any, Any, None], seconds: list[float]) -> None:
        self._work = work
        self._seconds = seconds

    def __await__(self) -> Generator[Any, Any, None]:
        """Do it."""
        result = None
        while True:
            began = perf_counter()
            try:
                awaited = self._work.send(result)
            except StopIteration:
                return
            finally:
                self._seconds.append(perf_counter() - began)
            result = yield awaited


class Heart:
    """An extension that beats, and notes by how much each was late and how busy it was before."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self.busy: list[float] = []
        self._is_beating = True
        self._expected = perf_counter()
        self._worked = thread_time()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Beat while the crawl runs."""
        heart = cls()
        crawler.signals.connect(heart.beat, signal=signals.spider_opened)
        crawler.signals.connect(heart.stop, signal=signals.spider_closed)
        return heart

    def beat(self) -> None:
        """Beat now, and again."""
        now = perf_counter()
        self.late.append(now - self._expected)
        worked = thread_time()
        self.busy.append(worked - self._worked)
        self._worked = worked
        if self._is_beating:
            self._expected = perf_counter() + _BEAT
            call_later(_BEAT, self.beat)

    def stop(self) -> None:
        """Beat no more."""
        self._is_beating = False


class EndlessSpider(Spider):
    """Asks for pages, eight at a time, until it has seen two reloads."""

    name = "endless"

    def __init__(self, origin: str, proxy: str, path: str, size: int) -> None:
        """Take what to crawl, and what to change."""
        super().__init__()
        self.origin = origin
        self.proxy = proxy
        self.path = path
        self.size = size
        self.asked = 0
        self.arrived = 0
        self.is_over = False
        self.phases: dict[str, dict[str, Any]] = {}
        self.turns = Turns()
        self.turns.watch()

    async def start(self) -> AsyncIterator[Request]:
        """Begin to crawl, and to change."""
        call_later(_CALM, self.end_phase, "before", self.calm())
        for _ in range(8):
            yield self.page()

    def page(self) -> Request:
        """Ask for one."""
        self.asked += 1
        return Request(f"{self.origin}/{self.asked}", self.parse, dont_filter=True)

    def parse(self, response: Response) -> Request | None:
        """Ask for the next."""
        self.arrived += 1
        return None if self.is_over else self.page()

    def calm(self) -> tuple[float, int, int]:
        """Return the time, and what has been seen until now."""
        heart = self.crawler.get_extension(Heart)
        assert heart is not None
        return perf_counter(), self.arrived, len(heart.late)

    def end_phase(self, name: str, began: tuple[float, int, int]) -> None:
        """Note what has been seen since the phase began, and begin the next."""
        heart = self.crawler.get_extension(Heart)
        assert heart is not None
        at, arrived, beats = began
        if name == "before":
            at, arrived, beats = perf_counter() - _CALM, 0, 1
        late = sorted(heart.late[beats:], reverse=True)
        self.phases[name] = {
            "turn_ms": max(self.turns.seconds) * 1000.0,
            "late_ms": [seconds * 1000.0 for seconds in late[:3]],
            "busy_ms": max(heart.busy[beats:]) * 1000.0,
            "pages_per_second": (self.arrived - arrived) / (perf_counter() - at),
        }
        self.turns.seconds.clear()
        if name == "before":
            self.have(self.size * 9 // 10, "nine tenths new")
        elif name == "nine tenths new":
            self.have(0, "nine tenths back")
        else:
            self.is_over = True

    def have(self, first: int, phase: str) -> None:
        """Let the list be another, and end the phase when the pool is as it has it."""
        write(self.path, self.proxy, first, self.size)
        middleware = self.crawler.get_downloader_middleware(ProxyWhirlMiddleware)
        assert middleware is not None
        revision = middleware.pool.revision + 2 * (self.size - self.size // 10)
        self.wait(middleware.pool, revision, phase, self.calm())

    def wait(
        self, pool: ProxyPool, revision: int, phase: str, began: tuple[float, int, int]
    ) -> None:
        """Look now and then whether all have joined and left."""
        if pool.revision >= revision:
            call_later(1.0, self.end_phase, phase, began)
        else:
            call_later(0.1, self.wait, pool, revision, phase, began)


def write(path: str, proxy: str, first: int, size: int) -> None:
    """Write a list of identities at *proxy*, in a process of its own: it takes time."""
    code = (
        "import sys, os; path, hostport, first, size = sys.argv[1:];"
        "open(path + '~', 'w').write('\\n'.join(f'user{n}:secret@{hostport}'"
        " for n in range(int(first), int(first) + int(size)))); os.replace(path + '~', path)"
    )
    arguments = [path, proxy.partition("//")[2], str(first), str(size)]
    subprocess.Popen([sys.executable, "-c", code, *arguments])


def reload(path: str, proxy: str, origin: str, size: int) -> dict[str, Any]:
    """Crawl, and let the list become another and the first again."""
    write(path, proxy, 0, size)
    subprocess.run(["sleep", "2"], check=True)
    process = CrawlerProcess(
        {
            "DOWNLOADER_MIDDLEWARES": {"scrapy_proxywhirl.ProxyWhirlMiddleware": 745},
            "EXTENSIONS": {Heart: 1},
            "LOG_LEVEL": "WARNING",
            "PROXYWHIRL_SOURCES": [path],
            "TELNETCONSOLE_ENABLED": False,
        }
    )
    crawler = process.create_crawler(EndlessSpider)
    process.crawl(crawler, origin=origin, proxy=proxy, path=path, size=size)
    process.start()
    spider = crawler.spider
    middleware = crawler.get_downloader_middleware(ProxyWhirlMiddleware)
    assert isinstance(spider, EndlessSpider)
    assert middleware is not None
    return {
        **spider.phases,
        "lost": spider.asked - spider.arrived,
        "direct": sum(one.requests_active for one in middleware.pool),
        "pool": len(middleware.pool),
    }


if __name__ == "__main__":
    main()
