"""What comes back, told to the strategy and the stats: once for each attempt."""

from __future__ import annotations

import logging
from dataclasses import replace
from inspect import isawaitable
from time import monotonic
from typing import TYPE_CHECKING

from scrapy_proxywhirl.attempts import Attempt, OpenAttempts
from scrapy_proxywhirl.core.incident import ALIKE
from scrapy_proxywhirl.credentials import forget_credentials
from scrapy_proxywhirl.judge import WRONG_CREDENTIALS, is_garbled
from scrapy_proxywhirl.note import NOTE, Note, forget_failures
from scrapy_proxywhirl.outcomes import (
    CONFIGURATION_ERRORS,
    NEUTRAL,
    SUCCESS,
    Outcome,
    Verdict,
    is_timeout,
)
from scrapy_proxywhirl.sizes import size_of_request, size_of_response
from scrapy_proxywhirl.timeouts import restore_timeout

if TYPE_CHECKING:
    from collections.abc import Collection

    from scrapy import Request
    from scrapy.http import Response

    from scrapy_proxywhirl.budget import Budget
    from scrapy_proxywhirl.core import Incident, Incidents, Proxy, ProxyPool, Strategy
    from scrapy_proxywhirl.judge import Judge
    from scrapy_proxywhirl.sources.replacements import Replacements
    from scrapy_proxywhirl.stats import CrawlStats
    from scrapy_proxywhirl.throttle import Throttle
    from scrapy_proxywhirl.timeouts import Timeouts

logger = logging.getLogger(__name__)

# So many failures of one page, the latest, are known one by one.
_REMEMBERED = 64


