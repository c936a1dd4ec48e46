"""What every strategy is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from random import Random
from typing import ClassVar

from scrapy_proxywhirl.core.bound import bound_to, to_stay_on
from scrapy_proxywhirl.core.config import StrategyConfig
from scrapy_proxywhirl.core.context import SelectionContext
from scrapy_proxywhirl.core.errors import NoMatchingProxyError, ProxyPoolEmptyError
from scrapy_proxywhirl.core.excluded import LessPreferred, either
from scrapy_proxywhirl.core.incident import Incident
from scrapy_proxywhirl.core.indexed_set import IndexedSet
from scrapy_proxywhirl.core.pool import ProxyPool
from scrapy_proxywhirl.core.pool_cooldowns import PoolCooldowns
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.proxy_set import ProxySet

_ANY = SelectionContext()

# So many of those that a domain has left are looked at in a selection.
_COMPARED = 16

# What is left of the heaviest weight where those that were looked at were all too light.
_FADES = 0.9


class Strategy(ABC):
    """
    How one proxy is selected out of those that may be.

    Safe to use from many threads. A strategy keeps no figures of proxies: they are the proxies'
    own, so that strategies can be changed in mid-crawl.

    Args:
        config: The figures to go by; by default those of :class:`StrategyConfig`.
        rng: The source of chance. A seeded one gives selections that can be repeated.

    Attributes:
        goes_by_response_times: Whether proxies are selected by what they take, so that a pool which
            knows that domain by domain is to be seen as the domain sees it.
        is_told_of_selections: Whether what watches a pool is told, where the config is load-aware,
            of each proxy that has got one attempt more. That it has one less, it is told anyway.
    """

    goes_by_response_times: ClassVar[bool] = False
    is_told_of_selections: ClassVar[bool] = True

    def __init__(self, config: StrategyConfig | None = None, *, rng: Random | None = None) -> None:
        self.config = config or StrategyConfig()
        self._rng = rng or Random()
        self._heaviest = 0.0  # weight of what was selected where a domain had banned most

    def select(self, pool: ProxyPool, context: SelectionContext | None = None) -> Proxy:
        """
        Select a proxy and count an attempt as in flight on it.

        Each selection is to be ended by :meth:`record_result`, or by the proxy's
        :meth:`~Proxy.abandon_request` where nothing came of it.

        Args:
            pool: The proxies to select from.
            context: What the request wants; None for whatever there is.

        Raises:
            NoMatchingProxyError: No proxy of the pool is what the request wants.
            ProxyPoolEmptyError: None may be selected now.
        """
        context = context or _ANY
        failed, stay_on, domain, wanted = context
        lock = pool.lock
        lock.acquire()  # half the price of a with statement, in the busiest place there is
        try:
            cooldowns, limits, domains = pool.cooldowns, pool.limits, pool.domains
            if cooldowns is not None and cooldowns.is_idle:
                cooldowns = None
            if limits is not None:
                limits.wake()
            if cooldowns is None and wanted is None and not failed and stay_on is None:
                seen = pool if domains is None else self._seen(pool, pool, domain)
                proxy = self.pick(seen, (), domain)
            else:
                proxy = self._pick_for(pool, context, cooldowns)
            if proxy is not None:
                proxy.requests_started += 1
                if cooldowns is not None:
                    cooldowns.started(proxy, domain)
                if limits is not None:
                    limits.started(proxy)
                if domains is not None:
                    domains.started(proxy, domain)
                if self.config.load_aware and self.is_told_of_selections:
                    proxy._notify()
                return proxy
            if wanted is not None and not pool.has_any(wanted):
                raise NoMatchingProxyError(f"No proxy of the pool {pool.name!r} is {wanted}")
        finally:
            lock.release()
        raise ProxyPoolEmptyError(self.why_none(pool))

    def prepare(self, pool: ProxyPool) -> None:
        """
        Take in the proxies of *pool*, and from now on each that joins.

        Else the first selection does so, in time in proportion to the pool. Where each domain has
        its own idea of the proxies, the first selection for it does.
        """
        if pool.domains is None or not self.goes_by_response_times:
            with pool.lock:
                self._watch(pool)

    def _watch(self, pool: ProxySet) -> None:  # noqa: B027 (not all have to)
        """Keep up with *pool*, whose lock is held."""

    @abstractmethod
    def pick(self, pool: ProxySet, excluded: Collection[str], domain: str | None) -> Proxy | None:
        """
        Choose a proxy: what a strategy of one's own has to do.

        Called with the pool's lock held.

        Args:
            pool: The proxies to choose from: the pool, or the part of it that a request may have.
            excluded: Ids of those that must not be chosen, besides those that rest or are busy (not
                :attr:`Proxy.is_available`).
            domain: Whose page the proxy is for; None where that was not said.

        Returns:
            The proxy; None where none may be chosen: one that rests may be then.
        """

    def weigh(self, proxy: Proxy, pool: ProxySet) -> float:
        """
        Return how likely *proxy* is to be selected, in proportion to others.

        Asked where a site has banned most of a pool: then some of those that are left are compared.

        Args:
            proxy: One of them.
            pool: What it is selected from, which has its EMA: see :meth:`ProxySet.ema_ms`.

        Returns:
            A number above 0; 1.0 here, for each like each.
        """
        return 1.0

    def _pick_for(
        self, pool: ProxyPool, context: SelectionContext, cooldowns: PoolCooldowns | None
    ) -> Proxy | None:
        """Choose a proxy for a request that may not have any."""
        failed, stay_on, domain, wanted = context
        resting = cooldowns.wake(domain) if cooldowns is not None else ()
        unwanted = failed if wanted is None else either(failed, wanted.exclude)
        if cooldowns is not None:
            unwanted = either(unwanted, cooldowns.delayed(domain))
        proxy, is_bound = None, False
        if wanted is not None:
            proxy, is_bound = bound_to(pool, wanted, either(unwanted, resting))
        if stay_on is not None and not is_bound:
            proxy = to_stay_on(pool, stay_on, wanted, either(unwanted, resting))
        if proxy is None and not is_bound:
            proxy = self._pick_among(pool, context, cooldowns, resting, unwanted)
        if (
            proxy is None
            and cooldowns is not None
            and not failed
            and not pool.has_busy_besides(resting, domain, wanted)  # that is waited for
        ):
            proxy = cooldowns.to_try_in_drought(domain, wanted)
        session = wanted.session if wanted is not None else None
        if proxy is not None and session is not None and pool.sessions is not None:
            pool.sessions.keep(session, proxy.id)
        return proxy

    def _pick_among(
        self,
        pool: ProxyPool,
        context: SelectionContext,
        cooldowns: PoolCooldowns | None,
        resting: Collection[str],
        unwanted: Collection[str],
    ) -> Proxy | None:
        """
        Choose any, of another group than those that failed the request where one is found soon.

        None of those *resting*, which a domain may have by the thousand, and none *unwanted*.
        """
        failed, _, domain, wanted = context
        of = pool if wanted is None or wanted.only is None else pool.view(wanted.only)
        others = None
        if cooldowns is not None:
            size = len(pool.proxies)
            if len(resting) >= size or len(cooldowns.everywhere.barred) >= size:
                return None
            if resting:
                others = cooldowns.others(of, domain)
        seen = self._seen(pool, of, domain)
        excluded = unwanted if others is not None else either(unwanted, resting)
        groups = pool.groups_of(failed) if failed else ()
        proxy = None
        if groups:
            wish = LessPreferred(pool, groups, excluded)
            proxy = self._pick_left(seen, others, wish, domain)
            if others is None and of is pool and (proxy is None or wish.is_given_up):
                # A strategy that selects whatever proxies have shown came across none that works.
                wish = LessPreferred(pool, groups, excluded)
                proxy = self._pick_of(seen, pool.answered.items, wish) or proxy
        return proxy or self._pick_left(seen, others, excluded, domain)

    def _pick_left(
        self,
        seen: ProxySet,
        others: IndexedSet[Proxy] | None,
        excluded: Collection[str],
        domain: str | None,
    ) -> Proxy | None:
        """Choose one of *others*, all that *domain* has left; of *seen*, where that is most."""
        if others is None:
            return self.pick(seen, excluded, domain)
        return self._pick_of(seen, others.items, excluded)

    def _seen(self, pool: ProxyPool, of: ProxySet, domain: str | None) -> ProxySet:
        """Return *of*, which is *pool* or a part of it, as it is seen for a page of *domain*."""
        domains = pool.domains
        if domains is None or not self.goes_by_response_times:
            return of
        if self.config.load_aware:
            domains.is_load_aware = True
        return domains.seen_by(domain, of)

    def _pick_of(
        self, pool: ProxySet, proxies: Sequence[Proxy], excluded: Collection[str]
    ) -> Proxy | None:
        """
        Choose one of the few *proxies* that a domain has left, each with its weight's probability.

        By rejection: one of them comes along, and is taken as often as it weighs, compared with the
        heaviest there was. Where a number of them were too light, it is one of those, and the
        heaviest counts for less from then on.
        """
        size = len(proxies)
        if size > _COMPARED:
            random, weigh = self._rng.random, self.weigh
            heaviest = self._heaviest
            some = []
            weights = []
            for _ in range(_COMPARED):
                one = proxies[int(random() * size)]
                if one._is_barred or one.id in excluded:
                    continue
                weight = weigh(one, pool)
                if weight > heaviest:
                    self._heaviest = heaviest = weight
                if random() * heaviest < weight:
                    return one
                some.append(one)
                weights.append(weight)
            if some:
                self._heaviest = max(_FADES * heaviest, *weights)
                return self._rng.choices(some, weights)[0]
            if isinstance(excluded, LessPreferred):  # a wish, for which not all are looked at
                return None
        may_be = [one for one in proxies if not one._is_barred and one.id not in excluded]
        if not may_be:
            return None
        return self._rng.choices(may_be, [self.weigh(one, pool) for one in may_be])[0]

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
        retry_after: float = 0.0,
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
            retry_after: Seconds for which the domain has asked, with a ban, to be left alone; at
                least 0.

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
            config.ema_restarts,
            retry_after,
        )

    def configure(self, config: StrategyConfig) -> None:
        """Go by *config* from now on."""
        self.config = config

    def validate_metadata(self, pool: ProxyPool) -> bool:
        """Tell whether the proxies of *pool* have what a selection needs."""
        return len(pool) > 0
