"""What is said and done where no proxy may be selected for a page."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING

from scrapy_proxywhirl.closing import close_spider
from scrapy_proxywhirl.dispatch import send_directly
from scrapy_proxywhirl.exceptions import NoProxyForRequestError, RobotsTxtUnavailableError
from scrapy_proxywhirl.outcomes import is_robots_txt

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler

    from scrapy_proxywhirl.choice import Demand
    from scrapy_proxywhirl.core import Proxy
    from scrapy_proxywhirl.stats import CrawlStats

logger = logging.getLogger(__name__)

# So many demands at a time are told of for which there is no proxy.
_TOLD_OF = 100

# Seconds for which pages wait before that is told: where some of a gateway's exits fail they often
# do, for a moment.
_TELLS_AFTER = 1.0

_WHAT_HAPPENS = {
    "wait": "It waits, as others of its site will, until there is one or PROXYWHIRL_WAIT_TIMEOUT"
    " is over.",
    "drop": "It is not sent, nor are others of its site until there is one.",
    "close": "It is not sent, and the spider closes.",
    "direct": "It goes out directly, as others will, from your own address.",
}


class Shortage:
    """
    What is said and done where no proxy may be selected for a page.

    Args:
        crawler: Whose crawl it is.
        on_empty: What is done: ``"wait"``, which is not for here, ``"drop"``, ``"close"`` or
            ``"direct"``.
        stats: Of the crawl.

    Attributes:
        demands: Those that it has been told of and for which nothing has come since, with the time
            when that began, in seconds by a monotonic clock.
    """

    def __init__(self, crawler: Crawler, on_empty: str, stats: CrawlStats) -> None:
        self._crawler = crawler
        self._on_empty = on_empty
        self._stats = stats
        self.demands: dict[Demand, float] = {}
        self._told: set[Demand] = set()

    @property
    def is_waited_for(self) -> bool:
        """Whether pages wait for its end."""
        return self._on_empty == "wait"

    def tell(self, request: Request, demand: Demand, reason: str) -> None:
        """Say so, once for each demand until it is over, and once for those of all sessions."""
        demand = _without_session(demand)
        if demand in self._told or (demand not in self.demands and len(self.demands) >= _TOLD_OF):
            return
        now = monotonic()
        since = self.demands.setdefault(demand, now)
        if self.is_waited_for and now - since < _TELLS_AFTER:
            return
        self._told.add(demand)
        logger.warning(
            "No proxy for %s: %s. %s",
            request,
            reason,
            _WHAT_HAPPENS[self._on_empty],
            extra={"spider": self._crawler.spider},
        )

    def end(self, proxy: Proxy, domain: str | None) -> None:
        """Note that *proxy* has brought a page of *domain*."""
        over = [demand for demand in self.demands if demand.is_met_by(proxy, domain)]
        for demand in over:
            del self.demands[demand]
            if demand not in self._told:
                continue
            self._told.remove(demand)
            logger.info(
                "There are proxies again for %s%s",
                domain,
                f" that are {demand.wanted}" if demand.wanted else "",
                extra={"spider": self._crawler.spider},
            )

    def do_without(self, request: Request) -> None:
        """
        Do with *request* what is to be done.

        Raises:
            NoProxyForRequestError: It is not to go out directly.
            RobotsTxtUnavailableError: So for /robots.txt.
        """
        if self._on_empty == "direct":
            send_directly(request)
            self._stats.went_direct()
            return
        if self._on_empty == "close":
            close_spider(self._crawler, "proxywhirl_no_proxies")
        raise self.error(request, f"PROXYWHIRL_ON_EMPTY is {self._on_empty!r}")

    def error(self, request: Request, reason: str) -> Exception:
        """Return the error of *request*, which is not sent."""
        self._stats.no_proxy()
        message = f"No proxy for {request}: {reason}"
        if asks_for_robots_txt(request):
            return self.no_robots_txt(message)
        return NoProxyForRequestError(message)

    def no_robots_txt(self, message: str) -> RobotsTxtUnavailableError:
        """Return the error of a /robots.txt that cannot be had."""
        self._stats.no_robots_txt()
        return RobotsTxtUnavailableError(message)


def _without_session(demand: Demand) -> Demand:
    wanted = demand.wanted
    if wanted is None or wanted.session is None:
        return demand
    wanted = wanted._replace(session=None)
    return demand._replace(wanted=wanted if any(wanted) else None)


def asks_for_robots_txt(request: Request) -> bool:
    """Tell whether *request* is RobotsTxtMiddleware's, which makes of a failure what it will."""
    return is_robots_txt(request) and "dont_obey_robotstxt" in request.meta
