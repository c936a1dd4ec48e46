"""Which proxies of a pool are selected by weight, and which are yet to be tried, or tried again."""

from __future__ import annotations

from collections.abc import Callable, Collection
from random import Random
from typing import TYPE_CHECKING, Protocol

from scrapy_proxywhirl.core.average import NEAR
from scrapy_proxywhirl.core.config import StrategyConfig
from scrapy_proxywhirl.core.excluded import LessPreferred
from scrapy_proxywhirl.core.health import HealthStatus
from scrapy_proxywhirl.core.indexed_set import IndexedSet
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.proxy_set import ProxySet
from scrapy_proxywhirl.core.sampler import WeightedSampler

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.domain_figures import DomainFigures, Pair

# Keep weights finite, and above 0, where an EMA was set by hand: a microsecond, less than any
# response takes, and thirty years.
LEAST_EMA_MS = 0.001
MOST_EMA_MS = 1e12  # to the power of -10, the highest exponent that there is, it is 1e-120

_UNHEALTHY = HealthStatus.UNHEALTHY

# How many proxies are compared where none can be selected by weight, beside those that are
# excluded, and of these how many at most.
_COMPARED = 64
_PASSED_OVER = 1024


class Sampler(Protocol):
    """Draws proxies, each in some proportion to a number that is set for it."""

    def __len__(self) -> int:
        """Return how many there are."""

    def set(self, proxy: Proxy, number: float, /) -> None:
        """Add a proxy, or change its number."""

    def discard(self, proxy: Proxy, /) -> None:
        """Remove a proxy, where it is in."""

    def sample(self) -> Proxy:
        """Draw one; raise :exc:`IndexError` where there is none."""

    def sample_where(self, fits: Callable[[Proxy], bool], /) -> Proxy | None:
        """Draw one that fits; return None where none does."""


