"""How long proxies that failed are left alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import inf
from random import Random
from typing import TYPE_CHECKING

from scrapy_proxywhirl.core.left import Left

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.filter import ProxyFilter
    from scrapy_proxywhirl.core.incident import Incident
    from scrapy_proxywhirl.core.indexed_set import IndexedSet
    from scrapy_proxywhirl.core.proxy import Proxy
    from scrapy_proxywhirl.core.proxy_set import ProxySet

# So many failures in a row, the latest, can be taken back.
_INCIDENTS = 8

# What is left is known of so many parts of the pool, at most.
_SETS = 512


@dataclass(slots=True, eq=False)
class Rest:
    """
    The time for which a proxy is left alone.

    Attributes:
        proxy: Which one.
        step: Failures in a row, each after a rest of its own.
        since: When the first of them was, by the clock, in seconds.
        began: When the last one was.
        asked: When the attempt began that came to it.
        until: When it is over.
        incidents: What those failures did to it, the latest.
        is_told: Whether the domain has said when it is over.
        is_tried: Whether an attempt is under way that tells if the proxy works again.
    """

    proxy: Proxy
    step: int
    since: float
    began: float
    asked: float
    until: float
    incidents: tuple[Incident, ...]
    is_told: bool = False
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
        noted: Is called with a proxy whose rest has begun or ended.

    Attributes:
        rests: All that are not over, and those over that nothing has tried since, by proxies' ids.
        barred: Those of them that rest or are being tried.
        was_told: Whether the domain has ever said how long one is.
    """

    def __init__(
        self,
        first: float,
        longest: float,
        clock: Callable[[], float],
        rng: Random,
        noted: Callable[[Proxy], None],
    ) -> None:
        self._first = first
        self._longest = longest
        self._clock = clock
        self._rng = rng
        self._noted = noted
        self.rests: dict[str, Rest] = {}
        self._due: list[tuple[float, int, Rest]] = []  # when something is to be done with a rest
        self._order = count()
        self._latest_success = -inf  # when the latest attempt began that succeeded
        self.barred: dict[str, Rest] = {}
        self.was_told = False
        self._left: dict[ProxyFilter | None, Left] = {}

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
            if now < rest.until:
                self._look_again(rest.until, rest)
            elif self._unbar(rest.proxy):
                woken.append(rest.proxy)
                self._look_again(rest.until + self._longest, rest)
            elif now >= rest.until + self._longest:  # nobody has tried it since: as good as new
                del self.rests[proxy_id]
                self._noted(rest.proxy)
        return woken

    def started(self, proxy: Proxy) -> bool:
        """Note an attempt; return whether it tries a proxy that has rested."""
        rest = self.rests.get(proxy.id)
        if rest is None:
            return False
        rest.is_tried = True
        self._bar(rest)
        return True

    def failed(
        self, incident: Incident, started: float | None, retry_after: float = 0.0
    ) -> Rest | None:
        """
        Let a proxy rest after a failure.

        Args:
            incident: The failure.
            started: When the attempt began, by the clock; None for now.
            retry_after: Seconds that it is to rest at least, as it was told.

        Returns:
            The rest; None where the failure is no news, as the attempt began before the proxy's
            rest did, or before that was over: then it is part of what is known.
        """
        now = self._clock()
        proxy = incident.proxy
        rest = self.rests.get(proxy.id)
        if rest is not None:
            if started is not None and started < rest.until:
                if self._extend(rest, now, retry_after):
                    self._begin(rest)
                if started >= rest.began:
                    self._put_back(rest, now)
                return None
            step, since = rest.step + 1, rest.since
            incidents = (*rest.incidents[1 - _INCIDENTS :], incident)
            rest.incidents = ()  # or each would keep those before it, without end
        else:
            step, since, incidents = 1, now, (incident,)
        until = now + self._seconds(incident, step)
        rest = self.rests[proxy.id] = Rest(
            proxy, step, since, now, now if started is None else started, until, incidents
        )
        self._extend(rest, now, retry_after)
        self._begin(rest)
        return rest

    def learn(self, proxy: Proxy, seconds: float, step: int) -> None:
        """Let a proxy rest for so long, as somebody else knows it."""
        now = self._clock()
        since = self.rests[proxy.id].since if proxy.id in self.rests else now
        rest = self.rests[proxy.id] = Rest(proxy, step, since, now, now, now + seconds, ())
        self._bar(rest)
        self._look_again(rest.until, rest)

    def succeeded(self, proxy: Proxy, started: float | None) -> bool:
        """
        Take a proxy out of its rest; tell whether it was in one.

        Not where the attempt began no later than the one that failed: it says nothing of what came
        after. Nor, where it was told how long it is to rest, where it began before that.
        """
        self._latest_success = max(
            self._latest_success, self._clock() if started is None else started
        )
        rest = self.rests.get(proxy.id)
        if rest is None:
            return False
        if started is not None and started <= (rest.began if rest.is_told else rest.asked):
            return False
        self.forget(proxy)
        return True

    def abandoned(self, proxy: Proxy, started: float | None) -> bool:
        """Note an attempt that says nothing; tell whether the proxy may be tried again now."""
        rest = self.rests.get(proxy.id)
        if rest is None or not rest.is_tried or (started is not None and started < rest.began):
            return False
        return self._put_back(rest, self._clock())

    def take_back(self, rest: Rest) -> bool:
        """End *rest*, which should not have been; return whether it was there still."""
        if self.rests.get(rest.proxy.id) is not rest:
            return False
        self.forget(rest.proxy)
        return True

    def contradicts(self, proxy: Proxy, started: float | None) -> bool:
        """
        Tell whether a success of *proxy* shows that the domain bans it for less than it has told.

        That is so where it came in the first half of a rest: it may be told in whole seconds.
        """
        rest = self.rests.get(proxy.id)
        if rest is None or not rest.is_told:
            return False
        asked = self._clock() if started is None else started
        return rest.began < asked < (rest.began + rest.until) / 2.0

    def recall(self, with_told: bool = True) -> list[Rest]:
        """
        End the rests of all that have failed since the last success, and return them.

        Args:
            with_told: Whether those too of which the domain has told when they are over.
        """
        recalled = [
            rest
            for rest in self.rests.values()
            if rest.since >= self._latest_success and (with_told or not rest.is_told)
        ]
        for rest in recalled:
            self.forget(rest.proxy)
        return recalled

    def forget(self, proxy: Proxy) -> None:
        """Know nothing of *proxy* any more."""
        if self.rests.pop(proxy.id, None) is not None:
            self._noted(proxy)
        self._unbar(proxy)

    def others(self, of: ProxySet) -> IndexedSet[Proxy] | None:
        """Return those of *of* that are not barred, where most are; else None."""
        left = self._left.get(of.only)
        if left is None or left.of is not of or left.revision != of.revision:
            if len(self._left) >= _SETS:
                self._left.clear()
            left = self._left[of.only] = Left(of, self.barred)
        return left.others(self.barred)

    def _seconds(self, incident: Incident, step: int) -> float:
        if incident.is_lasting:
            return self._longest
        at_most = min(self._longest, self._first * 2.0 ** min(step - 1, 64))
        return min(self._longest, incident.cost_ms / 1000.0 + self._rng.random() * at_most)

    def _begin(self, rest: Rest) -> None:
        self._bar(rest)
        self._look_again(rest.until, rest)
        self._noted(rest.proxy)

    def _extend(self, rest: Rest, now: float, retry_after: float) -> bool:
        """Let *rest* go on for as long as was told; return whether that is longer than it was."""
        until = now + min(self._longest, retry_after)
        if not retry_after or until <= rest.until:
            return False
        rest.until = until
        rest.is_told = self.was_told = True
        return True

    def _bar(self, rest: Rest) -> None:
        proxy = rest.proxy
        if proxy.id not in self.barred:
            for left in self._left.values():
                left.bar(proxy)
        self.barred[proxy.id] = rest

    def _unbar(self, proxy: Proxy) -> bool:
        if self.barred.pop(proxy.id, None) is None:
            return False
        for left in self._left.values():
            left.unbar(proxy)
        return True

    def _put_back(self, rest: Rest, now: float) -> bool:
        """Leave *rest* as it was before it was tried; return whether it is over."""
        rest.is_tried = False
        if rest.until > now:
            return False
        self._unbar(rest.proxy)
        self._look_again(rest.until + self._longest, rest)
        return True

    def _look_again(self, when: float, rest: Rest) -> None:
        heappush(self._due, (when, next(self._order), rest))
