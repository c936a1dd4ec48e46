"""What failed attempts did to their proxies, until it is clear whose fault they were."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import inf
from random import getrandbits
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.average import Move, MovingAverage
    from scrapy_proxywhirl.core.cooldown import Rest
    from scrapy_proxywhirl.core.health import HealthStatus
    from scrapy_proxywhirl.core.proxy import Proxy

# So many are kept, the latest; of one that is not, nobody learns any more whose fault it was.
_INCIDENTS = 4096

# Of so many domains it is known what their pages came to, the first.
_DOMAINS = 65536

# A page that fails alike so often, through proxies which otherwise work, is to blame itself.
ALIKE = 3

# What so many pages came to that had failed often tells of a domain, and of its other pages; each
# time that it is known of so many, half of them are forgotten.
_ENOUGH = 3
_MANY = 64

# So many reasons for which pages of a domain were lost are known.
_REASONS = 16

# Where this share of them have come after all, at least, a failure says little of the page; where
# no more than that one have, it says much.
_OFTEN = 0.2
_SELDOM = 0.1


@dataclass(slots=True, eq=False)
class Incident:
    """
    What a failed attempt did to its proxy: see :meth:`Proxy.take_back`.

    Attributes:
        proxy: Which one.
        domain: Whose page it was.
        is_lasting: Whether it will be the same the next time, as with wrong credentials.
        cost_ms: What it is known to have taken, as the time-out that it ran into; else 0.
        retry_after: Seconds for which the domain has asked to be left alone; 0 where it has not.
        reason: What it was, in a word of whoever recorded it.
        began: When the attempt began, in seconds by whoever recorded it.
        is_ban: Whether it was the site's refusal.
        rests: That it began: one for all, one for the domain, or none where it was no news.
        moves: What it did to which averages of response times, until that is taken back.
        failures: How many in a row it made, where it made any.
        health_before: What the proxy was before, until then.
        works_here: Whether the proxy has served another page of the domain since.
        works_elsewhere: Whether it has served one of another domain.
    """

    proxy: Proxy
    domain: str | None
    is_lasting: bool = False
    cost_ms: float = 0.0
    retry_after: float = 0.0
    reason: str = ""
    began: float = -inf
    is_ban: bool = False
    rests: tuple[Rest, ...] = ()
    moves: tuple[tuple[MovingAverage, Move], ...] = ()
    failures: int = 0
    health_before: HealthStatus | None = None
    works_here: bool = False
    works_elsewhere: bool = False


@dataclass(slots=True)
class _Site:
    """
    What the pages of one domain came to.

    Attributes:
        gave: When the latest attempt began that brought one; None where none has.
        came: How many have come that had failed often.
        lost: How many have not, though the proxies otherwise work.
        reasons: What those came to.
    """

    gave: float | None = None
    came: int = 0
    lost: int = 0
    reasons: set[str] = field(default_factory=set)

    def forget_some(self) -> None:
        """Let what is new count for more than what is old."""
        if self.came + self.lost >= _MANY:
            self.came //= 2
            self.lost //= 2


_UNKNOWN = _Site()


class Incidents:
    """
    Failed attempts, and whether their proxies have been seen to work since.

    A page that fails alike through three proxies which work is to blame itself. A proxy works that
    has served another page of the same domain since or, while the domain has given nothing at all,
    one of any other domain. Without that nothing is known yet: so does an outage look. Once that
    has been so for three pages of a domain that has given nothing at all, it refuses everybody, and
    its pages are to blame whether or not anything is served meanwhile.

    What other pages came to tells of the next one. Where some that failed so have come after all,
    the site refuses at random, or those who ask too often: a page is not to blame then. Where none
    has, one that fails three times is to blame if anything of its domain came in between.

    Each operation takes constant time, but for the incidents of one proxy. Not thread-safe.
    """

    def __init__(self) -> None:
        # Numbers travel with requests to disk, and those of another run must not be found in this.
        self._numbers = count(getrandbits(62))
        self._incidents: dict[int, Incident] = {}
        self._of_proxy: dict[Proxy, set[Incident]] = {}
        self._sites: dict[str | None, _Site] = {}

    def add(self, incident: Incident) -> int:
        """Keep *incident*; return its number."""
        number = next(self._numbers)
        self._incidents[number] = incident
        self._of_proxy.setdefault(incident.proxy, set()).add(incident)
        if len(self._incidents) > _INCIDENTS:
            self.discard([next(iter(self._incidents))])
        return number

    def get(self, numbers: Iterable[int]) -> list[Incident]:
        """Return those that are kept of *numbers*."""
        return [self._incidents[number] for number in numbers if number in self._incidents]

    def discard(self, numbers: Iterable[int]) -> None:
        """Keep those of *numbers* no longer."""
        for number in numbers:
            incident = self._incidents.pop(number, None)
            if incident is None:
                continue
            others = self._of_proxy[incident.proxy]
            others.discard(incident)
            if not others:
                del self._of_proxy[incident.proxy]

    def served(self, proxy: Proxy, domain: str | None, started: float) -> None:
        """Note that *proxy* has brought a page of *domain*, by an attempt that began then."""
        site = self._site(domain)
        site.gave = started if site.gave is None else max(site.gave, started)
        if not self._of_proxy:
            return
        for incident in self._of_proxy.get(proxy, ()):
            if started <= incident.began:
                continue
            if incident.domain == domain:
                incident.works_here = True
            else:
                incident.works_elsewhere = True

    def came_after_all(self, domain: str | None) -> None:
        """Note that a page of *domain* has come that had failed often."""
        site = self._site(domain)
        site.came += 1
        site.forget_some()

    def lost(self, incident: Incident) -> None:
        """Note that a page has not come, whose last *incident* was no proxy's fault."""
        site = self._site(incident.domain)
        site.lost += 1
        if len(site.reasons) < _REASONS:
            site.reasons.add(incident.reason)
        site.forget_some()

    def is_at_fault(self, alike: Sequence[Incident]) -> bool:
        """Tell whether a page that has failed *alike* is to blame itself."""
        if len(alike) < ALIKE:
            return False
        site = self._sites.get(alike[0].domain, _UNKNOWN)
        known = site.came + site.lost
        if site.came and site.came >= _OFTEN * known:
            return False
        if known >= _ENOUGH and site.came <= _SELDOM * known and site.gave is not None:
            return site.gave > alike[0].began
        return self.count_cleared(alike) >= ALIKE

    def count_cleared(self, incidents: Iterable[Incident]) -> int:
        """Return how many of *incidents* have a proxy that has been seen to work since."""
        return sum(map(self._is_cleared, incidents))

    def is_no_news(self, incident: Incident) -> bool:
        """Tell whether *incident* is what its domain comes to for everybody."""
        domain = incident.domain
        return self.is_refusing(domain) and incident.reason in self._sites[domain].reasons

    def is_refusing(self, domain: str | None) -> bool:
        """Tell whether *domain* refuses everybody, as far as is known."""
        site = self._sites.get(domain, _UNKNOWN)
        return site.gave is None and site.lost >= _ENOUGH

    def _is_cleared(self, incident: Incident) -> bool:
        domain = incident.domain
        if incident.works_here or self._sites.get(domain, _UNKNOWN).gave is not None:
            return incident.works_here
        return incident.works_elsewhere or self.is_refusing(domain)

    def _site(self, domain: str | None) -> _Site:
        """Return what is known of *domain*, to be written to."""
        site = self._sites.get(domain)
        if site is None:
            site = _Site()
            if len(self._sites) < _DOMAINS:
                self._sites[domain] = site
        return site
