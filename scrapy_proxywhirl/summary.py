"""What a crawl has seen of its proxies, as a small table."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from heapq import nlargest, nsmallest
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy_proxywhirl.core import Proxy

# So many proxies of a kind are shown.
_ROWS = 3

_HEAD = ("", "proxy", "attempts", "share", "failed", "ema ms", "state")


def table(proxies: Collection[Proxy]) -> str:
    """
    Show the best of *proxies*, the worst, and those that rest.

    Args:
        proxies: Those that the crawl has used.

    Returns:
        Lines of text; empty where there is nothing to show. "failed" are bans and failures, as
        part of the attempts.
    """
    attempts = sum(proxy.requests_started for proxy in proxies)
    rows: list[tuple[str, ...]] = [_HEAD]
    rows += (_row(kind, proxy, attempts) for kind, proxy in _chosen(proxies))
    if len(rows) == 1:
        return ""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def state_of(proxy: Proxy) -> str:
    """Return "cooling" for a proxy that rests, and what its health is for any other."""
    return "cooling" if proxy.is_resting else proxy.health_status.value


def _chosen(proxies: Collection[Proxy]) -> Iterator[tuple[str, Proxy]]:
    """Choose those that are shown, each once."""
    best = nsmallest(_ROWS, (one for one in proxies if one.total_successes), key=_ema_ms)
    shown = set(best)
    others = (one for one in proxies if one not in shown and _has_shown_something(one))
    worst = nlargest(_ROWS, others, key=_badness)
    shown.update(worst)
    cooling = (one for one in proxies if one.is_resting and one not in shown)
    for kind, some in (
        ("best", best),
        ("worst", worst),
        ("cooling", nlargest(_ROWS, cooling, key=lambda one: one.requests_started)),
    ):
        for place, proxy in enumerate(some):
            yield "" if place else kind, proxy


def _row(kind: str, proxy: Proxy, attempts: int) -> tuple[str, ...]:
    started = proxy.requests_started
    ema = proxy.ema_response_time_ms
    return (
        kind,
        proxy.label,
        f"{started:,}",
        f"{started / attempts:.1%}",
        f"{_failed(proxy):.1%}",
        "-" if ema is None else f"{ema:,.1f}",
        state_of(proxy),
    )


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    kind, label, *figures, state = row
    kind_width, label_width, *figure_widths, _ = widths
    cells = [f"{kind:{kind_width}}", f"{label:{label_width}}"]
    cells += (f"{figure:>{width}}" for figure, width in zip(figures, figure_widths, strict=True))
    return "  ".join([*cells, state])


def _failed(proxy: Proxy) -> float:
    failed = proxy.total_bans + proxy.total_failures
    return failed / proxy.requests_started if proxy.requests_started else 0.0


def _ema_ms(proxy: Proxy) -> float:
    ema = proxy.ema_response_time_ms
    return inf if ema is None else ema


def _has_shown_something(proxy: Proxy) -> bool:
    return proxy.ema_response_time_ms is not None or _failed(proxy) > 0.0


def _badness(proxy: Proxy) -> tuple[float, float]:
    return _failed(proxy), _ema_ms(proxy)
