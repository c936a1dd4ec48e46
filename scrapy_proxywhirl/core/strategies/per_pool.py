"""What a strategy keeps of each pool that it selects from."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary, finalize

from scrapy_proxywhirl.core.proxy_set import PoolWatcher, ProxySet

W = TypeVar("W", bound=PoolWatcher)


class PerPool(Generic[W]):
    """
    A watcher for each pool, and part of one, that a strategy selects from, made when first needed.

    A pool's watcher goes with the pool, and with this.

    Args:
        make: Makes the watcher of a pool.

    Attributes:
        latest: The pool that was asked for last, and its watcher.
    """

    def __init__(self, make: Callable[[ProxySet], W]) -> None:
        self._make = make
        self._watchers: WeakKeyDictionary[ProxySet, W] = WeakKeyDictionary()
        self._joining = Lock()
        nobody = ProxySet("nobody's", self._joining)
        self.latest = (nobody, make(nobody))
        # Pools would keep telling those that nobody asks any more.
        finalize(self, _stop, self._watchers).atexit = False

    def of(self, pool: ProxySet) -> W:
        """Return the watcher of *pool*, whose lock is held."""
        latest, watcher = self.latest
        if latest is pool:
            return watcher
        with self._joining:
            known = self._watchers.get(pool)
            if known is None:
                known = self._watchers[pool] = self._make(pool)
                pool.watch(known)
            self.latest = (pool, known)
            return known

    def items(self) -> list[tuple[ProxySet, W]]:
        """Return all pools with their watchers."""
        return list(self._watchers.items())


def _stop(watchers: WeakKeyDictionary[ProxySet, W]) -> None:
    for pool, watcher in watchers.items():
        pool.unwatch(watcher)
