"""Times in which no proxy may be selected for a domain."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.proxy import Proxy
    from scrapy_proxywhirl.core.wanted import Wanted

# So many domains are remembered, and so many kinds of pages of each.
_DOMAINS = 1024
_KINDS = 512

# The second attempt comes after the longest interval by this.
_FIRST = 64


@dataclass(slots=True, eq=False)
class _Drought:
    """
    A time in which no proxy may be selected for one kind of a domain's pages.

    Attributes:
        began: By the clock, in seconds.
        tried: When it began, or an attempt was last made in it.
        pause: Seconds from one attempt that has failed to the next.
    """

    began: float
    tried: float
    pause: float


class Droughts:
    """
    The times in which no proxy may be selected, by domain and by what its pages want.

    In each a proxy is tried at once, and while that fails less and less often: it may be but one
    page in ten that does, as through a gateway with many exits. The first success of one that
    would do ends it.

    Not thread-safe: it is called with the pool's lock held.

    Args:
        interval: The longest between two attempts in a drought, in seconds.
        clock: Gives the time in seconds.

    Attributes:
        by_domain: Those that there are; empty where there is none.
    """

    def __init__(self, interval: float, clock: Callable[[], float]) -> None:
        self._interval = interval
        self._clock = clock
        self.by_domain: OrderedDict[str | None, dict[Wanted, _Drought]] = OrderedDict()

    def may_try(
        self, domain: str | None, wanted: Wanted, is_tried: bool = False, is_told: bool = False
    ) -> bool:
        """
        Tell whether it is time for an attempt; a drought that was not known begins.

        Args:
            domain: Which has no proxy.
            wanted: What else a proxy has to be.
            is_tried: Whether an attempt is under way that tells if a proxy works again.
            is_told: Whether the domain has said that it is too early: then each attempt comes only
                after as long again as the drought has taken.
        """
        now = self._clock()
        droughts = self.by_domain.setdefault(domain, {})
        drought = droughts.get(wanted)
        if drought is None:
            if len(droughts) >= _KINDS:
                droughts.clear()
            drought = droughts[wanted] = _Drought(now, now, 0.0)
            if len(self.by_domain) > _DOMAINS:
                self.by_domain.popitem(last=False)
        pause = self._interval if is_tried else drought.pause
        if is_told:
            pause = max(self._interval, drought.tried - drought.began)
        return now >= drought.tried + pause

    def tried(self, domain: str | None, proxy: Proxy) -> None:
        """Note an attempt through *proxy* at *domain*."""
        for wanted, drought in self.by_domain.get(domain, {}).items():
            if wanted.fits(proxy):
                drought.tried = self._clock()
                drought.pause = min(2.0 * drought.pause or self._interval / _FIRST, self._interval)

    def end(self, domain: str | None, proxy: Proxy, started: float | None) -> float | None:
        """
        End those that a success of *proxy* at *domain* shows to be over.

        Args:
            domain: Which.
            proxy: Which one; a drought of pages that it would not do for goes on.
            started: When the attempt began, by the clock; None for now. One that was under way
                when a drought began says nothing of it.

        Returns:
            For how many seconds there was one; None where there was none.
        """
        droughts = self.by_domain.get(domain, {})
        over = {
            wanted: drought.began
            for wanted, drought in droughts.items()
            if wanted.fits(proxy) and (started is None or started >= drought.began)
        }
        if not over:
            return None
        for wanted in over:
            del droughts[wanted]
        if not droughts:
            del self.by_domain[domain]
        return self._clock() - min(over.values())

    def clear(self) -> None:
        """Know of none any more."""
        self.by_domain.clear()
