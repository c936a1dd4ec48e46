"""
What scrapy-playwright's browser takes for each proxy, which has a context of its own.

    python -m benchmarks.bench_contexts

Pools of so many identities of one proxy, in turn, a page through each: the memory of the browser
with the last page, and the time of a page when each has a context and when it has yet to be made.
Takes scrapy-playwright and a Chromium on the PATH. Only on Linux.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from shutil import which
from statistics import median
from time import monotonic
from typing import Any

from scrapy import Request, Spider
from scrapy.crawler import CrawlerProcess
from scrapy.http import Response

from scrapy_proxywhirl.playground import Playground, ProxySpec

HANDLER = "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler"


class BrowserSpider(Spider):
    """Asks for two pages through each proxy, one by one."""

    name = "browser"
    url: str
    proxies: int

    async def start(self) -> AsyncIterator[Request]:
        """Ask for the first."""
        self.seconds: list[float] = []
        self.peak_mib = 0.0
        yield self.page()

    def page(self) -> Request:
        """Make the request for the next page."""
        self.asked = monotonic()
        return Request(f"{self.url}/{len(self.seconds)}", meta={"playwright": True})

    def parse(self, response: Response) -> Request | None:
        """Go on, and look at the browser with the last."""
        self.seconds.append(monotonic() - self.asked)
        if len(self.seconds) < 2 * self.proxies:
            return self.page()
        self.peak_mib = browser_mib()
        return None


def browser_mib() -> float:
    """Return the memory of all Chromium processes: what they share counts once."""
    kib = 0
    share = re.compile(r"^Pss:\s+(\d+)", re.MULTILINE)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if "chrom" in (process / "comm").read_text():
                (own,) = share.findall((process / "smaps_rollup").read_text())
                kib += int(own)
        except OSError:  # it has ended meanwhile
            continue
    return kib / 1024


def crawl(proxies: int, url: str, proxy_url: str) -> None:
    """Crawl, and print what it took as JSON."""
    process = CrawlerProcess(
        {
            "ADDONS": {"scrapy_proxywhirl.Addon": 500},
            "DOWNLOAD_HANDLERS": {"http": HANDLER},
            "LOG_LEVEL": "ERROR",
            "PLAYWRIGHT_LAUNCH_OPTIONS": {
                "executable_path": which("chromium") or which("google-chrome"),
                "args": ["--no-sandbox"],
            },
            "PROXYWHIRL_PROXIES": [{"url": proxy_url, "sessions": proxies}],
            "PROXYWHIRL_STRATEGY": "round-robin",
            "TELNETCONSOLE_ENABLED": False,
        }
    )
    crawler = process.create_crawler(BrowserSpider)
    process.crawl(crawler, url=url, proxies=proxies)
    process.start()
    assert isinstance(crawler.spider, BrowserSpider)
    assert crawler.stats
    took: dict[str, Any] = {
        "contexts": crawler.stats.get_value("playwright/context_count"),
        "mib": crawler.spider.peak_mib,
        "first_ms": 1000 * median(crawler.spider.seconds[:proxies]),
        "later_ms": 1000 * median(crawler.spider.seconds[proxies:]),
    }
    print(json.dumps(took))


def main() -> None:
    """Crawl, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_contexts")
    parser.add_argument("--proxies", type=int, nargs="+", default=[1, 10, 100, 300])
    parser.add_argument("--crawl", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.crawl:
        crawl(options.proxies[0], *options.crawl)
        return
    print("proxies  contexts  browser MiB  first page ms  later pages ms")
    with Playground([ProxySpec()]) as playground:
        url = playground.proxy_urls[0].replace("//", "//user-{session}:password@")
        for proxies in options.proxies:
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "benchmarks.bench_contexts"),
                    *("--proxies", str(proxies), "--crawl", playground.origin_url, url),
                ],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            took = json.loads(done.stdout)
            print(
                f"{proxies:7,}{took['contexts']:10,}{took['mib']:13.0f}{took['first_ms']:15.0f}"
                f"{took['later_ms']:16.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
