"""What comes back, told to the strategy and the stats: once for each attempt."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING

from scrapy_proxywhirl.attempts import Attempt, OpenAttempts
from scrapy_proxywhirl.note import NOTE, Note, forget_credentials
from scrapy_proxywhirl.outcomes import (
    NEUTRAL,
    BanPolicy,
    Outcome,
    Verdict,
    is_timeout,
    verdict_on_exception,
    verdict_on_response,
)

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

    from scrapy_proxywhirl.core import Proxy, Strategy
    from scrapy_proxywhirl.stats import CrawlStats

logger = logging.getLogger(__name__)


class Recorder:
    """
    Keeps each attempt from selection to its end, and lets strategy and stats have what it came to.

    Args:
        strategy: What has selected.
        policy: Tells bans from answers.
        stats: Of the crawl.
    """

    def __init__(self, strategy: Strategy, policy: BanPolicy, stats: CrawlStats) -> None:
        self._strategy = strategy
        self._policy = policy
        self._stats = stats
        self._attempts = OpenAttempts()
        self._has_told_of_missing_latency = False

    def started(self, request: Request, proxy: Proxy, note: Note) -> None:
        """Take up the attempt that *request* is to *proxy*."""
        self._attempts.open(request, Attempt(proxy, note, started=monotonic()))
        self._stats.started(proxy)

    def downloaded(self, request: Request) -> None:
        """Note that a download handler has brought a response: it is not from the cache."""
        attempt = self._attempts.get(request)
        if attempt is not None:
            attempt.is_downloaded = True

    def responded(self, request: Request, response: Response) -> None:
        """End the attempt of *request*, where it has one, with a response."""
        attempt = self._attempts.take(request)
        if attempt is None:
            return
        forget_credentials(request, attempt.proxy)
        if not attempt.is_downloaded:  # from the cache, or another middleware's
            self._settle(attempt, NEUTRAL)
            return
        try:
            verdict = verdict_on_response(self._policy, request, response)
        except Exception:
            self._settle(attempt, NEUTRAL)
            raise
        response_time_ms = self._response_time_ms(attempt, request)
        _write_note(request, attempt, verdict, response_time_ms)
        self._stats.received(attempt.proxy, len(response.body))
        if verdict.outcome is Outcome.SUCCESS:
            self._stats.measured(response_time_ms)
            self._settle(attempt, verdict, response_time_ms)
        else:
            self._settle(attempt, verdict)

    def failed(self, request: Request, exception: Exception) -> None:
        """End the attempt of *request*, where it has one, with an exception."""
        attempt = self._attempts.take(request)
        if attempt is None:
            return
        forget_credentials(request, attempt.proxy)
        try:
            verdict = verdict_on_exception(self._policy, request, exception)
        except Exception:
            self._settle(attempt, NEUTRAL)
            raise
        _write_note(request, attempt, verdict)
        if is_timeout(exception):
            self._settle(attempt, verdict, request.meta.get("download_timeout", 0.0) * 1000.0)
        else:
            self._settle(attempt, verdict)

    def settle_lost(self) -> None:
        """End the attempts that never came back, as far as that is certain."""
        for attempt in self._attempts.take_lost():
            self._settle(attempt, NEUTRAL)

    def settle_all(self) -> None:
        """End whatever is open: the crawl is over."""
        for attempt in self._attempts.take_all():
            self._settle(attempt, NEUTRAL)

    def _response_time_ms(self, attempt: Attempt, request: Request) -> float:
        latency = request.meta.get("download_latency")
        if latency is not None and latency >= 0.0:
            return float(latency) * 1000.0
        if not self._has_told_of_missing_latency:
            self._has_told_of_missing_latency = True
            logger.info(
                "The download handler sets no download_latency for %s: the time since its proxy was"
                " chosen is taken instead, which holds time in Scrapy's queue",
                request,
            )
        return (monotonic() - attempt.started) * 1000.0

    def _settle(
        self, attempt: Attempt, verdict: Verdict, response_time_ms: float | None = None
    ) -> None:
        """Let strategy and stats have the end of *attempt*: once for each."""
        outcome = verdict.outcome
        if outcome is Outcome.NEUTRAL:
            attempt.proxy.abandon_request()
        else:
            self._strategy.record_result(
                attempt.proxy,
                outcome is Outcome.SUCCESS,
                response_time_ms,
                banned=outcome is Outcome.BAN,
            )
        self._stats.ended(attempt.proxy, verdict)


def _write_note(
    request: Request, attempt: Attempt, verdict: Verdict, response_time_ms: float | None = None
) -> None:
    note: Note = {**attempt.note}
    if response_time_ms is not None:
        note["response_time_ms"] = response_time_ms
    if verdict.outcome in (Outcome.BAN, Outcome.FAILURE):
        note["failed"] = [*note["failed"], attempt.proxy.id]
    request.meta[NOTE] = note
