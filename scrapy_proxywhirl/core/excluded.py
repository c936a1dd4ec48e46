"""Which proxies are not to be selected, told by their ids, without copying who says so."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.pool import ProxyPool


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


class InGroups(Collection[str]):
    """
    The proxies of a pool that are in some groups.

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
        return proxy is not None and proxy.group in self._groups

    def __iter__(self) -> Iterator[str]:
        return (proxy.id for proxy in self._pool.proxies if proxy.group in self._groups)

    def __len__(self) -> int:
        return self._pool.count_in(self._groups)
