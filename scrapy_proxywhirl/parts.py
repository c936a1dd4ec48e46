"""What the middleware works with, put together as the settings say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from scrapy_proxywhirl.budget import Budget
from scrapy_proxywhirl.bypass import Bypass
from scrapy_proxywhirl.checks import CrawlCheck
from scrapy_proxywhirl.choice import Choices
from scrapy_proxywhirl.core import (
    Incidents,
    LearnedDelays,
    PoolCooldowns,
    PoolDomains,
    PoolJournal,
    PoolLimits,
    PoolSessions,
    ProxyPool,
)
from scrapy_proxywhirl.downloaders import Downloaders
from scrapy_proxywhirl.judge import Judge
from scrapy_proxywhirl.recorder import Recorder
from scrapy_proxywhirl.retry import Retries
from scrapy_proxywhirl.selection import Selector
from scrapy_proxywhirl.shortage import Shortage
from scrapy_proxywhirl.sources.replacements import Replacements
from scrapy_proxywhirl.sources.supply import Supply
from scrapy_proxywhirl.state.exchange import StateExchange
from scrapy_proxywhirl.stats import CrawlStats
from scrapy_proxywhirl.strategies import Strategies
from scrapy_proxywhirl.throttle import Throttle
from scrapy_proxywhirl.timeouts import Timeouts

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from scrapy_proxywhirl.settings import ProxyWhirlSettings


@dataclass(frozen=True, slots=True)
class Parts:
    """
    What the middleware works with.

    Attributes:
        pool: The proxies.
        strategies: What selects.
        stats: Of the crawl.
        budget: What may be spent.
        choices: Reads what requests say of their proxies.
        supply: Keeps the pool as its sources have it.
        downloaders: What can be done with a proxy.
        timeouts: How long a request may take.
        recorder: Has what comes back told to whom it concerns.
        retries: What is sent again.
        shortage: What is done where there is no proxy.
        bypass: Tells of requests that go around the pool.
        selector: Selects for requests.
        throttle: Tells which pages are to wait for others.
        exchange: Keeps and shares what is learned; None where nobody does.
    """

    pool: ProxyPool
    strategies: Strategies
    stats: CrawlStats
    budget: Budget
    choices: Choices
    supply: Supply
    downloaders: Downloaders
    timeouts: Timeouts
    recorder: Recorder
    retries: Retries
    shortage: Shortage
    bypass: Bypass
    selector: Selector
    throttle: Throttle
    exchange: StateExchange | None

    @classmethod
    def of(
        cls,
        crawler: Crawler,
        settings: ProxyWhirlSettings,
        middleware: type,
        pool_changed: Callable[[], None],
    ) -> Parts:
        """
        Put them together.

        Args:
            crawler: Whose crawl it is.
            settings: As it has them.
            middleware: The class that is enabled.
            pool_changed: Is called when sources have been read.

        Raises:
            ValueError: The crawl would send requests out without their proxy.
        """
        assert crawler.stats
        pool = _pool(crawler, settings)
        strategies = Strategies(settings.strategy, settings.strategy_config)
        stats = CrawlStats(crawler.stats, pool, settings.stats_proxies)
        budget = Budget(crawler, pool, settings.budget, stats)
        incidents = Incidents()
        throttle = Throttle(incidents, monotonic)
        timeouts = Timeouts(
            settings.timeout,
            crawler.settings.getfloat("DOWNLOAD_TIMEOUT"),
            settings.adaptive_timeout,
            tries=1 + settings.retry_times,
        )
        downloaders = Downloaders(crawler.settings)
        supply = Supply(
            crawler,
            pool,
            settings.sources,
            settings.refresh_interval,
            CrawlCheck(crawler.settings, middleware, downloaders),
            pool_changed,
        )
        recorder = Recorder(
            incidents,
            timeouts,
            Judge.from_crawler(crawler, settings.ban_policy),
            stats,
            budget,
            Replacements(supply, pool, settings.cooldown, monotonic),
            throttle,
            has_cache=crawler.settings.getbool("HTTPCACHE_ENABLED"),
            measures_body=settings.measures_body,
            pool=pool,
        )
        shortage = Shortage(crawler, settings.on_empty, stats)
        exchange = None
        if settings.state is not None:
            exchange = StateExchange(crawler, pool, settings.state, stats, settings.state_interval)
        return cls(
            pool=pool,
            strategies=strategies,
            stats=stats,
            budget=budget,
            choices=Choices(pool, strategies, budget, settings.has_sticky_cookiejars),
            supply=supply,
            downloaders=downloaders,
            timeouts=timeouts,
            recorder=recorder,
            retries=Retries(settings.retry_times, settings.cooldown, incidents, stats),
            shortage=shortage,
            bypass=Bypass(crawler, stats),
            selector=Selector(pool, budget, settings.takes_any, shortage, stats, supply),
            throttle=throttle,
            exchange=exchange,
        )


def _pool(crawler: Crawler, settings: ProxyWhirlSettings) -> ProxyPool:
    concurrency, delay = settings.concurrency_per_proxy, settings.delay_per_proxy
    return ProxyPool(
        crawler.settings["BOT_NAME"],
        cooldowns=PoolCooldowns(
            settings.cooldown,
            settings.cooldown_max,
            monotonic,
            delays=LearnedDelays(monotonic) if settings.has_adaptive_delay else None,
        ),
        limits=PoolLimits(concurrency, delay, monotonic) if concurrency or delay else None,
        sessions=PoolSessions(settings.session_ttl, monotonic),
        domains=PoolDomains() if settings.tells_domains_apart else None,
        journal=PoolJournal(monotonic, settings.state_age) if settings.state else None,
    )
