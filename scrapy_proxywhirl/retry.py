"""Pages that a proxy failed: sent again through another, unless they are to blame themselves."""

from __future__ import annotations

import logging
from random import Random
from typing import TYPE_CHECKING

from scrapy_proxywhirl.core.incident import ALIKE
from scrapy_proxywhirl.dispatch import for_scheduler
from scrapy_proxywhirl.note import NOTE, Note
from scrapy_proxywhirl.pages import close_page

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

    from scrapy_proxywhirl.core import Incidents
    from scrapy_proxywhirl.outcomes import Verdict
    from scrapy_proxywhirl.stats import CrawlStats

logger = logging.getLogger(__name__)

# So many failures of which nobody knows whose fault they were use up as much as one of a proxy that
# works: enough for an outage, or a pool that is mostly dead, and an end where nothing ever works.
_UNCLEAR = 10

# How often the first pause of a page doubles that goes on failing.
_DOUBLINGS = 3


class Retries:
    """
    Sends pages that a proxy failed again, through another one.

    Apart from RetryMiddleware's retries: those begin when these are used up, for what
    RETRY_HTTP_CODES and RETRY_EXCEPTIONS name. A failure uses one up once its proxy has been seen
    to work otherwise. Before that it may be an outage: a page that goes on failing pauses then.

    Args:
        times: How often one page is sent again; at least 0.
        pause: How long its first pause is at most, in seconds.
        incidents: What the failures did to the proxies.
        stats: Of the crawl.
        rng: The source of chance.
    """

    def __init__(
        self,
        times: int,
        pause: float,
        incidents: Incidents,
        stats: CrawlStats,
        rng: Random | None = None,
    ) -> None:
        self._times = times
        self._pause = pause
        self._incidents = incidents
        self._stats = stats
        self._rng = rng or Random()

    def another(
        self, request: Request, verdict: Verdict, response: Response | None = None
    ) -> Request | None:
        """
        Return what is to be sent in place of *request*.

        Args:
            request: As it was sent, with its note.
            verdict: What came of it: a ban or a failure.
            response: What came back; None for an exception.

        Returns:
            A copy for the scheduler; None where what came back is what the page has to say, where
            it may not be retried (``meta["dont_retry"]``) or has had its retries.
        """
        note: Note = request.meta[NOTE]
        if self._is_at_fault(request, note, verdict):
            return None
        if not self._times or request.meta.get("dont_retry"):
            return None
        failures = note.get("failures", 0)
        incidents = self._incidents.get(note.get("incidents", ()))
        cleared = self._incidents.count_cleared(incidents)
        unclear = failures - cleared
        if cleared + unclear // _UNCLEAR > self._times:
            if "exhausted" not in note:  # else it has been counted: RetryMiddleware goes on
                self._stats.retries_exhausted()
                if cleared >= ALIKE:
                    self._incidents.lost(incidents[-1])
                request.meta[NOTE] = {**note, "exhausted": True}
            return None
        logger.debug(
            "Retrying %s through another proxy (it has failed %d times): %s %s by %s",
            request,
            failures,
            verdict.outcome.value,
            verdict.reason,
            note["label"],
        )
        self._stats.retried()
        retry = for_scheduler(request, note)
        close_page(retry)
        if unclear > ALIKE:
            doublings = min(unclear - ALIKE - 1, _DOUBLINGS)
            retry.meta[NOTE]["pause"] = self._rng.random() * self._pause * 2.0**doublings
        if "is_start_request" in retry.meta:  # Scrapy would put it behind all that it starts with
            retry.meta[NOTE]["is_start_request"] = retry.meta.pop("is_start_request")
        if response is not None and "cached" in response.flags:
            retry.meta["dont_cache"] = True  # the cache would answer with the same ban
        return retry

    def _is_at_fault(self, request: Request, note: Note, verdict: Verdict) -> bool:
        """Tell whether the page itself is to blame; then take back what it did to the proxies."""
        if verdict.is_impatience:  # it may but take its time
            return False
        numbers = note.get("incidents", [])
        alike = [one for one in self._incidents.get(numbers) if one.reason == verdict.reason]
        if "at_fault" not in note:
            if not self._incidents.is_at_fault(alike):
                return False
            self._stats.blamed()
            self._incidents.lost(alike[-1])
            logger.debug("%s fails through proxies that otherwise work: %s", request, verdict)
        for incident in reversed(alike):
            incident.proxy.take_back(incident)
        self._incidents.discard(numbers)
        request.meta[NOTE] = {**note, "incidents": [], "at_fault": True}
        return True
