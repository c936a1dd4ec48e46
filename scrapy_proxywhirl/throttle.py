"""A site that refuses everybody: it is not to slow down the crawl of another."""

from __future__ import annotations

import logging
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy_proxywhirl.core import Incidents

logger = logging.getLogger(__name__)

# Seconds from one request to such a site to the next, while others are served.
_INTERVAL = 1.0

# Seconds for which others count as being served when nothing of theirs is under way any more: the
# next may stand behind some of this site's.
_GAP = 0.25

# So many sites are told of.
_TOLD_OF = 100


class Throttle:
    """
    Holds back pages of sites that refuse everybody, for as long as others are served.

    Such a site is sent one request a second meanwhile. It would take half of CONCURRENT_REQUESTS
    for what brings no page, and where it is down, use its pages up before it is back.

    Args:
        incidents: Tell which sites refuse everybody.
        clock: Tells the time, in seconds.

    Attributes:
        under_way: How many attempts are, by the domains that have any.
    """

    def __init__(self, incidents: Incidents, clock: Callable[[], float]) -> None:
        self._incidents = incidents
        self._clock = clock
        self.under_way: dict[str | None, int] = {}
        self._others_ended = -inf  # when the last one did of a domain not known to refuse
        # When the latest one began, of domains that refuse everybody: no more than Incidents keeps.
        self._began: dict[str | None, float] = {}
        self._told_of: set[str | None] = set()

    def started(self, domain: str | None) -> None:
        """Note that there is an attempt more at a page of *domain*."""
        self.under_way[domain] = self.under_way.get(domain, 0) + 1
        if self._incidents.is_refusing(domain):
            self._began[domain] = self._clock()

    def ended(self, domain: str | None) -> None:
        """Note that there is one less."""
        left = self.under_way[domain] - 1
        if left:
            self.under_way[domain] = left
        else:
            del self.under_way[domain]
            if not self._incidents.is_refusing(domain):
                self._others_ended = self._clock()

    def holds_back(self, domain: str | None) -> bool:
        """Tell whether a page of *domain* is to wait until others are through."""
        if not self._incidents.is_refusing(domain) or self._are_others_through():
            return False
        is_due = self._clock() - self._began.get(domain, -inf) >= _INTERVAL
        if is_due and domain not in self.under_way:
            return False
        if domain not in self._told_of and len(self._told_of) < _TOLD_OF:
            self._told_of.add(domain)
            logger.info(
                "%s refuses every proxy: while other sites are served it is sent one request a"
                " second",
                domain,
            )
        return True

    def _are_others_through(self) -> bool:
        if not all(map(self._incidents.is_refusing, self.under_way)):
            return False
        return self._clock() - self._others_ended >= _GAP
