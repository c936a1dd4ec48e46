"""How often a proxy may ask a site that bans those which ask too often: what is learned of that."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import TYPE_CHECKING

from scrapy_proxywhirl.core.wanted import is_worth_waiting_for

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.incident import Incident
    from scrapy_proxywhirl.core.proxy import Proxy
    from scrapy_proxywhirl.core.wanted import Wanted

# So many domains are remembered, those that were served last, and so many proxies of each.
_DOMAINS = 64
_PROXIES = 4096

# So many bans of a domain make a delay, where this share of the time went by without a proxy, in so
# many times: one may be an outage. Each time that it has proved useless it takes so many times as
# many.
_BANS = 3
_DRY = 0.25
_DROUGHTS = 2
_DISTRUST = 10

# Without a page so many seconds count at most, save in a drought: the domain was not asked longer.
_IDLE = 5.0

# After so many seconds, or so many droughts like the last one, all counts are halved, for what is
# new to count for more.
_WINDOW = 60.0
_DROUGHTS_IN_WINDOW = 4.0

# With a delay so many times as many pages are to come for one ban as without. Where that is not so
# after so many bans, it is not for asking too often that proxies are banned.
_USEFUL = 3.0
_TRIES = 5

# What a delay is multiplied by after a ban; and after so many pages of each proxy without: where
# that may be too short, by no more than comes to the second.
_LONGER = 1.5
_PAGES = 4
_SHORTER = 0.8
_LITTLE_SHORTER = 0.95

# It stays above what was too short by this factor. That is forgotten, by this one at a time, when
# so many times as long has gone by as the proxies were gone for it.
_ABOVE = 1.1
_FORGET = 0.95
_PAYS = 10.0

# A delay that would be shorter is none, and none is longer, in seconds.
_SHORTEST = 0.005
_LONGEST = 300.0


class _Site:
    """
    One domain.

    Attributes:
        delay: Seconds from one request of a proxy to its next; 0 for none.
        longest: What it is never longer than.
        too_short: The last delay with which a proxy was banned, or less, as that is forgotten.
        good: The last one with which none was.
        changed: When what is seen of the delay began: with it, or when a drought ended.
        settled: When what counts as asked for with it began: a site may go by what it was asked for
            before; infinity until then.
        counted_from: When the first delay had settled, from which on pages and bans are counted.
        patience: Seconds that the delay is to be seen at work before it is shortened.
        lengthened: When the ban was for which it last was.
        lost: Seconds that the last drought took, or that went by from that ban on until as many
            pages had come as there are proxies.
        pages: How many have come.
        pages_since: How many have since that began which is seen of the delay.
        pages_each: How many came for one ban before there was a delay.
        bans: How many there were, with whatever pages.
        news: Those of them, with pages that have come since, that speak for a longer delay.
        time: Seconds in which the domain was asked for pages.
        dry: Seconds of these in which there was no proxy.
        droughts: How often that was so.
        looked_at: When that was last counted.
        distrust: How many times as many bans it takes for a delay.
        is_proven: Whether the delay has proved useful.
        used: The ids of the proxies that have brought pages.
        working: When those first did with this delay, by their ids, that were not banned since.
        waiting: Proxies that have asked lately, and when they may again, by their ids.
        due: The same in the order of time.
    """

    def __init__(self, now: float) -> None:
        self.distrust = 1
        self.begin(now)

    def begin(self, now: float) -> None:
        """Know nothing, but how far to trust what will be."""
        self.delay = self.too_short = self.good = self.longest = 0.0
        self.settled = self.counted_from = self.changed = self.looked_at = now
        self.patience = 0.0
        self.lengthened = self.lost = 0.0
        self.pages = self.pages_since = 0
        self.pages_each = 0.0
        self.bans = self.news = self.droughts = 0
        self.time = self.dry = 0.0
        self.is_proven = False
        self.used: set[str] = set()
        self.working: dict[str, float] = {}
        self.waiting: dict[str, tuple[float, Proxy]] = {}
        self.due: list[tuple[float, int, str]] = []

    def change(self, delay: float, now: float) -> None:
        """Have another delay from now on."""
        self.delay = delay
        self.settled = inf
        self.start_over(now)

    def start_over(self, now: float) -> None:
        """See from now on what comes of the delay."""
        self.changed = now
        self.pages_since = 0

    def is_useful(self) -> bool:
        """Tell whether there are clearly fewer bans with the delay than without."""
        enough = 2.0 * _USEFUL * self.pages_each * (1 + self.bans)
        return self.delay > 0.0 and self.pages >= enough

    def is_useless(self) -> bool:
        """Tell whether there are nearly as many bans with the delay as without."""
        return self.bans >= _TRIES and self.pages < _USEFUL * self.pages_each * self.bans

    def count_page(self, proxy: Proxy, now: float) -> None:
        """Note that *proxy* has brought one."""
        self.time += min(now - self.looked_at, _IDLE)
        self.looked_at = now
        if self.time > max(_WINDOW, _DROUGHTS_IN_WINDOW * self.lost):
            self.time /= 2.0
            self.dry /= 2.0
            self.pages //= 2
            self.bans //= 2
            self.news //= 2
        self.pages += 1
        self.pages_since += 1
        if self.settled == inf and self.pages_since >= len(self.used):
            self.settled = now
            if self.lengthened:
                self.lost = max(self.lost, now - self.lengthened)
            self.working.clear()
            if self.counted_from == inf:
                self.counted_from = now
                self.pages = self.bans = 0
        if len(self.used) < _PROXIES or proxy.id in self.used:
            self.used.add(proxy.id)
            self.working.setdefault(proxy.id, now)


class LearnedDelays:
    """
    Delays between two requests of a proxy to a site, where that bans proxies which ask more often.

    Such a site has banned all before long, and again soon after they are back. It is known by bans
    of proxies that had brought pages of it, with pages that others could have, and by the time that
    goes by without a proxy. Each gets a delay then, of as long as it took for a page of one so far,
    the times in which they were banned with it: that is no slower. It grows shorter as long as
    nobody is banned, and longer where one is, as TCP finds out what a network takes (V. Jacobson,
    "Congestion Avoidance and Control", 1988), but never longer than it was first by half. Where
    bans go on as before there is none any more: the site refuses at random.

    Each operation takes constant time, with delays logarithmic time. Not thread-safe: it is called
    with the pool's lock held.

    Args:
        clock: Gives the time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._sites: OrderedDict[str | None, _Site] = OrderedDict()
        self._delayed: dict[str | None, _Site] = {}
        self._order = count()

    @property
    def is_idle(self) -> bool:
        """Whether there is no delay."""
        return not self._delayed

    def delay(self, domain: str | None) -> float:
        """Return the seconds from a proxy's request to *domain* to its next; 0 for no delay."""
        site = self._delayed.get(domain)
        return site.delay if site else 0.0

    def wake(self, domain: str | None) -> Collection[str]:
        """Return the ids of those that may not ask *domain* now."""
        site = self._delayed.get(domain)
        if site is None:
            return ()
        now = self._clock()
        while site.due and site.due[0][0] <= now:
            due, _, proxy_id = heappop(site.due)
            if proxy_id in site.waiting and site.waiting[proxy_id][0] == due:
                del site.waiting[proxy_id]
        return site.waiting

    def next_free(self) -> float:
        """Return in how many seconds the next delay is over; infinity where there is none."""
        for domain in self._delayed:
            self.wake(domain)
        due = min((site.due[0][0] for site in self._delayed.values() if site.due), default=inf)
        return due - self._clock()

    def has_waiting(
        self, domain: str | None, resting: Collection[str], wanted: Wanted | None
    ) -> bool:
        """Tell whether a proxy that does not rest has but to wait before it asks *domain* again."""
        self.wake(domain)
        site = self._delayed.get(domain)
        return site is not None and any(
            is_worth_waiting_for(proxy, resting, wanted) for _, proxy in site.waiting.values()
        )

    def started(self, proxy: Proxy, domain: str | None) -> None:
        """Note an attempt through *proxy* at *domain*."""
        site = self._delayed.get(domain)
        if site is not None:
            due = self._clock() + site.delay
            site.waiting[proxy.id] = due, proxy
            heappush(site.due, (due, next(self._order), proxy.id))

    def was_dry(self, domain: str | None, seconds: float) -> None:
        """Note that until now there was no proxy for *domain*, for so long."""
        site = self._sites.get(domain)
        if site is not None:
            now = self._clock()
            site.dry += seconds
            site.time += seconds
            site.looked_at = now
            site.droughts += 1
            site.lost = seconds
            site.start_over(now)  # there have been bans

    def count_ban(self, domain: str | None, started: float | None) -> None:
        """Count a ban, of an attempt at a page of *domain* that began then; None for now."""
        site = self._sites.get(domain)
        if site is not None and (started is None or started > site.counted_from):
            site.bans += 1

    def served(self, proxy: Proxy, domain: str | None) -> bool:
        """
        Note that *proxy* has brought a page of *domain*.

        Returns:
            Whether the domain's delay is known from now on to keep proxies from bans.
        """
        now = self._clock()
        site = self._sites.get(domain)
        if site is None:
            site = self._sites[domain] = _Site(now)
            if len(self._sites) > _DOMAINS:
                forgotten, _ = self._sites.popitem(last=False)
                self._delayed.pop(forgotten, None)
        self._sites.move_to_end(domain)
        site.count_page(proxy, now)
        if (
            not site.delay
            or site.pages_since < _PAGES * len(site.used)
            or now - site.changed < site.patience
        ):
            return False
        self._shorten(site, domain, now)
        if site.is_proven or not site.is_useful():
            return False
        site.is_proven = True
        return True

    def learn_from(self, incident: Incident) -> None:
        """Learn from a ban with a page that has come since."""
        domain, proxy_id = incident.domain, incident.proxy.id
        site = self._sites.get(domain)
        if site is None or incident.began <= max(site.settled, site.working.get(proxy_id, inf)):
            return
        if not site.delay and all(rest.step == 1 and not rest.is_told for rest in incident.rests):
            return  # it may be back at once
        del site.working[proxy_id]  # until it works again the others say the same
        site.news += 1
        now = self._clock()
        site.patience = min(max(site.patience, 2.0 * (incident.began - site.changed)), _WINDOW)
        if site.delay:
            self._lengthen(site, incident, now)
        elif (
            site.news >= _BANS * site.distrust
            and site.droughts >= _DROUGHTS
            and site.dry >= _DRY * site.time
        ):
            site.pages_each = site.pages / site.bans
            delay = min(max(_SHORTEST, len(site.used) * site.time / site.pages), _LONGEST)
            site.counted_from = inf
            site.longest = _LONGER * delay
            site.change(delay, now)
            self._delayed[domain] = site

    def forget(self, proxy: Proxy) -> None:
        """Know nothing of *proxy* any more: it has left the pool."""
        for site in self._delayed.values():
            site.waiting.pop(proxy.id, None)

    def _lengthen(self, site: _Site, incident: Incident, now: float) -> None:
        if site.is_useless():
            self._end(site, incident.domain, now)
            return
        site.too_short = site.delay
        site.lengthened = incident.began
        site.change(min(max(site.good, _LONGER * site.delay), site.longest), now)
        site.good = 0.0

    def _shorten(self, site: _Site, domain: str | None, now: float) -> None:
        delay = _SHORTER * site.delay
        if delay < _SHORTEST:
            self._end(site, domain, now)
            return
        least = _ABOVE * site.too_short
        if delay < least:
            delay = min(site.delay, max(least, _LITTLE_SHORTER * site.delay))
            if now - site.lengthened >= _PAYS * site.lost:
                site.too_short *= _FORGET
        site.good, site.delay = site.delay, delay
        site.start_over(now)

    def _end(self, site: _Site, domain: str | None, now: float) -> None:
        site.distrust *= _DISTRUST
        site.begin(now)
        del self._delayed[domain]
