"""Which proxies are not to be selected, told by their ids, without copying who says so."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.pool import ProxyPool
    from scrapy_proxywhirl.core.proxy import Proxy


def either(one: Collection[str], other: Collection[str]) -> Collection[str]:
    """Return what is in one of two collections, as they are at any time."""
    if not one:
        return other
    return _Either(one, other) if other else one


class _Either(Collection[str]):
    __slots__ = ("_one", "_other")

    def __init__(self, one: Collection[str], other: Collection[str]) -> None:
        self._one = one
        self._other = other

    def __contains__(self, item: object) -> bool:
        return item in self._one or item in self._other

    def __iter__(self) -> Iterator[str]:
        return chain(self._one, self._other)

    def __len__(self) -> int:
        return len(self._one) + len(self._other)


class LessPreferred(Collection[str]):
    """
    The proxies of a pool that a retry leaves alone as long as there are others.

    They are in a group of those that have failed it, or nothing says that they work: one that may
    be dead is no better for being of another group.

    Args:
        pool: Whose.
        groups: Which.
    """

    __slots__ = ("_groups", "_pool")

    def __init__(self, pool: ProxyPool, groups: Collection[str]) -> None:
        self._pool = pool
        self._groups = groups

    def __contains__(self, item: object) -> bool:
        proxy = self._pool.get_proxy(item) if isinstance(item, str) else None
        return proxy is not None and self._has(proxy)

    def __iter__(self) -> Iterator[str]:
        return (proxy.id for proxy in self._pool.proxies if self._has(proxy))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _has(self, proxy: Proxy) -> bool:
        return (
            proxy.group in self._groups
            or proxy._average.ema_ms is None
            or proxy.consecutive_failures > 0
        )
