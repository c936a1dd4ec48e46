"""The downloader middleware: the story of one request."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING

from scrapy import signals
from scrapy.exceptions import NotConfigured
from scrapy.utils.asyncio import create_looping_call

from scrapy_proxywhirl.checks import WITHOUT_PROXY, check_crawl, has_playwright
from scrapy_proxywhirl.core import (
    PoolCooldowns,
    Proxy,
    ProxyPool,
    ProxyPoolEmptyError,
    SelectionContext,
)
from scrapy_proxywhirl.exceptions import NoProxyForRequestError, RobotsTxtUnavailableError
from scrapy_proxywhirl.judge import Judge
from scrapy_proxywhirl.note import (
    NOTE,
    Note,
    choose_slot,
    domain_of,
    earlier_note,
    forget_credentials,
    forget_note,
    is_ours_to_assign,
    new_note,
    proxy_to_stay_on,
)
from scrapy_proxywhirl.outcomes import Outcome, is_robots_txt
from scrapy_proxywhirl.recorder import Recorder
from scrapy_proxywhirl.retry import Retries
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
        self.pool = ProxyPool(
            crawler.settings["BOT_NAME"],
            cooldowns=PoolCooldowns(settings.cooldown, settings.cooldown_max, monotonic),
        )
        for proxy in settings.proxies:
            self.pool.add_proxy(proxy)
        self.strategy = settings.strategy(settings.strategy_config)
        self._crawler = crawler
        assert crawler.stats
        self._stats = CrawlStats(crawler.stats, self.pool, settings.stats_proxies)
        self._recorder = Recorder(
            self.strategy,
            Judge.from_crawler(crawler, settings.ban_policy),
            self._stats,
            has_cache=crawler.settings.getbool("HTTPCACHE_ENABLED"),
        )
        self._retries = Retries(settings.retry_times, self._stats)
        self._slots = settings.slots
        self._timeout = settings.timeout
        self._default_timeout = crawler.settings.getfloat("DOWNLOAD_TIMEOUT")
        self._has_playwright = has_playwright(crawler.settings)
        self._is_short_of_proxies = False
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
        if settings.measures_body:
            connect(middleware.headers_received, signal=signals.headers_received)
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
        self._recorder.settle_lost()
        if not is_ours_to_assign(request, self.pool):
            forget_note(request)
            return
        if self._has_playwright and request.meta.get("playwright"):
            self._stats.no_proxy()
            raise NoProxyForRequestError(f"{request}: {WITHOUT_PROXY}")
        earlier = earlier_note(request)
        domain = domain_of(request)
        proxy = self._select(request, domain, earlier)
        request.meta.pop("download_latency", None)  # an earlier attempt's, which copies bring along
        forget_credentials(request)
        self._limit_timeout(request)
        if earlier and "dont_filter" in earlier:  # else its redirects would not be filtered
            request.dont_filter = earlier["dont_filter"]
        note = new_note(request, proxy, earlier)
        if self._slots != "domain":
            slot = choose_slot(request, proxy, self._slots)
            if slot is not None:
                note["slot"] = slot
        request.meta["proxy"] = proxy.url_with_credentials
        request.meta[NOTE] = note
        self._recorder.started(request, proxy, note, domain)

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        """
        Learn from what came back, and send the page through another proxy if that was a ban.

        Raises:
            RobotsTxtUnavailableError: What came back for /robots.txt was refusals only.
        """
        verdict = await self._recorder.responded(request, response)
        if verdict.outcome in (Outcome.SUCCESS, Outcome.NEUTRAL):
            return response
        retry = self._retries.another(request, verdict, response)
        if retry is not None:
            return retry
        if _asks_for_robots_txt(request):
            raise self._no_robots_txt(f"No proxy brought {request.url}: {verdict.reason}")
        return response

    async def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """Learn from what went wrong, and send the page through another proxy."""
        verdict = await self._recorder.failed(request, exception)
        if verdict.outcome is Outcome.NEUTRAL:
            return None
        return self._retries.another(request, verdict)

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

    def headers_received(self, request: Request) -> None:
        """Note when headers came, where the time of the body behind them counts too."""
        self._recorder.headers_came(request)

    def response_downloaded(self, request: Request, response: Response) -> None:
        """Note that a download handler has brought a response: it is not from the cache."""
        self._recorder.downloaded(request, response)

    def spider_idle(self) -> None:
        """Bring the stats up to date: when the spider closes, extensions see them before we do."""
        self._flush()

    def spider_closed(self, spider: Spider) -> None:
        """Settle what never came back, and write the last figures."""
        if self._flushing is not None and self._flushing.running:
            self._flushing.stop()
        self._recorder.settle_all()
        self._flush()
        logger.info("%s", self._stats.summary(), extra={"spider": spider})

    def _select(self, request: Request, domain: str | None, earlier: Note | None) -> Proxy:
        context = SelectionContext(
            failed_proxy_ids=earlier["failed"] if earlier else (),
            stay_on_proxy_id=proxy_to_stay_on(request),
            domain=domain,
        )
        try:
            proxy = self.strategy.select(self.pool, context)
        except ProxyPoolEmptyError as error:
            if context.failed_proxy_ids:
                # All that there are have failed this page: better one of them than none.
                return self._select(request, domain, earlier=None)
            self._tell_of_no_proxy(request, error)
            if _asks_for_robots_txt(request):
                raise self._no_robots_txt(str(error)) from error
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

    def _no_robots_txt(self, message: str) -> RobotsTxtUnavailableError:
        self._stats.no_robots_txt()
        return RobotsTxtUnavailableError(message)

    def _limit_timeout(self, request: Request) -> None:
        # Scrapy's own default of three minutes is how long a proxy that closes a connection during
        # CONNECT blocks a request.
        if (
            self._timeout is not None
            and request.meta.get("download_timeout", self._default_timeout) == self._default_timeout
        ):
            request.meta["download_timeout"] = self._timeout

    def _flush(self) -> None:
        self._recorder.settle_lost()
        self._stats.flush()


def _asks_for_robots_txt(request: Request) -> bool:
    """Tell whether *request* is RobotsTxtMiddleware's, which makes of a failure what it will."""
    return is_robots_txt(request) and "dont_obey_robotstxt" in request.meta
