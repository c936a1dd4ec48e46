"""Which proxies of a pool are left alone, everywhere or by a domain, and what where all are."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import islice
from math import inf
from random import Random
from typing import TYPE_CHECKING

from scrapy_proxywhirl.core.cooldown import Cooldown, Rest
from scrapy_proxywhirl.core.droughts import Droughts
from scrapy_proxywhirl.core.wanted import Wanted

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.delays import LearnedDelays
    from scrapy_proxywhirl.core.incident import Incident
    from scrapy_proxywhirl.core.indexed_set import IndexedSet
    from scrapy_proxywhirl.core.journal import PoolJournal
    from scrapy_proxywhirl.core.proxy import Proxy
    from scrapy_proxywhirl.core.proxy_set import ProxySet

# So many domains are remembered, those with the latest bans.
_DOMAINS = 1024

# A proxy that so many domains have banned, with no success since the first, is failing for all.
_DOMAINS_THAT_MAKE_A_FAILURE = 3

# So many resting proxies are compared where there are none but those.
_COMPARED = 256

_ANY = Wanted()


class PoolCooldowns:
    """
    The rests of a pool's proxies, everywhere and by domain.

    A failure on the way lets a proxy rest everywhere, a ban only for the domain that banned it;
    but bans by three domains, with no success since the first, are a failure too.

    Where all rest for a domain there is a drought. In it the proxy whose rest is over first is
    tried: at once, and after pauses that double, up to what a first rest may be; where an attempt
    that tells is still under way, only after that long. The first success ends,
    with the drought, the rests of all that have failed since the success before, and takes back
    what their failures have done to them: it was not they.

    Where a domain says with a ban how long that is, the proxy rests for as long, is seldom tried
    before, and goes on resting when a drought is over. Where one is taken clearly earlier than the
    domain has said, it is not listened to any more.

    Not thread-safe: it is called with the pool's lock held.

    Args:
        first: What the first rest of a proxy may be, in seconds; above 0.
        longest: What none is longer than, in seconds; at least *first*.
        clock: Gives the time in seconds.
        rng: The source of chance.
        delays: Between two requests of a proxy to a domain; None for none.

    Raises:
        ValueError: *first* or *longest* is out of its range.

    Attributes:
        everywhere: The rests of proxies that failed for all.
        is_idle: Whether nothing is known: then none of this needs to be asked.
        journal: Is told of rests that begin or end; None where nobody asks.
    """

    def __init__(
        self,
        first: float,
        longest: float,
        clock: Callable[[], float],
        rng: Random | None = None,
        delays: LearnedDelays | None = None,
    ) -> None:
        if not 0.0 < first <= longest < inf:
            raise ValueError(
                f"first is {first!r} and longest {longest!r}; they must be finite numbers above 0,"
                " the second not below the first"
            )
        self._first = first
        self._clock = clock
        self._rng = rng or Random()
        self._longest = longest
        self.delays = delays
        self.journal: PoolJournal | None = None
        self.everywhere = self._new(None)
        self.is_idle = True
        self._domains: OrderedDict[str | None, Cooldown] = OrderedDict()
        self._banned_by: dict[str, set[str]] = {}  # since its last success, by a proxy's id
        self._droughts = Droughts(first, clock)
        self._doubted: dict[str | None, None] = {}  # that did not ban for so long as told

    def wake(self, domain: str | None) -> Collection[str]:
        """
        End the rests that are over.

        Returns:
            The ids of those that rest for *domain*.
        """
        for proxy in self.everywhere.wake():
            proxy._rest(False)
        cooldown = self._domains.get(domain)
        if cooldown is None:
            self.is_idle = not (
                self.everywhere.rests
                or self._domains
                or self._banned_by
                or (self.delays is not None and not self.delays.is_idle)
            )
            if self.is_idle:
                self._droughts.clear()
            return ()
        cooldown.wake()
        if not cooldown.rests:
            del self._domains[domain]
        return cooldown.barred

    def bans(self, proxy: Proxy, domain: str) -> bool:
        """Tell whether *domain* has banned *proxy*, and not taken it since."""
        cooldown = self._domains.get(domain)
        return cooldown is not None and proxy.id in cooldown.rests

    def started(self, proxy: Proxy, domain: str | None) -> None:
        """Note an attempt through *proxy* at *domain*."""
        if self.everywhere.started(proxy):
            proxy._rest(True)
        cooldown = self._domains.get(domain)
        if cooldown is not None:
            cooldown.started(proxy)
        if self._droughts.by_domain:
            self._droughts.tried(domain, proxy)
        if self.delays is not None:
            self.delays.started(proxy, domain)

    def failed(self, incident: Incident, started: float | None) -> Rest | None:
        """Let a proxy rest everywhere; return its rest, or None where its failure is no news."""
        self.is_idle = False
        proxy = incident.proxy
        rest = self.everywhere.failed(incident, started)
        proxy._rest(proxy.id in self.everywhere.barred)
        self._abandoned_by(incident.domain, proxy, started)
        return rest

    def banned(
        self, incident: Incident, domain: str, started: float | None
    ) -> tuple[Rest | None, bool]:
        """
        Let a proxy rest for *domain*.

        Returns:
            The rest, or None where the ban is no news, and whether the proxy is failing for all.
        """
        proxy = incident.proxy
        self.is_idle = False
        cooldown = self._domains.get(domain)
        if cooldown is None:
            cooldown = self._add(domain)
        self._domains.move_to_end(domain)
        if self.delays is not None:
            self.delays.count_ban(domain, started)
        retry_after = 0.0 if domain in self._doubted else incident.retry_after
        rest = cooldown.failed(incident, started, retry_after)
        domains = self._banned_by.setdefault(proxy.id, set())
        domains.add(domain)
        if len(domains) >= _DOMAINS_THAT_MAKE_A_FAILURE:
            del self._banned_by[proxy.id]
            return rest, True
        if self.everywhere.abandoned(proxy, started):
            proxy._rest(False)
        return rest, False

    def succeeded(self, proxy: Proxy, domain: str | None, started: float | None) -> None:
        """Note that *proxy* works."""
        cooldown = self._domains.get(domain)
        if cooldown is not None and cooldown.contradicts(proxy, started):
            self._doubt(domain)
        if self._droughts.by_domain:
            dry = self._droughts.end(domain, proxy, started)
            if dry is not None:
                self._recall(domain)
                if self.delays is not None:
                    self.delays.was_dry(domain, dry)
        if self.everywhere.succeeded(proxy, started):
            proxy._rest(False)
        if cooldown is not None:
            cooldown.succeeded(proxy, started)
        if self._banned_by:
            self._banned_by.pop(proxy.id, None)

    def take_back(self, incident: Incident) -> None:
        """End the rests that *incident* began: it was not the proxy's fault."""
        proxy = incident.proxy
        cooldown = self._domains.get(incident.domain)
        for rest in incident.rests:
            if self.everywhere.take_back(rest):
                proxy._rest(False)
            elif cooldown is not None:
                cooldown.take_back(rest)
        if incident.domain is not None and proxy.id in self._banned_by:
            self._banned_by[proxy.id].discard(incident.domain)

    def abandoned(self, proxy: Proxy, domain: str | None, started: float | None) -> None:
        """Note an attempt that says nothing."""
        if self.everywhere.abandoned(proxy, started):
            proxy._rest(False)
        self._abandoned_by(domain, proxy, started)

    def others(self, of: ProxySet, domain: str | None) -> IndexedSet[Proxy] | None:
        """Return those of *of* that *domain* has not banned, where it has most; else None."""
        cooldown = self._domains.get(domain)
        return None if cooldown is None else cooldown.others(of)

    def to_try_in_drought(self, domain: str | None, wanted: Wanted | None = None) -> Proxy | None:
        """
        Return the proxy that is tried in a drought, when it is time; else None.

        It is the one whose rest is over first, those last that are being tried.

        Args:
            domain: Which has no proxy.
            wanted: What else a proxy has to be; None for any.
        """
        # Those of many sessions are one drought.
        wanted = wanted._replace(session=None) if wanted else _ANY
        if not self._droughts.may_try(domain, wanted):
            return None
        cooldown = self._domains.get(domain)
        delayed = self.delayed(domain)
        rests = [
            rest
            for scope in (self.everywhere, cooldown)
            if scope is not None
            for rest in islice(_those_of(scope, wanted), _COMPARED)
            if rest.proxy.id not in delayed
        ]
        first = min(rests, key=lambda rest: (rest.is_tried, rest.until), default=None)
        if first is None:
            return None
        is_tried = any(rest.is_tried for rest in rests)
        if (is_tried or first.is_told) and not self._droughts.may_try(
            domain, wanted, is_tried, first.is_told
        ):
            return None
        return first.proxy

    def has_told(self, domain: str | None, wanted: Wanted | None = None) -> bool:
        """
        Tell whether *domain* has said when it will take a proxy again that it has banned.

        Not of one that it has banned again since, with nothing in between: that may be for ever.
        """
        cooldown = self._domains.get(domain)
        if cooldown is None or not cooldown.was_told:
            return False
        some = islice(_those_of(cooldown, wanted or _ANY), _COMPARED)
        return any(rest.is_told and rest.step == 1 for rest in some)

    def rest_of(self, proxy: Proxy, domain: str | None) -> Rest | None:
        """Return the rest of *proxy* for *domain*, or for all; None without one."""
        cooldown = self.everywhere if domain is None else self._domains.get(domain)
        return cooldown.rests.get(proxy.id) if cooldown is not None else None

    def learn(self, proxy: Proxy, domain: str | None, seconds: float, step: int) -> None:
        """
        Let a proxy rest, or do so no more, as somebody else knows it.

        Args:
            proxy: Which one.
            domain: By whom; None for all.
            seconds: How long from now; 0 where it is over.
            step: Failures in a row, each after a rest of its own.
        """
        cooldown = self.everywhere if domain is None else self._domains.get(domain)
        if seconds > 0.0:
            self.is_idle = False
            if cooldown is None:
                assert domain is not None
                cooldown = self._add(domain)
            cooldown.learn(proxy, min(seconds, self._longest), max(1, step))
        elif cooldown is not None:
            cooldown.forget(proxy)
        if domain is None:
            proxy._rest(seconds > 0.0)

    def forget(self, proxy: Proxy) -> None:
        """Know nothing of *proxy* any more: it has left the pool."""
        for cooldown in (self.everywhere, *self._domains.values()):
            cooldown.forget(proxy)
        self._banned_by.pop(proxy.id, None)
        if self.delays is not None:
            self.delays.forget(proxy)

    def came(self, proxy: Proxy, domain: str | None, bans: Iterable[Incident]) -> float:
        """
        Note that a page of *domain* has come by *proxy*, with which others were banned.

        Returns:
            The delay between two requests of a proxy to the domain, where that is known from now
            on to keep them from bans; else 0.
        """
        if self.delays is None:
            return 0.0
        is_proven = self.delays.served(proxy, domain)
        for ban in bans:
            self.delays.learn_from(ban)
        if not self.delays.is_idle:
            self.is_idle = False
        return self.delays.delay(domain) if is_proven else 0.0

    def delayed(self, domain: str | None) -> Collection[str]:
        """Return the ids of those that have but to wait before they ask *domain* again."""
        return self.delays.wake(domain) if self.delays is not None else ()

    def has_delayed(
        self, domain: str | None, resting: Collection[str], wanted: Wanted | None
    ) -> bool:
        """Tell whether one has but to wait: see :meth:`LearnedDelays.has_waiting`."""
        return self.delays is not None and self.delays.has_waiting(domain, resting, wanted)

    def _new(self, domain: str | None) -> Cooldown:
        noted = partial(self._note, domain)
        return Cooldown(self._first, self._longest, self._clock, self._rng, noted)

    def _add(self, domain: str) -> Cooldown:
        cooldown = self._domains[domain] = self._new(domain)
        if len(self._domains) > _DOMAINS:
            self._domains.popitem(last=False)
        return cooldown

    def _note(self, domain: str | None, proxy: Proxy) -> None:
        if self.journal is not None:
            self.journal.rested(proxy, domain)

    def _recall(self, domain: str | None) -> None:
        """End the rests of all that have failed since the success before."""
        for rest in self.everywhere.recall():
            for incident in reversed(rest.incidents):
                rest.proxy._take_back(incident)
            rest.proxy._rest(False)
            rest.proxy._notify()
        cooldown = self._domains.get(domain)
        if cooldown is not None:
            cooldown.recall(with_told=domain in self._doubted)

    def _doubt(self, domain: str | None) -> None:
        """Listen no more to how long *domain* says that it bans a proxy."""
        self._doubted[domain] = None
        if len(self._doubted) > _DOMAINS:
            del self._doubted[next(iter(self._doubted))]

    def _abandoned_by(self, domain: str | None, proxy: Proxy, started: float | None) -> None:
        cooldown = self._domains.get(domain)
        if cooldown is not None:
            cooldown.abandoned(proxy, started)


def _those_of(scope: Cooldown, wanted: Wanted) -> Iterator[Rest]:
    for rest in scope.barred.values():
        if not rest.proxy._is_busy and (wanted is _ANY or wanted.fits(rest.proxy)):
            yield rest
