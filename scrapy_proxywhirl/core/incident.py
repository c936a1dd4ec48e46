"""What failed attempts did to their proxies, until it is clear whose fault they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from random import getrandbits
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.average import Move, MovingAverage
    from scrapy_proxywhirl.core.cooldown import Rest
    from scrapy_proxywhirl.core.health import HealthStatus
    from scrapy_proxywhirl.core.proxy import Proxy

# So many are kept, the latest; of one that is not, nobody learns any more whose fault it was.
_INCIDENTS = 4096

# So many domains are known to have given something, and as many to have pages that are to blame:
# the first.
_DOMAINS = 65536

# A domain that has given nothing, and so many pages of which were to blame, refuses everybody.
_REFUSES_AFTER = 3


@dataclass(slots=True, eq=False)
class Incident:
    """
    What a failed attempt did to its proxy: see :meth:`Proxy.take_back`.

    Attributes:
        proxy: Which one.
        domain: Whose page it was.
        is_lasting: Whether it will be the same the next time, as with wrong credentials.
        cost_ms: What it is known to have taken, as the time-out that it ran into; else 0.
        reason: What it was, in a word of whoever recorded it.
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
    reason: str = ""
    rests: tuple[Rest, ...] = ()
    moves: tuple[tuple[MovingAverage, Move], ...] = ()
    failures: int = 0
    health_before: HealthStatus | None = None
    works_here: bool = False
    works_elsewhere: bool = False


class Incidents:
    """
    Failed attempts, and whether their proxies have been seen to work since.

    A page that fails through proxies which work is to blame itself. A proxy works that has served
    another page of the same domain since or, while the domain has given nothing at all, one of any
    other domain. Without that nothing is known yet: so does an outage look. Once that has been so
    for three pages of a domain that has given nothing at all, it refuses everybody, and its pages
    are to blame whether or not anything is served meanwhile.

    Each operation takes constant time, but for the incidents of one proxy. Not thread-safe.
    """

    def __init__(self) -> None:
        # Numbers travel with requests to disk, and those of another run must not be found in this.
        self._numbers = count(getrandbits(62))
        self._incidents: dict[int, Incident] = {}
        self._of_proxy: dict[Proxy, set[Incident]] = {}
        self._giving: set[str | None] = set()
        self._blamed: Counter[str | None] = Counter()

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

    def served(self, proxy: Proxy, domain: str | None) -> None:
        """Note that *proxy* has brought a page of *domain*."""
        if domain not in self._giving and len(self._giving) < _DOMAINS:
            self._giving.add(domain)
        if not self._of_proxy:
            return
        for incident in self._of_proxy.get(proxy, ()):
            if incident.domain == domain:
                incident.works_here = True
            else:
                incident.works_elsewhere = True

    def is_cleared(self, incident: Incident) -> bool:
        """Tell whether the proxy of *incident* has been seen to work since."""
        domain = incident.domain
        if incident.works_here or domain in self._giving:
            return incident.works_here
        return incident.works_elsewhere or self.is_refusing(domain)

    def is_refusing(self, domain: str | None) -> bool:
        """Tell whether *domain* refuses everybody, as far as is known."""
        return self._blamed.get(domain, 0) >= _REFUSES_AFTER and domain not in self._giving

    def blamed(self, domain: str | None) -> None:
        """Note that a page of *domain* was to blame."""
        if domain in self._blamed or len(self._blamed) < _DOMAINS:
            self._blamed[domain] += 1
