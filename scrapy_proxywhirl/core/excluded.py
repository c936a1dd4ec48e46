"""Which proxies are not to be selected, told by their ids, without copying who says so."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.pool import ProxyPool
    from scrapy_proxywhirl.core.proxy import Proxy


# So many proxies are refused, or looked at, for a wish.
PATIENCE = 256


def is_too_much(excluded: Collection[str], number: int) -> bool:
    """Tell whether *number* proxies are not all to be looked at, as *excluded* is but a wish."""
    return isinstance(excluded, LessPreferred) and number > PATIENCE


def either(one: Collection[str], other: Collection[str]) -> Collection[str]:
    """Return what is in one of two collections, as they are at any time."""
    if not one:
        return other
    if isinstance(one, LessPreferred):
        return one.excluding(other)
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
    The proxies of a pool that a retry leaves alone as long as others are found soon.

    They are in a group of those that have failed it, or nothing says that they work: one that may
    be dead is no better for being of another group.

    That is a wish, and the pool may be large: it is given up when ``PATIENCE`` of them have been
    refused, and from then on only those are that must not be selected.

    Args:
        pool: Whose.
        groups: Which.
        excluded: Ids of those that must not be selected.
    """

    __slots__ = ("_excluded", "_groups", "_patience", "_pool")

    def __init__(self, pool: ProxyPool, groups: Collection[str], excluded: Collection[str]) -> None:
        self._pool = pool
        self._groups = groups
        self._excluded = excluded
        self._patience = PATIENCE

    def __contains__(self, item: object) -> bool:
        if item in self._excluded:
            return True
        if self.is_given_up:
            return False
        proxy = self._pool.get_proxy(item) if isinstance(item, str) else None
        if proxy is None or not self._has(proxy):
            return False
        self._patience -= 1
        return True

    def __iter__(self) -> Iterator[str]:
        excluded = self._excluded
        return (one.id for one in self._pool.proxies if one.id in excluded or self._has(one))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return True  # to count them takes time in proportion to the pool

    @property
    def is_given_up(self) -> bool:
        """Whether so many have been refused that no more are."""
        return self._patience <= 0

    def excluding(self, others: Collection[str]) -> LessPreferred:
        """Return the same wish where *others* must not be selected either."""
        wish = LessPreferred(self._pool, self._groups, either(self._excluded, others))
        wish._patience = self._patience
        return wish

    def _has(self, proxy: Proxy) -> bool:
        return (
            proxy._average.ema_ms is None
            or proxy.consecutive_failures > 0
            or proxy.group in self._groups
        )
