"""Pages that a proxy failed, sent again through another one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scrapy_proxywhirl.note import NOTE, Note

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

    from scrapy_proxywhirl.outcomes import Verdict
    from scrapy_proxywhirl.stats import CrawlStats

logger = logging.getLogger(__name__)


class Retries:
    """
    Sends pages that a proxy failed again, through another one.

    Apart from RetryMiddleware's retries: those begin when these are used up, for what
    RETRY_HTTP_CODES and RETRY_EXCEPTIONS name.

    Args:
        times: How often one page is sent again; at least 0.
        stats: Of the crawl.
    """

    def __init__(self, times: int, stats: CrawlStats) -> None:
        self._times = times
        self._stats = stats

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
            A copy for the scheduler; None where the page may not be retried
            (``meta["dont_retry"]``) or has had its retries.
        """
        if not self._times or request.meta.get("dont_retry"):
            return None
        note: Note = request.meta[NOTE]
        retries = note.get("retries", 0) + 1
        if retries > self._times:
            if retries == self._times + 1:  # else it has been counted: RetryMiddleware goes on
                self._stats.retries_exhausted()
                request.meta[NOTE] = Note(**{**note, "retries": retries})
            return None
        logger.debug(
            "Retrying %s through another proxy (%d of %d): %s %s by %s",
            request,
            retries,
            self._times,
            verdict.outcome.value,
            verdict.reason,
            note["label"],
        )
        self._stats.retried()
        retry = request.copy()
        retry.meta[NOTE] = Note(**{**note, "retries": retries, "dont_filter": request.dont_filter})
        retry.dont_filter = True  # until it is served: it has been seen, of course
        if response is not None and "cached" in response.flags:
            retry.meta["dont_cache"] = True  # the cache would answer with the same ban
        return retry
