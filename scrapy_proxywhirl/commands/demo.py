"""``scrapy proxies demo``: the same crawl in turn and by performance, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table
from scrapy import Request, Spider
from scrapy.crawler import CrawlerProcess

from scrapy_proxywhirl.playground import Playground, ProxySpec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from scrapy.settings import Settings

CONCURRENCY = 16
LATENCIES_MS = range(40, 401, 40)
STRATEGIES = ("round-robin", "performance")


class DemoSpider(Spider):
    """Crawls pages of the playground, and says so for each that arrives."""

    name = "demo"

    def __init__(self, origin_url: str, pages: int, advance: Callable[[], None]) -> None:
        super().__init__()
        self.origin_url = origin_url
        self.pages = pages
        self.advance = advance

    async def start(self) -> AsyncIterator[Request]:
        """Ask for the pages."""
        for number in range(self.pages):
            yield Request(f"{self.origin_url}/demo/{number}")

    def parse(self, response: Response) -> None:
        """Count a page."""
        self.advance()


def run_demo(settings: Settings, pages: int) -> None:
    """
    Crawl twice through the playground, and print what came of it.

    Args:
        settings: Of the command.
        pages: How many pages each crawl has.
    """
    console = Console()
    console.print(
        f"Ten proxies on this machine, of {LATENCIES_MS[0]} to {LATENCIES_MS[-1]} ms."
        f" {pages} pages, {CONCURRENCY} at a time: first each proxy in its turn, then by"
        " performance."
    )
    specs = [ProxySpec(latency=latency / 1000) for latency in LATENCIES_MS]
    with (
        Playground(specs) as playground,
        Progress(console=console, refresh_per_second=4) as progress,
    ):
        settings.setdict(_crawl_settings(playground), priority="cmdline")
        process = CrawlerProcess(settings)
        tasks = {name: progress.add_task(name, total=pages) for name in STRATEGIES}
        crawlers = {name: process.create_crawler(_spider_class(name)) for name in STRATEGIES}

        def crawl(name: str, _: object = None) -> Any:
            return process.crawl(
                crawlers[name],
                origin_url=playground.origin_url,
                pages=pages,
                advance=_advance(progress, tasks[name]),
            )

        first, second = STRATEGIES
        crawl(first).addCallback(lambda _: crawl(second))
        process.start()
    _print_table(console, crawlers)


def _crawl_settings(playground: Playground) -> dict[str, Any]:
    proxies = [
        {"url": url, "label": f"{latency} ms"}
        for url, latency in zip(playground.proxy_urls, LATENCIES_MS, strict=True)
    ]
    return {
        "CONCURRENT_ITEMS": 1,  # so many tasks are made for each answer
        "CONCURRENT_REQUESTS": CONCURRENCY,
        "CONCURRENT_REQUESTS_PER_DOMAIN": CONCURRENCY,
        "DOWNLOADER_MIDDLEWARES": {"scrapy_proxywhirl.ProxyWhirlMiddleware": 745},
        "PROXYWHIRL_PROXIES": proxies,
        "TELNETCONSOLE_ENABLED": False,
    }


def _spider_class(strategy: str) -> type[DemoSpider]:
    return type("DemoSpider", (DemoSpider,), {"custom_settings": {"PROXYWHIRL_STRATEGY": strategy}})


def _advance(progress: Progress, task: TaskID) -> Callable[[], None]:
    return lambda: progress.advance(task)


def _print_table(console: Console, crawlers: dict[str, Crawler]) -> None:
    table = Table()
    table.add_column("proxy", justify="right")
    for name in STRATEGIES:
        table.add_column(f"{name}\nattempts", justify="right")
        table.add_column("\nshare", justify="right")
        table.add_column("\nEMA", justify="right")
    stats = {name: _stats(crawler) for name, crawler in crawlers.items()}
    for latency in LATENCIES_MS:
        prefix = f"proxywhirl/proxy/{latency} ms/"
        row = [f"{latency} ms"]
        for name in STRATEGIES:
            figures = stats[name]
            row += [
                str(figures.get(f"{prefix}attempts", 0)),
                f"{figures.get(f'{prefix}share', 0.0):.1%}",
                f"{figures[f'{prefix}ema_ms']:.0f} ms" if f"{prefix}ema_ms" in figures else "-",
            ]
        table.add_row(*row)
    console.print(table)
    means = [stats[name]["proxywhirl/mean_ms"] for name in STRATEGIES]
    for name, mean in zip(STRATEGIES, means, strict=True):
        console.print(f"Mean response time, {name}: [bold]{mean:.0f} ms[/bold]")
    change = means[1] / means[0] - 1
    console.print(f"By performance against in turn: [bold]{change:+.0%}[/bold]")


def _stats(crawler: Crawler) -> dict[str, Any]:
    assert crawler.stats
    return crawler.stats.get_stats()
