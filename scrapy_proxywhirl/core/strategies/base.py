"""What every strategy is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from random import Random

from scrapy_proxywhirl.core.config import StrategyConfig
from scrapy_proxywhirl.core.context import SelectionContext
from scrapy_proxywhirl.core.errors import ProxyPoolEmptyError
from scrapy_proxywhirl.core.health import HealthStatus
from scrapy_proxywhirl.core.incident import Incident
from scrapy_proxywhirl.core.pool import ProxyPool
from scrapy_proxywhirl.core.proxy import Proxy

_ANY = SelectionContext()

# So many of those that a domain has left are compared: of fewer each has exactly its share.
_COMPARED = 16


class Strategy(ABC):
    """
    How one proxy is selected out of those that may be.

    Safe to use from many threads. A strategy keeps no figures of proxies: they are the proxies'
    own, so that strategies can be changed in mid-crawl.

    Args:
        config: The figures to go by; by default those of :class:`StrategyConfig`.
        rng: The source of chance. A seeded one gives selections that can be repeated.
    """

    def __init__(self, config: StrategyConfig | None = None, *, rng: Random | None = None) -> None:
        self.config = config or StrategyConfig()
        self._rng = rng or Random()

    def select(self, pool: ProxyPool, context: SelectionContext | None = None) -> Proxy:
        """
        Select a proxy and count an attempt as in flight on it.

        Each selection is to be ended by :meth:`record_result`, or by the proxy's
        :meth:`~Proxy.abandon_request` where nothing came of it.

        Args:
            pool: The proxies to select from.
            context: What the request wants; None for whatever there is.

        Raises:
            ProxyPoolEmptyError: No proxy may be selected.
        """
        context = context or _ANY
        pool.lock.acquire()  # half the price of a with statement, in the busiest place there is
        try:
            proxy = None
            excluded = failed = context.failed_proxy_ids
            resting: Collection[str] = ()
            all_rest = False
            cooldowns, limits = pool.cooldowns, pool.limits
            if cooldowns is not None and cooldowns.is_idle:
                cooldowns = None
            if limits is not None:
                limits.wake()
            if cooldowns is not None:
                resting = cooldowns.wake(context.domain)
                if resting:
                    excluded = _Either(failed, resting) if failed else resting
                all_rest = max(len(resting), len(cooldowns.everywhere.barred)) >= len(pool)
            if context.stay_on_proxy_id is not None:
                proxy = _proxy_to_stay_on(pool, context.stay_on_proxy_id, excluded)
            if proxy is None and not all_rest:
                others = cooldowns.others(pool, context.domain) if resting and cooldowns else None
                if others is None:
                    proxy = self.pick(pool, excluded)
                else:
                    proxy = self._pick_of(others.items, failed)
            if (
                proxy is None
                and cooldowns is not None
                and not failed
                and not (limits is not None and limits.has_busy(resting))  # that is waited for
            ):
                proxy = cooldowns.to_try_in_drought(context.domain)
            if proxy is not None:
                proxy.requests_started += 1
                if cooldowns is not None:
                    cooldowns.started(proxy, context.domain)
                if limits is not None:
                    limits.started(proxy)
                if self.config.load_aware:
                    proxy._notify()
                return proxy
        finally:
            pool.lock.release()
        raise ProxyPoolEmptyError(self.why_none(pool))

    @abstractmethod
    def pick(self, pool: ProxyPool, excluded: Collection[str]) -> Proxy | None:
        """
        Choose a proxy: what a strategy of one's own has to do.

        Called with the pool's lock held.

        Args:
            pool: The proxies to choose from.
            excluded: Ids of those that must not be chosen, besides those that rest or are busy (not
                :attr:`Proxy.is_available`).

        Returns:
            The proxy; None where none may be chosen: one that rests may be then.
        """

    def weigh(self, proxy: Proxy) -> float:
        """
        Return how likely *proxy* is to be selected, in proportion to others.

        Asked where a site has banned most of a pool: then some of those that are left are compared.

        Returns:
            A number above 0; 1.0 here, for each like each.
        """
        return 1.0

    def _pick_of(self, proxies: Sequence[Proxy], excluded: Collection[str]) -> Proxy | None:
        """Choose one of the few *proxies* that a domain has left."""
        size = len(proxies)
        if size <= _COMPARED:
            some = proxies
        else:
            random = self._rng.random
            some = [proxies[int(random() * size)] for _ in range(_COMPARED)]
        may_be = [one for one in some if not one._is_barred and one.id not in excluded]
        if not may_be and size > _COMPARED:
            may_be = [one for one in proxies if not one._is_barred and one.id not in excluded]
        if not may_be:
            return None
        return self._rng.choices(may_be, [self.weigh(one) for one in may_be])[0]

    def why_none(self, pool: ProxyPool) -> str:
        """Say why nothing of *pool* could be picked."""
        if not len(pool):
            return f"The pool {pool.name!r} has no proxies"
        return (
            f"All {len(pool)} proxies of the pool {pool.name!r} rest, are busy, or failed this"
            " request"
        )

    def record_result(
        self,
        proxy: Proxy,
        success: bool,
        response_time_ms: float | None = None,
        *,
        banned: bool = False,
        domain: str | None = None,
        started: float | None = None,
        lasting: bool = False,
    ) -> Incident | None:
        """
        End an attempt with what it says of its proxy: see :meth:`Proxy.complete_request`.

        Args:
            proxy: The one that was selected.
            success: Whether it brought what was asked for.
            response_time_ms: Milliseconds, finite and at least 0; None where not measured.
            banned: Whether a failure was the site's refusal.
            domain: Whose page it was.
            started: When the attempt began, by the pool's clock, in seconds; None for now.
            lasting: Whether a failure will be the same the next time.

        Returns:
            What a failure did to its proxy, for :meth:`Proxy.take_back`; None for a success.

        Raises:
            ValueError: *response_time_ms* is negative, infinite or NaN; nothing is changed then.
        """
        config = self.config
        return proxy.complete_request(
            success,
            response_time_ms,
            config.ema_alpha,
            config.failure_penalty,
            banned,
            domain,
            started,
            lasting,
        )

    def configure(self, config: StrategyConfig) -> None:
        """Go by *config* from now on."""
        self.config = config

    def validate_metadata(self, pool: ProxyPool) -> bool:
        """Tell whether the proxies of *pool* have what a selection needs."""
        return len(pool) > 0


def _proxy_to_stay_on(pool: ProxyPool, proxy_id: str, excluded: Collection[str]) -> Proxy | None:
    proxy = pool.get_proxy(proxy_id)
    if proxy is None or proxy_id in excluded or not proxy.is_available:
        return None
    return None if proxy.health_status is HealthStatus.UNHEALTHY else proxy


class _Either(Collection[str]):
    """What is in one of two collections, without copying either."""

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
