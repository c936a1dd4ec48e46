"""Sessions of gateways that sites have banned, and what comes in their place."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from scrapy_proxywhirl.outcomes import Outcome

if TYPE_CHECKING:
    from scrapy_proxywhirl.core import Proxy, ProxyPool
    from scrapy_proxywhirl.sources.supply import Supply

# Of so many domains, those with the latest bans, it is known whom they have banned.
_DOMAINS = 1024


class Replacements:
    """
    Puts fresh sessions of gateways in the place of those that sites have banned.

    A ban may be the page's fault, or an outage. So a session is replaced that its domain still bans
    after a while, when the domain serves another; and where it serves none, one in that while.

    Args:
        supply: Has the sessions.
        pool: What they are in.
        pause: That while, in seconds.
        clock: Gives the time in seconds.
    """

    def __init__(
        self, supply: Supply, pool: ProxyPool, pause: float, clock: Callable[[], float]
    ) -> None:
        self._supply = supply
        self._pool = pool
        self._pause = pause
        self._clock = clock
        # By domain, each with the time of its ban.
        self._banned: OrderedDict[str, OrderedDict[Proxy, float]] = OrderedDict()
        self._replaced = 0.0  # when one was last replaced that no success of another asks for

    def ended(self, proxy: Proxy, domain: str | None, outcome: Outcome) -> None:
        """Note what an attempt through *proxy* at a page of *domain* has come to."""
        roster = self._supply.roster
        if domain is None or not roster.gateways:
            return
        now = self._clock()
        if outcome is Outcome.BAN and roster.sessions_with(proxy):
            banned = self._banned.setdefault(domain, OrderedDict())
            self._banned.move_to_end(domain)
            if len(self._banned) > _DOMAINS:
                self._banned.popitem(last=False)
            banned.setdefault(proxy, now)
            if now - self._replaced >= self._pause and self._replace(domain, now, at_most=1):
                self._replaced = now
        elif outcome is Outcome.SUCCESS and domain in self._banned:
            self._replace(domain, now, at_most=len(self._banned[domain]))

    def _replace(self, domain: str, now: float, at_most: int) -> int:
        """Replace those that *domain* has banned for long enough; return how many."""
        if self._supply.is_working:
            return 0
        roster = self._supply.roster
        banned = self._banned[domain]
        replaced = 0
        while banned and replaced < at_most:
            proxy, since = next(iter(banned.items()))
            if now - since < self._pause:
                break
            del banned[proxy]
            sessions = roster.sessions_with(proxy)
            if sessions is not None and self._is_banned(proxy, domain):
                roster.replace(proxy, sessions)
                replaced += 1
        if not banned:
            del self._banned[domain]
        return replaced

    def _is_banned(self, proxy: Proxy, domain: str) -> bool:
        cooldowns = self._pool.cooldowns
        return proxy in self._pool and cooldowns is not None and cooldowns.bans(proxy, domain)
