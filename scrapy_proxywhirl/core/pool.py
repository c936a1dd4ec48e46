"""The proxies that a crawl may use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from threading import Lock
from typing import Protocol
from weakref import finalize

from scrapy_proxywhirl.core.errors import DuplicateProxyError
from scrapy_proxywhirl.core.health import HealthStatus
from scrapy_proxywhirl.core.indexed_set import IndexedSet
from scrapy_proxywhirl.core.limits import PoolLimits
from scrapy_proxywhirl.core.pool_cooldowns import PoolCooldowns
from scrapy_proxywhirl.core.proxy import Proxy


class PoolWatcher(Protocol):
    """Is told of proxies that join, change and leave, with the pool's lock held."""

    def added(self, proxy: Proxy) -> None:
        """Take note of a proxy that joined."""

    def changed(self, proxy: Proxy) -> None:
        """Take note that a proxy's EMA, health or attempts in flight have changed."""

    def removed(self, proxy: Proxy) -> None:
        """Take note of a proxy that left."""


class ProxyPool:
    """
    The proxies that a crawl may use.

    Membership and look-up take constant time at any size. Safe to use from many threads.

    Args:
        name: Shown in ``repr`` and errors.
        cooldowns: How long proxies that fail are left alone; None where they are not.
        limits: How much a proxy is used at a time; None for as much as there is.
    """

    def __init__(
        self,
        name: str = "default",
        *,
        cooldowns: PoolCooldowns | None = None,
        limits: PoolLimits | None = None,
    ) -> None:
        self.name = name
        self.lock = Lock()  # guards the pool, its proxies and what watches them
        self.proxies: list[Proxy] = []  # to be read, with the lock held, and changed by the pool
        self.cooldowns = cooldowns
        self.limits = limits
        self.revision = 0  # changes with each proxy that joins or leaves
        self._positions: dict[str, int] = {}
        self._labels: dict[str, Proxy] = {}
        self._shared_names: set[str] = set()
        self._watchers: list[PoolWatcher] = []
        self._answered: IndexedSet[Proxy] = IndexedSet()

    def __len__(self) -> int:
        return len(self.proxies)

    def __iter__(self) -> Iterator[Proxy]:
        """Iterate over the proxies as they are now, whatever joins or leaves meanwhile."""
        with self.lock:
            return iter(self.proxies.copy())

    def __contains__(self, proxy: object) -> bool:
        return isinstance(proxy, Proxy) and self.get_proxy(proxy.id) is proxy

    def __repr__(self) -> str:
        proxies = list(self)
        counts = Counter(proxy.health_status for proxy in proxies)
        health = ", ".join(f"{counts[status]} {status.value}" for status in HealthStatus)
        active = sum(proxy.requests_active for proxy in proxies)
        return f"<ProxyPool {self.name!r} [{len(proxies)} proxies: {health} | {active} in flight]>"

    def get_proxy(self, proxy_id: str) -> Proxy | None:
        """Return the proxy with this id, or None."""
        position = self._positions.get(proxy_id)
        return None if position is None else self.proxies[position]

    def add_proxy(self, proxy: Proxy) -> None:
        """
        Add *proxy*, and see to it that its label is unique.

        Where several proxies share a label, each gets ``~`` and six hex digits of its id behind it.

        Raises:
            DuplicateProxyError: The pool has this identity already.
            ValueError: *proxy* is in another pool.
        """
        with self.lock:
            if proxy.id in self._positions:
                raise DuplicateProxyError(f"the pool {self.name!r} has {proxy.label!r} already")
            if proxy._answered is not None:
                raise ValueError(f"{proxy.label!r} is in another pool")
            self.revision += 1
            self._make_label_unique(proxy)
            self._positions[proxy.id] = len(self.proxies)
            self.proxies.append(proxy)
            proxy._lock = self.lock
            proxy._watchers = self._watchers
            proxy._answered = self._answered
            proxy._cooldowns = self.cooldowns
            proxy._limits = self.limits
            if proxy.last_response_time_ms is not None:
                self._answered.add(proxy)
            for watcher in self._watchers:
                watcher.added(proxy)

    def remove_proxy(self, proxy: Proxy) -> None:
        """
        Remove *proxy*; what its attempts in flight come to is still counted on it.

        Raises:
            KeyError: *proxy* is not in the pool.
        """
        with self.lock:
            if self.get_proxy(proxy.id) is not proxy:
                raise KeyError(f"{proxy.label!r} is not in the pool {self.name!r}")
            self.revision += 1
            position = self._positions.pop(proxy.id)
            last = self.proxies.pop()
            if last is not proxy:
                self.proxies[position] = last
                self._positions[last.id] = position
            del self._labels[proxy.label]
            self._answered.discard(proxy)
            proxy._watchers = ()
            proxy._answered = None
            proxy._cooldowns = None
            proxy._limits = None
            if self.limits is not None:
                self.limits.forget(proxy)
            if self.cooldowns is not None:
                self.cooldowns.forget(proxy)
            for watcher in self._watchers:
                watcher.removed(proxy)

    def has_busy(self, domain: str | None = None) -> bool:
        """Tell whether a proxy cannot be selected for *domain* only since it is busy."""
        with self.lock:
            if self.limits is None:
                return False
            resting = () if self.cooldowns is None else self.cooldowns.wake(domain)
            return self.limits.has_busy(resting)

    def watch(self, watcher: PoolWatcher, owner: object) -> None:
        """
        Tell *watcher* of every proxy that is in and of all changes, for as long as *owner* lives.

        To be called with the pool's lock held, as *watcher* will be.

        Args:
            watcher: What is told.
            owner: What *watcher* works for; the pool keeps no reference to it.
        """
        for proxy in self.proxies:
            watcher.added(proxy)
        self._watchers.append(watcher)
        finalize(owner, self._watchers.remove, watcher)

    def _make_label_unique(self, proxy: Proxy) -> None:
        name = proxy.label
        first = self._labels.pop(name, None)
        if first is not None:
            self._shared_names.add(name)
            self._tell_apart(first, name)
        if name in self._shared_names:
            self._tell_apart(proxy, name)
        else:
            self._labels[name] = proxy

    def _tell_apart(self, proxy: Proxy, name: str) -> None:
        label = f"{name}~{proxy.id[:6]}"
        if label in self._labels:  # likely from some thousand proxies on
            label = f"{name}~{proxy.id}"
        proxy.label = label
        self._labels[label] = proxy
