"""The proxies that a crawl may use."""

from __future__ import annotations

from collections.abc import Collection
from math import inf
from threading import Lock

from scrapy_proxywhirl.core.domains import PoolDomains
from scrapy_proxywhirl.core.errors import DuplicateProxyError
from scrapy_proxywhirl.core.filter import ProxyFilter
from scrapy_proxywhirl.core.indexed_set import IndexedSet
from scrapy_proxywhirl.core.journal import PoolJournal
from scrapy_proxywhirl.core.limits import PoolLimits
from scrapy_proxywhirl.core.parted_dict import PartedDict
from scrapy_proxywhirl.core.pool_cooldowns import PoolCooldowns
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.proxy_set import MemberWatcher, ProxySet
from scrapy_proxywhirl.core.sessions import PoolSessions
from scrapy_proxywhirl.core.shared import Shared
from scrapy_proxywhirl.core.views import PoolView, PoolViews
from scrapy_proxywhirl.core.wanted import Wanted

# So many proxies, at least, are looked at to tell whether all are in one group.
_COMPARED = 64


class ProxyPool(ProxySet):
    """
    The proxies that a crawl may use.

    Membership and look-up take constant time at any size. Safe to use from many threads.

    Args:
        name: Shown in ``repr`` and errors.
        cooldowns: How long proxies that fail are left alone; None where they are not.
        limits: How much a proxy is used at a time; None for as much as there is.
        sessions: Which proxy each sticky session stays on; None where none does.
        domains: What is known of proxies domain by domain; None to know each as a whole.
        journal: What is learned, to be kept or told; None where nobody asks.

    Attributes:
        answered: Those that have answered; to be read, with the lock held.
    """

    def __init__(
        self,
        name: str = "default",
        *,
        cooldowns: PoolCooldowns | None = None,
        limits: PoolLimits | None = None,
        sessions: PoolSessions | None = None,
        domains: PoolDomains | None = None,
        journal: PoolJournal | None = None,
    ) -> None:
        super().__init__(name, Lock())
        self.cooldowns = cooldowns
        self.limits = limits
        self.sessions = sessions
        self.domains = domains
        self.journal = journal
        if cooldowns is not None:
            cooldowns.journal = journal
        self._labels: PartedDict[str, Proxy] = PartedDict()
        self._shared_names: set[str] = set()
        self.answered: IndexedSet[Proxy] = IndexedSet()
        self._shared = Shared(
            self.lock, self._watchers, self.answered, cooldowns, domains, journal, limits
        )
        self._shared_by_former = Shared(self.lock)  # whose last results are yet to come
        self._views: PoolViews | None = None
        self._member_watchers: list[MemberWatcher] = []
        if domains is not None:
            self._watchers.append(domains)

    def find_proxy(self, label: str) -> Proxy | None:
        """Return the proxy with this label, or None."""
        return self._labels.get(label)

    def view(self, only: ProxyFilter) -> PoolView:
        """
        Return the proxies that fit a filter, the same object each time as long as it is asked for.

        To be called with the pool's lock held.
        """
        if self._views is None:
            self._views = PoolViews(self)
            self.watch(self._views)
        return self._views.get(only)

    def watch_members(self, watcher: MemberWatcher) -> None:
        """Tell *watcher* of every proxy that is in and, from now on, that joins or leaves."""
        with self.lock:
            for proxy in self.proxies:
                watcher.added(proxy)
            self._member_watchers.append(watcher)

    def has_any(self, wanted: Wanted) -> bool:
        """
        Tell whether a proxy is what is wanted, be it as it may.

        To be called with the pool's lock held.
        """
        if wanted.proxy_id is not None:
            proxy = self.get_proxy(wanted.proxy_id)
            return proxy is not None and wanted.fits(proxy)
        of = self if wanted.only is None else self.view(wanted.only)
        if len(of) > len(wanted.exclude):
            return True
        return any(proxy.id not in wanted.exclude for proxy in of.proxies)

    def groups_of(self, proxy_ids: Collection[str]) -> set[str]:
        """Return the groups of some proxies; none where every proxy seems to be in one of them."""
        proxies = map(self.get_proxy, proxy_ids)
        groups = {one.group for one in proxies if one is not None and one.group is not None}
        some = self.proxies[:: max(1, len(self.proxies) // _COMPARED)]
        return groups if any(one.group not in groups for one in some) else set()

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
            if proxy._shared.answered is not None:
                raise ValueError(f"{proxy.label!r} is in another pool")
            self._make_label_unique(proxy)
            self._take_in(proxy)
            proxy._shared = self._shared
            if proxy.last_response_time_ms is not None:
                self.answered.add(proxy)
            for watcher in (*self._watchers, *self._member_watchers):
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
            self._let_go(proxy)
            self._labels.pop(proxy.label)
            self.answered.discard(proxy)
            proxy._shared = self._shared_by_former
            if self.limits is not None:
                self.limits.forget(proxy)
            if self.cooldowns is not None:
                self.cooldowns.forget(proxy)
            for watcher in (*self._watchers, *self._member_watchers):
                watcher.removed(proxy)

    def has_busy(self, domain: str | None = None, wanted: Wanted | None = None) -> bool:
        """
        Tell whether a proxy cannot be selected only since it is busy.

        Args:
            domain: Whose page it would be selected for.
            wanted: What else would be asked of it.
        """
        with self.lock:
            resting = () if self.cooldowns is None else self.cooldowns.wake(domain)
            return self.has_busy_besides(resting, domain, wanted)

    def has_busy_besides(
        self, resting: Collection[str], domain: str | None, wanted: Wanted | None
    ) -> bool:
        """Tell as :meth:`has_busy` does, with the lock held and those known that rest."""
        limits, cooldowns = self.limits, self.cooldowns
        return (limits is not None and limits.has_busy(resting, wanted)) or (
            cooldowns is not None and cooldowns.has_delayed(domain, resting, wanted)
        )

    def has_told(self, domain: str | None = None, wanted: Wanted | None = None) -> bool:
        """
        Tell whether *domain* has said when it will take a proxy again that it has banned.

        Args:
            domain: Whose page it would be selected for.
            wanted: What else would be asked of it.
        """
        with self.lock:
            return self.cooldowns is not None and self.cooldowns.has_told(domain, wanted)

    def next_free(self) -> float:
        """Return in how many seconds the next delay is over; infinity where there is none."""
        with self.lock:
            limits, delays = self.limits, self.cooldowns.delays if self.cooldowns else None
            return min(
                limits.next_free() if limits is not None else inf,
                delays.next_free() if delays is not None else inf,
            )

    def _make_label_unique(self, proxy: Proxy) -> None:
        name = proxy.label
        if name not in self._shared_names:
            first = self._labels.setdefault(name, proxy)
            if first is proxy:
                return
            self._shared_names.add(name)
            self._labels.pop(name)
            self._tell_apart(first, name)
        self._tell_apart(proxy, name)

    def _tell_apart(self, proxy: Proxy, name: str) -> None:
        label = f"{name}~{proxy.id[:6]}"
        if label in self._labels:  # likely from some thousand proxies on
            label = f"{name}~{proxy.id}"
        proxy.label = label
        self._labels[label] = proxy
