"""
What the httpx download handler takes for each proxy, against Scrapy's default handler.

    python -m benchmarks.bench_downloaders

It makes a client for each proxy URL, and keeps it to the end of the crawl. Pools of so many
identities of one proxy, in turn, a page through each: the peak of memory, the files that are open
with the last page, the crawler's CPU time. Only on Linux.
"""

from __future__ import annotations

import argparse
import resource

from benchmarks.bench_crawl import OURS, crawl
from benchmarks.bench_memory import KEEPING_NOTHING
from scrapy_proxywhirl.playground import Playground, ProxySpec

HANDLERS = {
    "default": "scrapy.core.downloader.handlers.http11.HTTP11DownloadHandler",
    "httpx": "scrapy.core.downloader.handlers._httpx.HttpxDownloadHandler",
}


def main() -> None:
    """Crawl, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_downloaders")
    parser.add_argument("--proxies", type=int, nargs="+", default=[100, 1000, 5000])
    parser.add_argument("--open-files", type=int, help="that the crawler may have")
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print("handler   proxies    lost  peak MiB  open files  CPU ms a page")
    with Playground([ProxySpec()]) as playground:
        resource.setrlimit(resource.RLIMIT_NOFILE, (options.open_files or most, most))
        for proxies in options.proxies:
            for name, handler in HANDLERS.items():
                measure(playground, proxies, name, handler)


def measure(playground: Playground, proxies: int, name: str, handler: str) -> None:
    """Crawl a page through each, and print what it took."""
    url = playground.proxy_urls[0].replace("//", "//user-{session}:password@")
    took = crawl(
        [],
        {
            **OURS,
            **KEEPING_NOTHING,
            "DOWNLOAD_HANDLERS": {"http": handler},
            "PROXYWHIRL_PROXIES": [{"url": url, "sessions": proxies}],
            "PROXYWHIRL_STRATEGY": "round-robin",
        },
        proxies,
        playground=playground,
        measures_memory=True,
        one_by_one=True,
    )
    print(
        f"{name:10}{proxies:7,}{proxies - took['arrived']:8}{took['peak_kib'] / 1024:10.0f}"
        f"{took['open_files']:12,}{1000 * took['cpu'] / proxies:15.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