class Recorder:
    """
    Keeps each attempt from selection to its end, and lets strategy and stats have what it came to.

    Args:
        incidents: Where failures are kept until it is clear whose fault they were.
        timeouts: Learn from what responses take.
        judge: Makes verdicts of what comes back.
        stats: Of the crawl.
        budget: Is charged with what answers cost.
        replacements: Put others in the place of sessions that are banned.
        throttle: Is told of the attempts under way.
        has_cache: Whether HttpCacheMiddleware may store what comes back.
        measures_body: Whether a response time goes to the end of the body.
        pool: The proxies.
    """

    def __init__(
        self,
        incidents: Incidents,
        timeouts: Timeouts,
        judge: Judge,
        stats: CrawlStats,
        budget: Budget,
        replacements: Replacements,
        throttle: Throttle,
        has_cache: bool,
        measures_body: bool,
        pool: ProxyPool,
    ) -> None:
        self._pool = pool
        self._incidents = incidents
        self._timeouts = timeouts
        self._measures_body = measures_body
        self._judge = judge
        self._stats = stats
        self._budget = budget
        self._replacements = replacements
        self._throttle = throttle
        self._attempts = OpenAttempts()
        self._has_cache = has_cache
        self._has_told_of_missing_latency = False
        self._told_of_credentials: set[str] = set()
        self._told_of_configuration: set[type[Exception]] = set()

    def started(
        self, request: Request, proxy: Proxy, strategy: Strategy, note: Note, domain: str | None
    ) -> None:
        """Take up the attempt at a page of *domain* by *proxy*, which *strategy* has selected."""
        self._attempts.open(request, Attempt(proxy, strategy, note, monotonic(), domain))
        self._throttle.started(domain)
        self._stats.started(proxy)

    def headers_came(self, request: Request) -> None:
        """Note when the headers of *request*'s response came, so that its body is timed too."""
        attempt = self._attempts.get(request)
        if attempt is not None:
            attempt.headers_at = monotonic()

    def downloaded(self, request: Request, response: Response) -> None:
        """
        Note that a download handler has brought *response*: it is not from the cache.

        Nobody needs the proxy's credentials any more, and whoever stands behind us, as caches do,
        has the next word on it. Nor is a ban to get into Scrapy's, which would answer the retry.
        """
        attempt = self._attempts.get(request)
        if attempt is None:
            return
        attempt.is_downloaded = True
        if attempt.headers_at is not None:
            attempt.body_seconds = monotonic() - attempt.headers_at
        if response.status != 407:  # that is not billed
            down = size_of_response(response)
            self._budget.charge(attempt.proxy, down, size_of_request(request))
        forget_credentials(request, attempt.proxy)
        if self._has_cache:
            attempt.asked = asked = self._judge.ask(request, response)
            is_ban = asked and not isawaitable(asked)
            if is_ban or response.status == 407 or is_garbled(response):
                request.meta["_dont_cache"] = True

    async def responded(self, request: Request, response: Response) -> Verdict:
        """
        End the attempt of *request*, where it has one, with a response.

        Returns:
            What is to be thought of the response, be it the cache's: neutral where nothing is.
        """
        attempt = self._attempts.take(request)
        if attempt is None:
            return NEUTRAL
        is_cached = "cached" in response.flags
        if not attempt.is_downloaded:
            forget_credentials(request, attempt.proxy)
            if not is_cached:  # another middleware's
                self._settle(attempt, NEUTRAL)
                return NEUTRAL
        try:
            verdict = await self._judge.on_response(request, response, attempt.asked)
        except BaseException:
            self._settle(attempt, NEUTRAL)
            raise
        if not attempt.is_downloaded:
            self._settle(attempt, NEUTRAL)
            return verdict
        # Where the cache's copy is a ban that a proxy has found unchanged, the proxy did its part.
        said_of_proxy = SUCCESS if is_cached else verdict
        headers_ms = self._headers_ms(attempt, request)
        complete_ms = headers_ms + 1000.0 * attempt.body_seconds
        response_time_ms = complete_ms if self._measures_body else headers_ms
        if said_of_proxy.outcome is Outcome.SUCCESS:
            self._stats.measured(response_time_ms)
            if self._timeouts.are_adaptive:
                self._timeouts.took(attempt.domain, complete_ms / 1000.0)
                self._clear_of_impatience(attempt.note, complete_ms / 1000.0)
            incident = self._settle(attempt, said_of_proxy, response_time_ms)
        else:
            self._tell_of_credentials(attempt.proxy, verdict)
            incident = self._settle(attempt, verdict)
        if self._timeouts.are_adaptive:
            restore_timeout(request)
        _write_note(request, attempt, incident, response_time_ms)
        return verdict

    async def failed(self, request: Request, exception: Exception) -> Verdict:
        """End the attempt of *request*, where it has one, with an exception."""
        attempt = self._attempts.take(request)
        if attempt is None:
            return NEUTRAL
        forget_credentials(request, attempt.proxy)
        try:
            verdict = await self._judge.on_exception(request, exception)
        except BaseException:
            self._settle(attempt, NEUTRAL)
            raise
        self._tell_of_credentials(attempt.proxy, verdict)
        self._tell_of_configuration(request, exception)
        cost_ms = None
        note = attempt.note
        if is_timeout(exception):
            # Some handlers have time-outs of their own.
            took = monotonic() - attempt.started
            cost_ms = min(request.meta.get("download_timeout") or took, took) * 1000.0
            if "timeout" in note:
                shortest = note.get("shortest_timeout", note["timeout"])
                attempt.note = {**note, "shortest_timeout": shortest}
                verdict = replace(verdict, is_impatience=True)
        restore_timeout(request)
        _write_note(request, attempt, self._settle(attempt, verdict, cost_ms))
        return verdict

    def settle_lost(self, active: Collection[Request] | None = None) -> None:
        """
        End the attempts that never came back, as far as that is certain.

        Args:
            active: The requests that are being downloaded, where others are to be taken for lost;
                None to leave that to the garbage collector.
        """
        for attempt in self._attempts.take_lost(active):
            self._settle(attempt, NEUTRAL)

    def settle_all(self) -> None:
        """End whatever is open: the crawl is over."""
        for attempt in self._attempts.take_all():
            self._settle(attempt, NEUTRAL)

    def _clear_of_impatience(self, note: Note, seconds: float) -> None:
        """Take back what a page did to proxies for which it was given too little time."""
        if note.get("shortest_timeout", seconds) < seconds:
            for incident in reversed(self._incidents.get(note.get("incidents", ()))):
                if "timeout" in incident.reason.lower():
                    incident.proxy.take_back(incident)

    def _headers_ms(self, attempt: Attempt, request: Request) -> float:
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
        return (monotonic() - attempt.started - attempt.body_seconds) * 1000.0

    def _tell_of_credentials(self, proxy: Proxy, verdict: Verdict) -> None:
        if verdict == WRONG_CREDENTIALS and proxy.label not in self._told_of_credentials:
            self._told_of_credentials.add(proxy.label)
            logger.warning(
                "The proxy %s refuses its credentials (407): look at those that it is given with",
                proxy.label,
            )

    def _tell_of_configuration(self, request: Request, exception: Exception) -> None:
        kind = type(exception)
        if isinstance(exception, CONFIGURATION_ERRORS) and kind not in self._told_of_configuration:
            self._told_of_configuration.add(kind)
            logger.error(
                "The download handler cannot send %s through a proxy of the scheme %s (%s: %s)."
                " No proxy is charged for it, and this is said once: give the pool other proxies,"
                " or DOWNLOAD_HANDLERS a handler that can.",
                request,
                request.meta["proxy"].partition(":")[0],
                kind.__name__,
                exception,
            )

    def _settle(
        self, attempt: Attempt, verdict: Verdict, response_time_ms: float | None = None
    ) -> int | None:
        """
        Let strategy and stats have the end of *attempt*: once for each.

        Returns:
            The number of the incident that it was; None where it was none.
        """
        proxy, domain = attempt.proxy, attempt.domain
        outcome = verdict.outcome
        incident = None
        if outcome is Outcome.NEUTRAL:
            proxy.abandon_request(domain, attempt.started)
        else:
            incident = attempt.strategy.record_result(
                proxy,
                outcome is Outcome.SUCCESS,
                response_time_ms,
                banned=outcome is Outcome.BAN,
                domain=domain,
                started=attempt.started,
                lasting=verdict == WRONG_CREDENTIALS,
                retry_after=verdict.retry_after,
            )
        self._throttle.ended(domain)
        self._stats.ended(proxy, verdict)
        self._replacements.ended(proxy, domain, outcome)
        if outcome is Outcome.SUCCESS:
            self._incidents.served(proxy, domain, attempt.started)
            if attempt.note.get("failures", 0) >= ALIKE - 1:
                self._incidents.came_after_all(domain)
            self._learn_delay(attempt)
        if incident is None:
            return None
        incident.reason, incident.began = verdict.reason, attempt.started
        incident.is_ban = outcome is Outcome.BAN
        number = self._incidents.add(incident)
        if self._incidents.is_no_news(incident):
            proxy.take_back(incident)
        return number

    def _learn_delay(self, attempt: Attempt) -> None:
        """Let a page that has come tell how often proxies may ask for those of its domain."""
        cooldowns, domain = self._pool.cooldowns, attempt.domain
        if cooldowns is None or cooldowns.delays is None:
            return
        bans: list[Incident] = []
        if "incidents" in attempt.note:
            incidents = self._incidents.get(attempt.note["incidents"])
            bans = [one for one in incidents if one.is_ban and one.domain == domain]
        with self._pool.lock:
            delay = cooldowns.came(attempt.proxy, domain, bans)
        if delay:
            logger.info(
                "%s bans proxies that ask it too often: each waits between two requests to it, %.2g"
                " s for now (PROXYWHIRL_ADAPTIVE_DELAY)",
                domain,
                delay,
            )


def _write_note(
    request: Request,
    attempt: Attempt,
    incident: int | None,
    response_time_ms: float | None = None,
) -> None:
    note: Note = {**attempt.note}
    if response_time_ms is not None:
        note["response_time_ms"] = response_time_ms
    if incident is not None:
        proxy_id = attempt.proxy.id
        note["failures"] = note.get("failures", 0) + 1
        note["incidents"] = [*note.get("incidents", ())[1 - _REMEMBERED :], incident]
        failed = [one for one in note["failed"] if one != proxy_id]
        note["failed"] = [*failed[1 - _REMEMBERED :], proxy_id]
    elif response_time_ms is not None and "failures" in note:
        note = forget_failures(note)
    request.meta[NOTE] = note