class Rotation:
    """
    Which proxies of a pool are selected by weight, and which are yet to be tried, or tried again.

    Every proxy of the pool is in one of these states:

    - *untried*: nothing is known of it, and no attempt is under way;
    - *in rotation*: it has an EMA, and is drawn with a probability proportional to its weight;
    - *sidelined*: it rests, is busy, or is unhealthy and tried only as exploration or when there is
      nothing better. Without exploration nothing would ever try one again that is unhealthy, so
      that then it stays in rotation;
    - none of them, while its first attempt is under way, or where all that is known is a failure.

    Each operation takes constant time. Not thread-safe: it is called with the pool's lock held.

    Args:
        config: The figures to go by.
        rng: The source of chance.
        figures: What is known of the proxies for one domain; None for what they are whatever the
            domain.
        sampler: Draws those in rotation; by default by their weights.

    Attributes:
        hears_of_slight_changes: Whether it is to be told of slight changes too. Else a draw asks
            where one matters.
    """

    def __init__(
        self,
        config: StrategyConfig,
        rng: Random,
        figures: DomainFigures | None = None,
        sampler: Sampler | None = None,
    ) -> None:
        self._figures = figures
        self._random = rng.random
        self._sampler: Sampler = WeightedSampler(rng) if sampler is None else sampler
        self._set = self._sampler.set
        self._untried: IndexedSet[Proxy] = IndexedSet()
        self._sidelined: set[Proxy] = set()
        self._hand = 0
        self._started_when_visited: dict[Proxy, int] = {}
        self._explored: dict[Proxy, int] = {}  # now, and how many attempts each had behind it then
        self._go_by(config)

    @property
    def known(self) -> int:
        """How many proxies have an EMA."""
        return len(self._sampler) + len(self._sidelined)

    def configure(self, config: StrategyConfig, pool: ProxySet) -> None:
        """Go by *config* from now on; takes time in proportion to the pool."""
        self._go_by(config)
        for proxy in pool.proxies:
            self.changed(proxy)

    def added(self, proxy: Proxy) -> None:
        """Take in a proxy that joined the pool."""
        self.changed(proxy)

    def removed(self, proxy: Proxy) -> None:
        """Forget a proxy that left the pool."""
        self._untried.discard(proxy)
        self._sampler.discard(proxy)
        self._sidelined.discard(proxy)
        self._started_when_visited.pop(proxy, None)
        self._explored.pop(proxy, None)

    def changed(self, proxy: Proxy, slightly: bool = False) -> None:
        """Give a proxy the place and weight that it deserves now."""
        figures = self._figures  # as _ema_ms() has it, without the call
        ema = proxy._average.ema_ms if figures is None else figures.ema_ms(proxy)
        if ema is None:
            self._sampler.discard(proxy)
            self._sidelined.discard(proxy)
            if is_idle(proxy):
                self._untried.add(proxy)
                self._is_warming_up = True
        elif proxy._is_barred or (proxy._health_status is _UNHEALTHY and self._exploration):
            self._sampler.discard(proxy)
            self._sidelined.add(proxy)
        else:
            if self._sidelined:
                self._sidelined.discard(proxy)
            if not self.hears_of_slight_changes:
                ema = proxy._average.told_ms / NEAR  # while it is near that, the least that it is
            ema = limited(ema)
            if self._is_load_aware:
                ema *= 1.0 + (proxy.requests_started - proxy.requests_completed)
            self._set(proxy, ema**self._power)

    def draw(self, pool: ProxySet, excluded: Collection[str]) -> Proxy | None:
        """
        Choose a proxy.

        Args:
            pool: The pool that this is about.
            excluded: Ids of proxies not to be chosen.

        Returns:
            The proxy; None where there is none that may be chosen.
        """
        proxy: Proxy | None
        if self._is_warming_up:
            proxy = self._warm_up(excluded)
            if proxy is not None:
                return proxy
        if self._exploration and self._random() < self._exploration and self._may_explore():
            proxy = self._explore(pool, excluded)
            if proxy is not None:
                if self._explored_at_a_time:
                    self._explored[proxy] = self._record_of(proxy).requests_completed
                return proxy
        try:
            proxy = self._sampler.sample()
            if not excluded or proxy.id not in excluded:
                return proxy
            proxy = self._sampler.sample_where(lambda other: other.id not in excluded)
            if proxy is not None:
                return proxy
        except IndexError:  # none is in rotation
            pass
        if isinstance(excluded, LessPreferred):  # none of the others is known to work
            return None
        if self._exploration or self._warmup_proxies:
            return self._next_untried(excluded) or self._least_bad(pool, excluded)
        return None

    def _weigh(self, proxy: Proxy) -> float:
        """Return what a proxy in rotation weighs now: what a draw asks."""
        figures = self._figures  # as _ema_ms() has it, without the call
        ema = proxy._average.ema_ms if figures is None else figures.ema_ms(proxy)
        if ema is None or not LEAST_EMA_MS <= ema <= MOST_EMA_MS:  # limited() knows, for a call
            ema = limited(ema or 0.0)
        if self._is_load_aware:
            ema *= 1.0 + (proxy.requests_started - proxy.requests_completed)
        weight: float = ema**self._power
        return weight

    def _go_by(self, config: StrategyConfig) -> None:
        self._power = -config.weight_exponent  # of the EMA, which makes what the sampler takes
        self._is_load_aware = config.load_aware
        self.hears_of_slight_changes = True
        sampler = self._sampler
        if isinstance(sampler, WeightedSampler):
            certain = 1.0
            if config.load_aware:
                certain = 0.0  # its load makes a proxy lighter at any time
            elif self._figures is None:
                self.hears_of_slight_changes = False
                certain = NEAR ** (2.0 * self._power)
            sampler.ask(self._weigh, certain)
        self._exploration = config.exploration
        self._explored_at_a_time = config.explored_at_a_time
        self._warmup_proxies = config.warmup_proxies
        self._is_warming_up = True

    def _warm_up(self, excluded: Collection[str]) -> Proxy | None:
        if self._untried and self.known < self._warmup_proxies:
            return self._next_untried(excluded)
        self._is_warming_up = False  # until there is another untried one
        return None

    def _next_untried(self, excluded: Collection[str]) -> Proxy | None:
        """Find one that is new: at random, as those beside each other in a list fail together."""
        if isinstance(excluded, LessPreferred):  # none of them is known to work
            return None
        untried = self._untried
        found = None
        aside = []
        for _ in range(min(len(untried), _COMPARED)):
            proxy = untried.items[int(self._random() * len(untried))]
            untried.discard(proxy)
            if self._ema_ms(proxy) is not None or not is_idle(proxy):
                continue  # it got its EMA by hand, or its attempt from another strategy
            if proxy.id not in excluded:
                found = proxy
                break
            aside.append(proxy)
        for proxy in aside:
            untried.add(proxy)
        return found

    def _may_explore(self) -> bool:
        """
        Tell whether no more are under exploration than may be.

        As a share of the selections alone, exploration of a pool in which one in ten lets a request
        wait for 15 s would take most of the time of a crawl whose pages take 0.1 s.
        """
        at_most = self._explored_at_a_time
        if at_most and len(self._explored) >= at_most:
            for proxy, completed in list(self._explored.items()):
                if self._record_of(proxy).requests_completed != completed:
                    del self._explored[proxy]
            return len(self._explored) < at_most
        return True

    def _explore(self, pool: ProxySet, excluded: Collection[str]) -> Proxy | None:
        """
        Find a proxy that is new or long unseen.

        The hand goes round the pool, a proxy each time, and points at each once in
        ``pool size / exploration`` selections. One that was not selected since it was last pointed
        at is: so each is tried at least so often, and what is selected anyway costs nothing. (The
        CLOCK algorithm of page replacement: F. J. Corbató, "A Paging Experiment with the Multics
        System", 1968.)
        """
        proxy = self._next_untried(excluded)
        if proxy is not None or not pool.proxies:
            return proxy
        self._hand = (self._hand + 1) % len(pool.proxies)
        proxy = pool.proxies[self._hand]
        record = self._record_of(proxy)
        started = record.requests_started
        is_unseen = self._started_when_visited.get(proxy, 0) == started
        if (
            is_unseen
            and not record.requests_active
            and not proxy._is_barred
            and proxy.id not in excluded
            and self._is_worth_a_try(proxy)
        ):
            record._average.is_stale = proxy in self._started_when_visited
            self._started_when_visited[proxy] = started + 1
            return proxy
        self._started_when_visited[proxy] = started
        return None

    def _record_of(self, proxy: Proxy) -> Proxy | Pair:
        return proxy if self._figures is None else self._figures.record(proxy)

    def _ema_ms(self, proxy: Proxy) -> float | None:
        return proxy._average.ema_ms if self._figures is None else self._figures.ema_ms(proxy)

    def _is_worth_a_try(self, proxy: Proxy) -> bool:
        """Tell whether exploration is to try a proxy that is long unseen, now."""
        return True

    def _least_bad(self, pool: ProxySet, excluded: Collection[str]) -> Proxy | None:
        """Of the next proxies round the pool, the one with the fewest failures, then in flight."""
        proxies = pool.proxies
        self._hand += 1
        compared = min(len(proxies), _COMPARED + min(len(excluded), _PASSED_OVER))
        candidates = (proxies[(self._hand + i) % len(proxies)] for i in range(compared))
        return min(
            (one for one in candidates if not one._is_barred and one.id not in excluded),
            key=lambda proxy: (proxy.consecutive_failures, proxy.requests_active),
            default=None,
        )


def limited(ema_ms: float) -> float:
    """Return what makes a weight in place of an EMA, which may have been set by hand."""
    return min(max(ema_ms, LEAST_EMA_MS), MOST_EMA_MS)


def is_idle(proxy: Proxy) -> bool:
    """Tell whether nothing bad is known of *proxy*, and nothing under way to find out."""
    return not (proxy.consecutive_failures or proxy.requests_active or proxy._is_barred)
