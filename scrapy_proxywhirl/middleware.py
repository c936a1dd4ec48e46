"""The downloader middleware: the story of one request."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING

from scrapy import signals
from scrapy.exceptions import NotConfigured
from scrapy.utils.asyncio import create_looping_call
from scrapy.utils.misc import build_from_crawler

from scrapy_proxywhirl.attempts import Attempt, OpenAttempts
from scrapy_proxywhirl.checks import check_crawl
from scrapy_proxywhirl.core import Proxy, ProxyPool, ProxyPoolEmptyError, SelectionContext
from scrapy_proxywhirl.exceptions import NoProxyForRequestError
from scrapy_proxywhirl.note import (
    NOTE,
    Note,
    earlier_note,
    forget_credentials,
    is_ours_to_assign,
    new_note,
    redirected_from,
)
from scrapy_proxywhirl.outcomes import (
    NEUTRAL,
    Outcome,
    Verdict,
    is_timeout,
    verdict_on_exception,
    verdict_on_response,
)
from scrapy_proxywhirl.settings import ProxyWhirlSettings, is_enabled
from scrapy_proxywhirl.stats import CrawlStats

if TYPE_CHECKING:
    from scrapy import Request, Spider
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from scrapy.utils.asyncio import AsyncioLoopingCall
    from twisted.internet.task import LoopingCall
    from typing_extensions import Self

logger = logging.getLogger(__name__)

_STATS_INTERVAL = 5.0  # seconds


class ProxyWhirlMiddleware:
    """
    Sends each request through a proxy of the pool, and learns from what comes back.

    Enable it in DOWNLOADER_MIDDLEWARES at an order between RedirectMiddleware (600) and
    HttpProxyMiddleware (750)::

        DOWNLOADER_MIDDLEWARES = {"scrapy_proxywhirl.ProxyWhirlMiddleware": 745}
        PROXYWHIRL_PROXIES = ["http://user:password@proxy.example:8000", ...]

    A request keeps its own way with ``meta["proxy"]`` or with ``meta["proxywhirl"] = False``.

    Attributes:
        pool: The proxies, each with what its attempts have shown.
        strategy: What selects among them.
    """

    def __init__(self, crawler: Crawler, settings: ProxyWhirlSettings) -> None:
        self.pool = ProxyPool(name=crawler.settings["BOT_NAME"])
        for proxy in settings.proxies:
            self.pool.add_proxy(proxy)
        self.strategy = settings.strategy(settings.strategy_config)
        self._crawler = crawler
        self._policy = build_from_crawler(settings.ban_policy, crawler)
        assert crawler.stats
        self._stats = CrawlStats(crawler.stats, self.pool, settings.stats_proxies)
        self._timeout = settings.timeout
        self._default_timeout = crawler.settings.getfloat("DOWNLOAD_TIMEOUT")
        self._attempts = OpenAttempts()
        self._is_short_of_proxies = False
        self._has_told_of_missing_latency = False
        self._flushing: AsyncioLoopingCall | LoopingCall | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """
        Read the settings and connect.

        Raises:
            NotConfigured: ``PROXYWHIRL_ENABLED`` is False.
            ValueError: A setting has a value that is not allowed, or the crawl would send requests
                out without their proxy. The crawl does not start then.
        """
        if not is_enabled(crawler.settings):
            raise NotConfigured("PROXYWHIRL_ENABLED is False")
        settings = ProxyWhirlSettings.from_settings(crawler.settings)
        check_crawl(crawler.settings, cls, settings.proxies)
        middleware = cls(crawler, settings)
        connect = crawler.signals.connect
        connect(middleware.spider_opened, signal=signals.spider_opened)
        connect(middleware.response_downloaded, signal=signals.response_downloaded)
        connect(middleware.spider_idle, signal=signals.spider_idle)
        connect(middleware.spider_closed, signal=signals.spider_closed)
        return middleware

    def process_request(self, request: Request) -> None:
        """
        Choose the proxy that *request* goes through.

        Raises:
            NoProxyForRequestError: There is none. The request is not sent.
        """
        self._settle_lost()
        if not is_ours_to_assign(request, self.pool):
            request.meta.pop(NOTE, None)
            return
        earlier = earlier_note(request)
        proxy = self._select(request, earlier)
        request.meta.pop("download_latency", None)  # an earlier attempt's, which copies bring along
        forget_credentials(request)
        self._limit_timeout(request)
        request.meta["proxy"] = proxy.url_with_credentials
        request.meta[NOTE] = note = new_note(request, proxy, earlier)
        self._attempts.open(request, Attempt(proxy, note, started=monotonic()))
        self._stats.started(proxy)

    def process_response(self, request: Request, response: Response) -> Response:
        """Learn from what came back."""
        attempt = self._attempts.take(request)
        if attempt is not None:
            forget_credentials(request, attempt.proxy)
            if attempt.is_downloaded:
                self._learn_from_response(attempt, request, response)
            else:
                self._settle(attempt, NEUTRAL)  # from the cache, or another middleware's
        return response

    def process_exception(self, request: Request, exception: Exception) -> None:
        """Learn from what went wrong."""
        attempt = self._attempts.take(request)
        if attempt is not None:
            forget_credentials(request, attempt.proxy)
            self._learn_from_exception(attempt, request, exception)

    def spider_opened(self, spider: Spider) -> None:
        """Say what the crawl goes out through."""
        logger.info(
            "Crawling through %d proxies, selected by %s",
            len(self.pool),
            type(self.strategy).__name__,
            extra={"spider": spider},
        )
        self._flushing = create_looping_call(self._flush)
        self._flushing.start(_STATS_INTERVAL, now=False)

    def response_downloaded(self, request: Request) -> None:
        """Note that a download handler has brought a response: it is not from the cache."""
        attempt = self._attempts.get(request)
        if attempt is not None:
            attempt.is_downloaded = True

    def spider_idle(self) -> None:
        """Bring the stats up to date: when the spider closes, extensions see them before we do."""
        self._flush()

    def spider_closed(self, spider: Spider) -> None:
        """Settle what never came back, and write the last figures."""
        if self._flushing is not None and self._flushing.running:
            self._flushing.stop()
        for attempt in self._attempts.take_all():
            self._settle(attempt, NEUTRAL)
        self._flush()
        logger.info("%s", self._stats.summary(), extra={"spider": spider})

    def _select(self, request: Request, earlier: Note | None) -> Proxy:
        redirected = redirected_from(request)
        context = SelectionContext(
            failed_proxy_ids=earlier["failed"] if earlier else (),
            stay_on_proxy_id=redirected["proxy_id"] if redirected else None,
        )
        try:
            proxy = self.strategy.select(self.pool, context)
        except ProxyPoolEmptyError as error:
            if context.failed_proxy_ids:
                # All that there are have failed this page: better one of them than none.
                return self._select(request, earlier=None)
            self._tell_of_no_proxy(request, error)
            raise NoProxyForRequestError(str(error)) from error
        self._is_short_of_proxies = False
        return proxy

    def _tell_of_no_proxy(self, request: Request, error: ProxyPoolEmptyError) -> None:
        self._stats.no_proxy()
        if not self._is_short_of_proxies:  # else it has been told, and would flood the log
            logger.warning(
                "No proxy for %s: %s. It is not sent, nor are others until there is one.",
                request,
                error,
                extra={"spider": self._crawler.spider},
            )
        self._is_short_of_proxies = True

    def _limit_timeout(self, request: Request) -> None:
        # Scrapy's own default of three minutes is how long a proxy that closes a connection during
        # CONNECT blocks a request.
        if (
            self._timeout is not None
            and request.meta.get("download_timeout", self._default_timeout) == self._default_timeout
        ):
            request.meta["download_timeout"] = self._timeout

    def _learn_from_response(self, attempt: Attempt, request: Request, response: Response) -> None:
        try:
            verdict = verdict_on_response(self._policy, request, response)
        except Exception:
            self._settle(attempt, NEUTRAL)
            raise
        response_time_ms = self._response_time_ms(attempt, request)
        self._note_on(request, attempt, verdict, response_time_ms)
        self._stats.received(attempt.proxy, len(response.body))
        if verdict.outcome is Outcome.SUCCESS:
            self._stats.measured(response_time_ms)
            self._settle(attempt, verdict, response_time_ms)
        else:
            self._settle(attempt, verdict)

    def _learn_from_exception(
        self, attempt: Attempt, request: Request, exception: Exception
    ) -> None:
        try:
            verdict = verdict_on_exception(self._policy, request, exception)
        except Exception:
            self._settle(attempt, NEUTRAL)
            raise
        self._note_on(request, attempt, verdict)
        if is_timeout(exception):
            self._settle(attempt, verdict, request.meta.get("download_timeout", 0.0) * 1000.0)
        else:
            self._settle(attempt, verdict)

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
                extra={"spider": self._crawler.spider},
            )
        return (monotonic() - attempt.started) * 1000.0

    def _note_on(
        self,
        request: Request,
        attempt: Attempt,
        verdict: Verdict,
        response_time_ms: float | None = None,
    ) -> None:
        note: Note = {**attempt.note}
        if response_time_ms is not None:
            note["response_time_ms"] = response_time_ms
        if verdict.outcome in (Outcome.BAN, Outcome.FAILURE):
            note["failed"] = [*note["failed"], attempt.proxy.id]
        request.meta[NOTE] = note

    def _settle_lost(self) -> None:
        for attempt in self._attempts.take_lost():
            self._settle(attempt, NEUTRAL)

    def _settle(
        self, attempt: Attempt, verdict: Verdict, response_time_ms: float | None = None
    ) -> None:
        """Let strategy and stats have the end of *attempt*: once for each."""
        outcome = verdict.outcome
        if outcome is Outcome.NEUTRAL:
            attempt.proxy.abandon_request()
        else:
            self.strategy.record_result(
                attempt.proxy,
                outcome is Outcome.SUCCESS,
                response_time_ms,
                banned=outcome is Outcome.BAN,
            )
        self._stats.ended(attempt.proxy, verdict)

    def _flush(self) -> None:
        self._settle_lost()
        self._stats.flush()
