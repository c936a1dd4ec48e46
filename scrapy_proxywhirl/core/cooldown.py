"""How long proxies that failed are left alone, everywhere or by a domain."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from itertools import count, islice
from math import inf
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.proxy import Proxy

# So many domains are remembered, those with the latest bans.
_DOMAINS = 1024

# A proxy that so many domains have banned, with no success since the first, is failing for all.
_DOMAINS_THAT_MAKE_A_FAILURE = 3

# So many resting proxies are compared where there are none but those.
_COMPARED = 256


@dataclass(slots=True, eq=False)
class Rest:
    """
    The time for which a proxy is left alone.

    Attributes:
        proxy: Which one.
        step: Failures in a row, each after a rest of its own.
        began: By the clock, in seconds.
        until: When it is over.
        is_tried: Whether an attempt is under way that tells if the proxy works again.
    """

    proxy: Proxy
    step: int
    began: float
    until: float
    is_tried: bool = False


class Cooldown:
    """
    The rests of proxies, for one scope: everywhere, or one domain.

    A proxy that fails rests. When that is over one attempt tries it, and no other before that one
    has come back: a success ends it all, and after a failure the next rest may be twice as long.
    How long it is is drawn from [0, the longest that it may be], so that proxies which failed
    together do not come back together ("full jitter": M. Brooker, "Exponential Backoff and
    Jitter", AWS Architecture Blog, 2015).

    Args:
        first: What the first rest may be, in seconds; above 0.
        longest: What none is longer than, in seconds.
        clock: Gives the time in seconds.
        rng: The source of chance.

    Attributes:
        rests: All that are not over, and those over that nothing has tried since, by proxies' ids.
        barred: Those of them that rest or are being tried.
    """

    def __init__(
        self, first: float, longest: float, clock: Callable[[], float], rng: Random
    ) -> None:
        self._first = first
        self._longest = longest
        self._clock = clock
        self._rng = rng
        self.rests: dict[str, Rest] = {}
        self._due: list[tuple[float, int, Rest]] = []  # when something is to be done with a rest
        self._order = count()
        self.barred: dict[str, Rest] = {}

    def wake(self) -> list[Proxy]:
        """Let those be tried whose rest is over, and return them; forget what is long over."""
        due = self._due
        if not due:
            return []
        now = self._clock()
        woken = []
        while due and due[0][0] <= now:
            _, _, rest = heappop(due)
            proxy_id = rest.proxy.id
            if self.rests.get(proxy_id) is not rest or rest.is_tried:
                continue
            if self.barred.pop(proxy_id, None) is not None:
                woken.append(rest.proxy)
                self._look_again(rest.until + self._longest, rest)
            elif now >= rest.until + self._longest:  # nobody has tried it since: as good as new
                del self.rests[proxy_id]
        return woken

    def started(self, proxy: Proxy) -> bool:
        """Note an attempt; return whether it tries a proxy that has rested."""
        rest = self.rests.get(proxy.id)
        if rest is None:
            return False
        rest.is_tried = True
        self.barred[proxy.id] = rest
        return True

    def failed(self, proxy: Proxy, started: float | None) -> bool:
        """
        Let a proxy rest after a failure.

        Args:
            proxy: Which one.
            started: When the attempt began, by the clock; None for now.

        Returns:
            Whether that is news. It is not where the attempt began before the proxy's rest did, or
            before that was over: then it is part of what is known.
        """
        now = self._clock()
        rest = self.rests.get(proxy.id)
        if rest is not None:
            if started is not None and started < rest.until:
                if started >= rest.began:
                    self._put_back(rest, now)
                return False
            step = rest.step + 1
        else:
            step = 1
        at_most = min(self._longest, self._first * 2.0 ** min(step - 1, 64))
        until = now + self._rng.random() * at_most
        rest = self.rests[proxy.id] = self.barred[proxy.id] = Rest(proxy, step, now, until)
        self._look_again(until, rest)
        return True

    def succeeded(self, proxy: Proxy, started: float | None) -> bool:
        """Take a proxy out of its rest, unless the attempt began before that; tell if it was in."""
        rest = self.rests.get(proxy.id)
        if rest is None or (started is not None and started < rest.began):
            return False
        self.forget(proxy)
        return True

    def abandoned(self, proxy: Proxy, started: float | None) -> bool:
        """Note an attempt that says nothing; tell whether the proxy may be tried again now."""
        rest = self.rests.get(proxy.id)
        if rest is None or not rest.is_tried or (started is not None and started < rest.began):
            return False
        return self._put_back(rest, self._clock())

    def forget(self, proxy: Proxy) -> None:
        """Know nothing of *proxy* any more."""
        self.rests.pop(proxy.id, None)
        self.barred.pop(proxy.id, None)

    def _put_back(self, rest: Rest, now: float) -> bool:
        """Leave *rest* as it was before it was tried; return whether it is over."""
        rest.is_tried = False
        if rest.until > now:
            return False
        self.barred.pop(rest.proxy.id, None)
        self._look_again(rest.until + self._longest, rest)
        return True

    def _look_again(self, when: float, rest: Rest) -> None:
        heappush(self._due, (when, next(self._order), rest))


class PoolCooldowns:
    """
    The rests of a pool's proxies, everywhere and by domain.

    A failure on the way lets a proxy rest everywhere, a ban only for the domain that banned it;
    but bans by three domains, with no success since the first, are a failure too.

    Not thread-safe: it is called with the pool's lock held.

    Args:
        first: What the first rest of a proxy may be, in seconds; above 0.
        longest: What none is longer than, in seconds; at least *first*.
        clock: Gives the time in seconds.
        rng: The source of chance.

    Raises:
        ValueError: *first* or *longest* is out of its range.

    Attributes:
        everywhere: The rests of proxies that failed for all.
        is_idle: Whether nothing is known: then none of this needs to be asked.
    """

    def __init__(
        self,
        first: float,
        longest: float,
        clock: Callable[[], float],
        rng: Random | None = None,
    ) -> None:
        if not 0.0 < first <= longest < inf:
            raise ValueError(
                f"first is {first!r} and longest {longest!r}; they must be finite numbers above 0,"
                " the second not below the first"
            )
        self._new = partial(Cooldown, first, longest, clock, rng or Random())
        self.everywhere = self._new()
        self.is_idle = True
        self._domains: OrderedDict[str, Cooldown] = OrderedDict()
        self._banned_by: dict[str, set[str]] = {}  # since its last success, by a proxy's id

    def wake(self, domain: str | None) -> Collection[str]:
        """
        End the rests that are over.

        Returns:
            The ids of those that rest for *domain*.
        """
        for proxy in self.everywhere.wake():
            proxy._bar(False)
        cooldown = self._of(domain)
        if cooldown is None:
            self.is_idle = not (self.everywhere.rests or self._domains or self._banned_by)
            return ()
        cooldown.wake()
        if domain is not None and not cooldown.rests:
            del self._domains[domain]
        return cooldown.barred

    def started(self, proxy: Proxy, domain: str | None) -> None:
        """Note an attempt through *proxy* at *domain*."""
        if self.everywhere.started(proxy):
            proxy._bar(True)
        cooldown = self._of(domain)
        if cooldown is not None:
            cooldown.started(proxy)

    def failed(self, proxy: Proxy, domain: str | None, started: float | None) -> bool:
        """Let *proxy* rest everywhere; return whether its failure is news."""
        self.is_idle = False
        is_news = self.everywhere.failed(proxy, started)
        proxy._bar(proxy.id in self.everywhere.barred)
        self._abandoned_by(domain, proxy, started)
        return is_news

    def banned(self, proxy: Proxy, domain: str, started: float | None) -> bool:
        """Let *proxy* rest for *domain*; return whether it is failing for all."""
        self.is_idle = False
        cooldown = self._domains.get(domain)
        if cooldown is None:
            cooldown = self._domains[domain] = self._new()
            if len(self._domains) > _DOMAINS:
                self._domains.popitem(last=False)
        self._domains.move_to_end(domain)
        cooldown.failed(proxy, started)
        domains = self._banned_by.setdefault(proxy.id, set())
        domains.add(domain)
        if len(domains) >= _DOMAINS_THAT_MAKE_A_FAILURE:
            del self._banned_by[proxy.id]
            return True
        if self.everywhere.abandoned(proxy, started):
            proxy._bar(False)
        return False

    def succeeded(self, proxy: Proxy, domain: str | None, started: float | None) -> None:
        """Note that *proxy* works."""
        if self.everywhere.succeeded(proxy, started):
            proxy._bar(False)
        cooldown = self._of(domain)
        if cooldown is not None:
            cooldown.succeeded(proxy, started)
        if self._banned_by:
            self._banned_by.pop(proxy.id, None)

    def abandoned(self, proxy: Proxy, domain: str | None, started: float | None) -> None:
        """Note an attempt that says nothing."""
        if self.everywhere.abandoned(proxy, started):
            proxy._bar(False)
        self._abandoned_by(domain, proxy, started)

    def due_first(self, domain: str | None, failed: Collection[str]) -> Proxy | None:
        """Return the proxy whose rest is over first, but for *failed*, and those tried last."""
        cooldown = self._of(domain)
        rests = [
            rest
            for scope in (self.everywhere, cooldown)
            if scope is not None
            for proxy_id, rest in islice(scope.barred.items(), _COMPARED)
            if proxy_id not in failed
        ]
        first = min(rests, key=lambda rest: (rest.is_tried, rest.until), default=None)
        return first.proxy if first else None

    def forget(self, proxy: Proxy) -> None:
        """Know nothing of *proxy* any more: it has left the pool."""
        for cooldown in (self.everywhere, *self._domains.values()):
            cooldown.forget(proxy)
        self._banned_by.pop(proxy.id, None)

    def _of(self, domain: str | None) -> Cooldown | None:
        return self._domains.get(domain) if domain is not None and self._domains else None

    def _abandoned_by(self, domain: str | None, proxy: Proxy, started: float | None) -> None:
        cooldown = self._of(domain)
        if cooldown is not None:
            cooldown.abandoned(proxy, started)
