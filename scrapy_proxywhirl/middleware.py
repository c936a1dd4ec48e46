"""The downloader middleware: the story of one request."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from scrapy import signals
from scrapy.exceptions import DontCloseSpider, NotConfigured
from scrapy.utils.asyncio import create_looping_call

from scrapy_proxywhirl.checks import check_pool
from scrapy_proxywhirl.credentials import (
    forget_all_credentials,
    forget_credentials,
    keep_credentials_out_of_cache,
)
from scrapy_proxywhirl.dispatch import restore, send_directly
from scrapy_proxywhirl.exceptions import NoProxyForRequestError
from scrapy_proxywhirl.note import (
    NOTE,
    Note,
    choose_slot,
    domain_of,
    earlier_note,
    forget_note,
    is_ours_to_assign,
    new_note,
)
from scrapy_proxywhirl.outcomes import Outcome, Verdict
from scrapy_proxywhirl.parts import Parts
from scrapy_proxywhirl.settings import ProxyWhirlSettings, is_enabled
from scrapy_proxywhirl.shortage import asks_for_robots_txt
from scrapy_proxywhirl.timeouts import restore_timeout
from scrapy_proxywhirl.waiting import WaitingRoom

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from scrapy import Request, Spider
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from scrapy.utils.asyncio import AsyncioLoopingCall
    from twisted.internet.task import LoopingCall
    from typing_extensions import Self

    from scrapy_proxywhirl.choice import Demand
    from scrapy_proxywhirl.core import Strategy

logger = logging.getLogger(__name__)

_STATS_INTERVAL = 5.0  # seconds


class ProxyWhirlMiddleware:
    """
    Sends each request through a proxy of the pool, and learns from what comes back.

    The add-on enables it; so does an entry in DOWNLOADER_MIDDLEWARES, at an order between
    RedirectMiddleware (600) and HttpProxyMiddleware (750)::

        DOWNLOADER_MIDDLEWARES = {"scrapy_proxywhirl.ProxyWhirlMiddleware": 745}
        PROXYWHIRL_PROXIES = ["http://user:password@proxy.example:8000", ...]

    A request keeps its own way with ``meta["proxy"]`` or with ``meta["proxywhirl"] = False``, and
    says what it wants of its proxy with a dict there.

    Attributes:
        pool: The proxies, each with what its attempts have shown.
        supply: Keeps the pool as its sources have it.
    """

    def __init__(self, crawler: Crawler, settings: ProxyWhirlSettings) -> None:
        parts = Parts.of(crawler, settings, type(self), self._look_for_proxies)
        self.pool = parts.pool
        self._crawler = crawler
        self._strategies = parts.strategies
        self._stats = parts.stats
        self._budget = parts.budget
        self._choices = parts.choices
        self.supply = parts.supply
        self._downloaders = parts.downloaders
        self._contexts = parts.downloaders.contexts
        self._timeouts = parts.timeouts
        self._recorder = parts.recorder
        self._retries = parts.retries
        self._shortage = parts.shortage
        self._bypass = parts.bypass
        self._selector = parts.selector
        self._exchange = parts.exchange
        self._waiting = WaitingRoom(
            crawler,
            self._assign_later,
            self._shortage.error,
            self.pool,
            self._stats,
            parts.throttle,
            longest=settings.wait_timeout,
            pause=settings.cooldown,
        )
        self._slots = settings.slots
        self._flushing: AsyncioLoopingCall | LoopingCall | None = None
        self.strategy.prepare(self.pool)  # which is empty: proxies are taken in as they join
        self.supply.load()
        if not self.supply.is_expected:
            check_pool(settings, self.pool)

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
        middleware = cls(crawler, settings)
        connect = crawler.signals.connect
        connect(middleware.spider_opened, signal=signals.spider_opened)
        if settings.measures_body or settings.adaptive_timeout:
            connect(middleware.headers_received, signal=signals.headers_received)
        connect(middleware.response_downloaded, signal=signals.response_downloaded)
        if settings.keeps_requests:
            connect(middleware.request_scheduled, signal=signals.request_scheduled)
        connect(middleware.spider_idle, signal=signals.spider_idle)
        connect(middleware.spider_closed, signal=signals.spider_closed)
        if crawler.settings.getbool("TELNETCONSOLE_ENABLED"):
            from scrapy.extensions.telnet import update_telnet_vars

            connect(middleware.add_telnet_vars, signal=update_telnet_vars)
        return middleware

    @property
    def strategy(self) -> Strategy:
        """What selects for requests that ask for no other."""
        return self._strategies.current

    def use_strategy(self, strategy: str | type[Strategy]) -> None:
        """
        Let another strategy select from now on, in mid-crawl too: what was learned stays.

        Args:
            strategy: A name, an import path or a class, as PROXYWHIRL_STRATEGY takes it.

        Raises:
            ValueError: There is no such strategy.
        """
        try:
            self._strategies.current = self._strategies.get(strategy)
        except ValueError as error:
            raise ValueError(f"strategy is {error}") from error

    def summary(self) -> str:
        """Return the totals in a line, and some proxies in a table, as they stand now."""
        self._flush()
        return self._stats.summary()

    def process_request(self, request: Request) -> Awaitable[Request | Response | None] | None:
        """
        Choose the proxy that *request* goes through; where there is none, let it wait.

        Raises:
            NoProxyForRequestError: There is none and it is not to wait, or none of the pool is what
                it wants. The request is not sent.
            ValueError: ``meta["proxywhirl"]`` says what is not known, or not allowed.
        """
        self._recorder.settle_lost()
        if self._timeouts.are_adaptive:
            restore_timeout(request)
        if not is_ours_to_assign(request):
            forget_note(request)
            self._bypass.note(request)
            return None
        earlier = earlier_note(request)
        if earlier:
            restore(request, earlier)
        if self._downloaders.zyte_api.takes(request):
            send_directly(request)
            self._bypass.note(request)
            return None
        refusal = self._downloaders.refusal(request)
        if refusal:
            self._stats.no_proxy()
            raise NoProxyForRequestError(f"{request}: {refusal}")
        demand = self._choices.demand(request)
        if self._budget.is_over():
            self._budget.close_spider()
            return self._waiting.wait(request, demand)
        pause = earlier.get("pause", 0.0) if earlier and self._shortage.is_waited_for else 0.0
        has_to_wait = pause or self._waiting.has_to_wait(request, demand)
        if not has_to_wait and self._assign(request, demand, earlier):
            return None
        # Who stands in line waits for what is busy, and so does who comes behind, whatever is free.
        if (
            has_to_wait
            or self._shortage.is_waited_for
            or self.supply.is_expected
            or self.pool.has_busy(*demand)
        ):
            return self._waiting.wait(request, demand, pause)
        self._shortage.do_without(request)
        return None

    async def process_response(self, request: Request, response: Response) -> Request | Response:
        """
        Learn from what came back, and send the page through another proxy if that was a ban.

        Raises:
            RobotsTxtUnavailableError: What came back for /robots.txt was refusals only.
        """
        verdict = await self._recorder.responded(request, response)
        if self._waiting.lines or self._shortage.demands:
            self._tell_those_that_wait(request, verdict)
        if verdict.outcome is Outcome.SUCCESS or verdict.outcome is Outcome.NEUTRAL:
            return response
        retry = self._retries.another(request, verdict, response)
        if retry is not None:
            self._waiting.remember(retry, response)
            return retry
        if asks_for_robots_txt(request):
            raise self._shortage.no_robots_txt(f"No proxy brought {request.url}: {verdict.reason}")
        return response

    async def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """Learn from what went wrong, and send the page through another proxy."""
        verdict = await self._recorder.failed(request, exception)
        self._tell_those_that_wait(request, verdict)
        if verdict.outcome is Outcome.NEUTRAL:
            return None
        retry = self._retries.another(request, verdict)
        if retry is not None:
            self._waiting.remember(retry, exception)
        return retry

    def spider_opened(self, spider: Spider) -> None:
        """Say what the crawl goes out through."""
        logger.info(
            "Crawling through %d proxies, selected by %s",
            len(self.pool),
            type(self.strategy).__name__,
            extra={"spider": spider},
        )
        self._downloaders.check_size(len(self.pool))
        keep_credentials_out_of_cache(self._crawler)
        self._flushing = create_looping_call(self._flush)
        self._flushing.start(_STATS_INTERVAL, now=False)
        if self._exchange is not None:
            self._exchange.open()
        self.supply.open()

    def headers_received(self, request: Request) -> None:
        """Note when headers came, where the time of the body behind them counts too."""
        self._recorder.headers_came(request)

    def response_downloaded(self, request: Request, response: Response) -> None:
        """Note that a download handler has brought a response: it is not from the cache."""
        self._recorder.downloaded(request, response)

    def request_scheduled(self, request: Request) -> None:
        """Let no credentials get into a queue on disk, or wherever the scheduler keeps it."""
        forget_all_credentials(request)

    def spider_idle(self) -> None:
        """
        Bring the stats up to date: when the spider closes, extensions see them before we do.

        Raises:
            DontCloseSpider: Pages wait.
        """
        if len(self._waiting):
            raise DontCloseSpider
        self._flush(is_last=True)

    def spider_closed(self, spider: Spider) -> None:
        """Settle what never came back, and write the last figures."""
        if self._flushing is not None and self._flushing.running:
            self._flushing.stop()
        self.supply.close()
        self._waiting.close()
        self._recorder.settle_all()
        self._flush(is_last=True)
        if self._exchange is not None:
            self._exchange.close()
        logger.info("%s", self._stats.summary(), extra={"spider": spider})
        self._bypass.close()

    def add_telnet_vars(self, telnet_vars: dict[str, Any]) -> None:
        """Let Scrapy's telnet console show the proxies: ``proxies()``."""
        telnet_vars["proxies"] = lambda: print(self.summary())

    def _assign_later(self, request: Request) -> bool:
        """Give *request*, which waits, its proxy; return False where none may be selected."""
        if self._budget.is_over():
            return False
        return self._assign(request, self._choices.demand(request), earlier_note(request))

    def _assign(self, request: Request, demand: Demand, earlier: Note | None) -> bool:
        """Give *request* its proxy; return False where none may be selected."""
        strategy = self._choices.strategy(request)
        proxy = self._selector.select(request, demand, strategy, earlier)
        if proxy is None:
            return False
        domain, wanted = demand
        request.meta.pop("download_latency", None)  # an earlier attempt's, which copies bring along
        forget_credentials(request)
        note = new_note(request, proxy, earlier, wanted.session if wanted else None)
        self._timeouts.set_for(request, note, domain)
        if self._slots != "domain":
            slot = choose_slot(request, proxy, self._slots)
            if slot is not None:
                note["slot"] = slot
        request.meta["proxy"] = proxy.url_with_credentials
        request.meta[NOTE] = note
        if self._contexts is not None and self._downloaders.is_for_browser(request):
            self._contexts.give(request, proxy, note.get("session"))
        self._recorder.started(request, proxy, strategy, note, domain)
        return True

    def _tell_those_that_wait(self, request: Request, verdict: Verdict) -> None:
        self._waiting.look_soon()
        if verdict.outcome is not Outcome.SUCCESS:
            return
        proxy = self.pool.get_proxy(request.meta[NOTE]["proxy_id"])
        if proxy is not None:
            domain = domain_of(request)
            self._waiting.succeeded(proxy, domain)
            self._shortage.end(proxy, domain)

    def _look_for_proxies(self) -> None:
        self._downloaders.check_size(len(self.pool))
        self._waiting.look_soon()

    def _flush(self, is_last: bool = False) -> None:
        assert self._crawler.engine
        self._recorder.settle_lost(self._crawler.engine.downloader.active)
        self._stats.flush(is_last)
