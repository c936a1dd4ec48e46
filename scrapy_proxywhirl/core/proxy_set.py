"""Proxies that one can be selected from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from scrapy_proxywhirl.core.filter import ProxyFilter
from scrapy_proxywhirl.core.health import HealthStatus
from scrapy_proxywhirl.core.parted_dict import PartedDict
from scrapy_proxywhirl.core.proxy import Proxy

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.domain_figures import DomainFigures


class MemberWatcher(Protocol):
    """Is told of proxies that join and leave, with the pool's lock held."""

    def added(self, proxy: Proxy) -> None:
        """Take note of a proxy that joined."""

    def removed(self, proxy: Proxy) -> None:
        """Take note of a proxy that left."""


class PoolWatcher(MemberWatcher, Protocol):
    """Is told of proxies that join, change and leave, with the pool's lock held."""

    @property
    def hears_of_slight_changes(self) -> bool:
        """Whether it is told of slight changes too; may change at any time."""

    def changed(self, proxy: Proxy, slightly: bool = False) -> None:
        """
        Take note that a proxy's EMA, health or attempts in flight have changed.

        Args:
            proxy: Which one.
            slightly: Whether an attempt has succeeded, as the ones before it did, and the EMA is
                still near its :attr:`~scrapy_proxywhirl.core.average.MovingAverage.told_ms`.
        """


class ProxySet:
    """
    Proxies that one can be selected from: a pool, or the part of it that a request may have.

    Membership and look-up take constant time at any size. Safe to use from many threads.

    Args:
        name: Shown in ``repr`` and errors.
        lock: Guards the set, its proxies and what watches them.

    Attributes:
        only: What they fit; None for a pool.
        figures: What is known of them for one domain; None for what they are whatever the domain.
        proxies: To be read, with the lock held, and changed by the set itself.
        revision: Changes with each proxy that joins or leaves.
        watchers_by_owner: What strategies keep of it, by what each of them is known by.
    """

    only: ProxyFilter | None = None
    figures: DomainFigures | None = None

    def __init__(self, name: str, lock: Lock) -> None:
        self.name = name
        self.lock = lock
        self.proxies: list[Proxy] = []
        self.revision = 0
        self._positions: PartedDict[str, int] = PartedDict()
        self._watchers: list[PoolWatcher] = []
        self.watchers_by_owner: dict[object, Any] = {}

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
        return (
            f"<{type(self).__name__} {self.name!r}"
            f" [{len(proxies)} proxies: {health} | {active} in flight]>"
        )

    def get_proxy(self, proxy_id: str) -> Proxy | None:
        """Return the proxy with this id, or None."""
        position = self._positions.get(proxy_id)
        return None if position is None else self.proxies[position]

    def ema_ms(self, proxy: Proxy) -> float | None:
        """Return the moving average of what *proxy* takes, in milliseconds; None without one."""
        return proxy._average.ema_ms if self.figures is None else self.figures.ema_ms(proxy)

    def watch(self, watcher: PoolWatcher) -> None:
        """
        Tell *watcher* of every proxy that is in and, from now on, of all changes.

        To be called with the lock held, as *watcher* will be.
        """
        for proxy in self.proxies:
            watcher.added(proxy)
        self._watchers.append(watcher)

    def unwatch(self, watcher: PoolWatcher) -> None:
        """Tell *watcher* no more."""
        self._watchers.remove(watcher)

    def _take_in(self, proxy: Proxy) -> None:
        self.revision += 1
        self._positions[proxy.id] = len(self.proxies)
        self.proxies.append(proxy)

    def _let_go(self, proxy: Proxy) -> None:
        self.revision += 1
        position = self._positions.pop(proxy.id)
        assert position is not None
        last = self.proxies.pop()
        if last is not proxy:
            self.proxies[position] = last
            self._positions[last.id] = position
