"""What is known of a pool's proxies domain by domain."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from scrapy_proxywhirl.core.domain_figures import DomainFigures
from scrapy_proxywhirl.core.health import HealthStatus
from scrapy_proxywhirl.core.paces import Paces
from scrapy_proxywhirl.core.penalty import HasAnswered, charge_for_failure
from scrapy_proxywhirl.core.views import PoolPart

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.filter import ProxyFilter
    from scrapy_proxywhirl.core.incident import Incident
    from scrapy_proxywhirl.core.proxy import Proxy
    from scrapy_proxywhirl.core.proxy_set import ProxySet

# So many domains have figures of their own, those asked for last, and of so many proxies all
# together; but one has, however large the pool.
_DOMAINS = 1024
_PROXIES = 2**18

# Where there is no room, one domain may take the place of another in as many selections as one in
# so many of the proxies that it is to know: to make a place takes as long as so many selections.
_PROXIES_IN_A_SELECTION = 16

# A domain knows the pool, and parts of it with as many proxies as so many pools at most.
_POOLS = 4

# So many proxies are looked at anew in a selection, where a domain's level has become clearer.
_LOOKED_AT = 256

# So many changes are remembered beside two for each proxy.
_CHANGES = 64

_UNHEALTHY = HealthStatus.UNHEALTHY


class DomainPool(PoolPart):
    """
    A pool, or a part of it, as one domain knows its proxies.

    Args:
        of: The pool, or the part; its proxies are this one's, as they come and go.
        figures: What is known of them.

    Attributes:
        of: As above.
    """

    def __init__(self, of: ProxySet, figures: DomainFigures) -> None:
        super().__init__(of.name, of.lock, figures)
        self.of = of
        self.only = of.only
        self.proxies = of.proxies
        self._positions = of._positions

    def _take_in(self, proxy: Proxy) -> None:
        self.revision += 1

    def _let_go(self, proxy: Proxy) -> None:
        self.revision += 1


class _Domain:
    """
    One domain.

    Attributes:
        figures: What is known of the proxies.
        pools: The pool, and parts of it, with these figures.
        responses: How many have come.
        used: The number of the selection that it was last asked for in.
        seen: How many of the changes of proxies the pools know of.
        to_look_at: How many of the pools' proxies are yet to be looked at anew, the first ones.
    """

    __slots__ = ("figures", "pools", "responses", "seen", "to_look_at", "used")

    def __init__(self, figures: DomainFigures) -> None:
        self.figures = figures
        self.pools: dict[ProxyFilter | None, DomainPool] = {}
        self.responses = 0
        self.used = 0
        self.seen = 0
        self.to_look_at = 0

    def changed(self, proxy: Proxy) -> None:
        """Let the pools know that *proxy* is in."""
        for pool in self.pools.values():
            if proxy in pool:
                pool.changed(proxy)

    def look_at(self, number: int) -> None:
        """Look at so many of those that are yet to be looked at."""
        last = max(0, self.to_look_at - number)
        for pool in self.pools.values():
            for proxy in pool.proxies[last : self.to_look_at]:
                pool.changed(proxy)
        self.to_look_at = last


class PoolDomains:
    """
    What is known of a pool's proxies domain by domain.

    A domain has a moving average of its own for each proxy that has served it. Of another proxy it
    expects what the proxy's pace, whatever it serves, makes of the domain's level: see
    :class:`~scrapy_proxywhirl.core.paces.Paces`. The first response stands in the place of what was
    expected.

    The domains that were asked for last have figures of their own, up to 1,024 of them and 262,144
    proxies all together. Where there is no room for one it is served by the proxies' paces, as long
    as the others are in use.

    A selection for a domain takes constant time, and time in proportion to the proxies that began
    or ceased to be available since the last one for that domain; where attempts in flight matter,
    to those that were used. The first one takes time in proportion to the pool. After the first
    response of a domain, the fourth, the sixteenth, and so on, its level is applied to the proxies
    anew, some with each selection.

    Not thread-safe: it is called with the pool's lock held.

    Attributes:
        is_load_aware: Whether a change of the attempts in flight on a proxy matters to selection.
    """

    hears_of_slight_changes = True  # of the attempts in flight

    def __init__(self) -> None:
        self.is_load_aware = False
        self._paces = Paces()
        self._elsewhere = _Domain(DomainFigures(None, self._paces))
        self._domains: OrderedDict[str | None, _Domain] = OrderedDict()
        self._states: dict[Proxy, int] = {}  # of the proxies of the pool, as last seen
        self._changes: list[Proxy] = []  # the latest
        self._forgotten = 0  # changes before those
        self._selections = 0
        self._next_eviction = 0  # the number of a selection

    def seen_by(self, domain: str | None, of: ProxySet) -> DomainPool:
        """Return *of*, the pool or a part of it, as *domain* knows its proxies."""
        self._selections += 1
        known = self._admit(domain)
        if known is None or not self._may_know(known, of):
            known = self._elsewhere
            if not self._may_know(known, of):
                known.pools.clear()
        pool = known.pools.get(of.only)
        if pool is None or pool.of is not of:
            pool = known.pools[of.only] = DomainPool(of, known.figures)
        self._catch_up(known)
        return pool

    def started(self, proxy: Proxy, domain: str | None) -> None:
        """Note an attempt by *proxy* at a page of *domain*."""
        known = self._domains.get(domain)
        if known is not None:
            known.figures.started(proxy)

    def succeeded(
        self,
        proxy: Proxy,
        domain: str | None,
        response_time_ms: float,
        alpha: float,
        may_restart: bool,
    ) -> None:
        """Learn from a response of *domain* by *proxy*: see :meth:`Proxy.complete_request`."""
        self._paces.took(proxy, domain, response_time_ms, alpha)
        known = self._admit(domain)
        if known is not None:
            known.figures.take_in(proxy, response_time_ms, alpha, may_restart)
            known.responses += 1
            if is_power_of_four(known.responses):
                known.to_look_at = len(self._states)

    def failed(
        self, incident: Incident, alpha: float, failure_penalty: float, is_for_all: bool
    ) -> None:
        """
        Charge a proxy with a failure.

        Args:
            incident: The failure.
            alpha: The share that the averages are moved with.
            failure_penalty: What it is charged, in medians of what the domain's pages last took.
            is_for_all: Whether it counts for other domains too.
        """
        proxy, domain = incident.proxy, incident.domain
        known = self._admit(domain)
        figures = known.figures if known else DomainFigures(domain, self._paces)
        ema_ms = figures.ema_ms(proxy)
        charge = charge_for_failure(
            ema_ms, incident.cost_ms, failure_penalty, _answered(figures, proxy)
        )
        if charge is None:
            return
        if known:
            incident.moves += (figures.charge(proxy, charge, alpha),)
        if is_for_all:
            incident.moves += (self._paces.charge(proxy, domain, charge, alpha),)

    def ended(self, proxy: Proxy, domain: str | None) -> None:
        """Note that an attempt by *proxy* at a page of *domain* is over."""
        known = self._domains.get(domain)
        if known is not None:
            known.figures.ended(proxy)
        self.refigured(proxy, domain)

    def refigured(self, proxy: Proxy, domain: str | None) -> None:
        """Note that what is known of *proxy* has changed for *domain*, or elsewhere."""
        self._elsewhere.changed(proxy)
        known = self._domains.get(domain)
        if known is not None:
            known.changed(proxy)

    def forget(self, proxy: Proxy) -> None:
        """Know nothing of *proxy* any more but its EMA over all domains."""
        self._paces.forget(proxy)
        for known in self._domains.values():
            known.figures.forget(proxy)
        self._note(proxy)

    def added(self, proxy: Proxy) -> None:
        """Take in a proxy that joined the pool."""
        self._states[proxy] = _state_of(proxy)
        for pool in self._pools():
            if pool.only is None or pool.only.fits(proxy):
                pool.added(proxy)

    def changed(self, proxy: Proxy, slightly: bool = False) -> None:
        """Take note of what matters to all domains."""
        state = _state_of(proxy)
        if self.is_load_aware or state != self._states[proxy]:
            self._states[proxy] = state
            self._note(proxy)

    def removed(self, proxy: Proxy) -> None:
        """Forget a proxy that left the pool."""
        del self._states[proxy]
        for pool in self._pools():
            if pool.only is None or pool.only.fits(proxy):
                pool.removed(proxy)
        self._paces.forget(proxy)
        for known in self._domains.values():
            known.figures.forget(proxy)

    def _pools(self) -> Iterator[DomainPool]:
        for known in (self._elsewhere, *self._domains.values()):
            yield from known.pools.values()

    def _admit(self, domain: str | None) -> _Domain | None:
        """Return what is known of *domain*, which is in use; None where there is no room for it."""
        known = self._domains.get(domain)
        if known is None:
            if not self._make_room():
                return None
            known = self._domains[domain] = _Domain(DomainFigures(domain, self._paces))
            known.seen = self._forgotten + len(self._changes)
        self._domains.move_to_end(domain)
        known.used = self._selections
        return known

    def _make_room(self) -> bool:
        """Let go of a domain that is out of use, if need be; tell whether there is room now."""
        size = len(self._states)
        at_most = max(1, min(_DOMAINS, _PROXIES // max(1, size)))
        if len(self._domains) < at_most:
            return True
        enough = size // _PROXIES_IN_A_SELECTION
        oldest = next(iter(self._domains.values()))
        if self._selections < max(self._next_eviction, oldest.used + enough):
            return False
        self._next_eviction = self._selections + enough
        while len(self._domains) >= at_most:
            self._domains.popitem(last=False)
        return True

    def _may_know(self, known: _Domain, of: ProxySet) -> bool:
        if of.only is None or of.only in known.pools:
            return True
        parts = sum(len(pool) for pool in known.pools.values() if pool.only is not None)
        return parts + len(of) <= _POOLS * len(self._states)

    def _catch_up(self, known: _Domain) -> None:
        unseen = known.seen - self._forgotten
        if unseen < len(self._changes):
            if unseen < 0:
                known.to_look_at = size = len(self._states)
                known.look_at(size)
            else:
                for proxy in dict.fromkeys(self._changes[unseen:]):
                    known.changed(proxy)
            known.seen = self._forgotten + len(self._changes)
        if known.to_look_at:
            known.look_at(_LOOKED_AT)

    def _note(self, proxy: Proxy) -> None:
        self._changes.append(proxy)
        if len(self._changes) > 2 * len(self._states) + _CHANGES:
            half = len(self._changes) // 2
            del self._changes[:half]
            self._forgotten += half


def _answered(figures: DomainFigures, proxy: Proxy) -> Sequence[HasAnswered]:
    """Return what a failure of *proxy* is measured by: those of the pool, where no other is."""
    if figures.answered:
        return figures.answered.items
    answered = proxy._shared.answered
    return answered.items if answered else ()


def is_power_of_four(number: int) -> bool:
    """Tell whether *number* is 1, 4, 16, 64, and so on."""
    return number & (number - 1) == 0 and number.bit_length() % 2 == 1


def _state_of(proxy: Proxy) -> int:
    """Return what matters of a proxy to every domain: whether it may be selected, and is known."""
    return (
        proxy._is_barred
        + 2 * (proxy._health_status is _UNHEALTHY)
        + 4 * (proxy._average.ema_ms is None)
    )
