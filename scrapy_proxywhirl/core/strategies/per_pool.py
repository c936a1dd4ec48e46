"""What a strategy keeps of each pool that it selects from."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from scrapy_proxywhirl.core.pool import PoolWatcher, ProxyPool

W = TypeVar("W", bound=PoolWatcher)


class PerPool(Generic[W]):
    """
    A watcher for each pool that a strategy selects from, made when that is first asked for.

    A pool's watcher goes with the pool, and with this.

    Args:
        make: Makes a watcher.

    Attributes:
        latest: The pool that was asked for last, and its watcher.
    """

    def __init__(self, make: Callable[[], W]) -> None:
        self._make = make
        self._watchers: WeakKeyDictionary[ProxyPool, W] = WeakKeyDictionary()
        self._joining = Lock()
        self.latest: tuple[ProxyPool | None, W] = (None, make())

    def of(self, pool: ProxyPool) -> W:
        """Return the watcher of *pool*, whose lock is held."""
        latest, watcher = self.latest
        if latest is pool:
            return watcher
        with self._joining:
            known = self._watchers.get(pool)
            if known is None:
                known = self._watchers[pool] = self._make()
                pool.watch(known, owner=self)
            self.latest = (pool, known)
            return known

    def items(self) -> list[tuple[ProxyPool, W]]:
        """Return all pools with their watchers."""
        return list(self._watchers.items())
