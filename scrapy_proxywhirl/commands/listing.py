"""``scrapy proxies list``: the pool that a project's settings give, and where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy import Request

from scrapy_proxywhirl.commands.pool import PoolSpider, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from scrapy.settings import Settings

    from scrapy_proxywhirl import Proxy
    from scrapy_proxywhirl.sources import Source

_HEAD = ("proxy", "url", "country", "region", "tags", "tier", "from")


class ListSpider(PoolSpider):
    """Asks for nothing, and notes who is in the pool."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[str, ...]] = []

    async def start(self) -> AsyncIterator[Request]:
        """Wait, and take note."""
        middleware = await self.wait_for_pool()
        if middleware is not None:
            source_of = middleware.supply.roster.source_of
            self.rows = [_row(proxy, source_of(proxy)) for proxy in middleware.pool]
        nothing: tuple[Request, ...] = ()
        for request in nothing:
            yield request


def run_list(settings: Settings) -> bool:
    """
    Print the pool, a proxy in each line.

    Args:
        settings: Of the project.

    Returns:
        Whether there is any proxy.

    Raises:
        UsageError: The settings are not allowed, have no proxy, or disable the middleware.
    """
    rows = run(settings, ListSpider, {}).rows
    for line in _lines([_HEAD, *rows]):
        print(line)
    return bool(rows)


def _row(proxy: Proxy, source: Source | None) -> tuple[str, ...]:
    return (
        proxy.label,
        proxy.url,
        proxy.country or "",
        proxy.region or "",
        ",".join(proxy.tags),
        "" if proxy.tier == 1 else str(proxy.tier),
        source.name if source else "",
    )


def _lines(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Align columns; those that nobody has are left out."""
    columns = [column for column in zip(*rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns]
    for row in zip(*columns, strict=True):
        yield _line(row, widths)


def _line(row: Iterable[str], widths: list[int]) -> str:
    cells = (f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
    return "  ".join(cells).rstrip()
