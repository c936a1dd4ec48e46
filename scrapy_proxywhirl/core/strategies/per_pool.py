"""What a strategy keeps of each pool that it selects from."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakSet, finalize

from scrapy_proxywhirl.core.proxy_set import PoolWatcher, ProxySet

W = TypeVar("W", bound=PoolWatcher)


class PerPool(Generic[W]):
    """
    A watcher for each pool, and part of one, that a strategy selects from, made when first needed.

    A pool has its watcher, which goes when the pool goes, or this.

    Args:
        make: Makes the watcher of a pool.

    Attributes:
        latest: The pool that was asked for last, and its watcher.
    """

    def __init__(self, make: Callable[[ProxySet], W]) -> None:
        self._make = make
        self._owner = object()  # what watchers belong to, so that no pool keeps this alive
        self._pools: WeakSet[ProxySet] = WeakSet()
        self._joining = Lock()
        nobody = ProxySet("nobody's", self._joining)
        self.latest = (nobody, make(nobody))
        # Pools would keep telling those that nobody asks any more.
        finalize(self, _stop, self._pools, self._owner).atexit = False

    def of(self, pool: ProxySet) -> W:
        """Return the watcher of *pool*, whose lock is held."""
        watcher: W | None = pool.watchers_by_owner.get(self._owner)
        if watcher is None:
            watcher = pool.watchers_by_owner[self._owner] = self._make(pool)
            pool.watch(watcher)
            with self._joining:
                self._pools.add(pool)
        self.latest = (pool, watcher)
        return watcher

    def items(self) -> list[tuple[ProxySet, W]]:
        """Return all pools with their watchers."""
        with self._joining:
            return [(pool, pool.watchers_by_owner[self._owner]) for pool in self._pools]


def _stop(pools: WeakSet[ProxySet], owner: object) -> None:
    for pool in pools:
        pool.unwatch(pool.watchers_by_owner.pop(owner))
