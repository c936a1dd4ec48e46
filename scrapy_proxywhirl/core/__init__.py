"""Choosing proxies and learning about them: knows no Scrapy, no Twisted, no clock."""

from __future__ import annotations

from scrapy_proxywhirl.core.config import StrategyConfig
from scrapy_proxywhirl.core.context import SelectionContext
from scrapy_proxywhirl.core.delays import LearnedDelays
from scrapy_proxywhirl.core.domains import PoolDomains
from scrapy_proxywhirl.core.errors import (
    DuplicateProxyError,
    InvalidProxyError,
    NoMatchingProxyError,
    ProxyPoolEmptyError,
    ProxyWhirlError,
)
from scrapy_proxywhirl.core.filter import ProxyFilter
from scrapy_proxywhirl.core.health import HealthStatus
from scrapy_proxywhirl.core.incident import Incident, Incidents
from scrapy_proxywhirl.core.journal import PoolJournal
from scrapy_proxywhirl.core.limits import PoolLimits
from scrapy_proxywhirl.core.pool import ProxyPool
from scrapy_proxywhirl.core.pool_cooldowns import PoolCooldowns
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.proxy_set import ProxySet
from scrapy_proxywhirl.core.sessions import PoolSessions
from scrapy_proxywhirl.core.strategies import (
    STRATEGIES,
    AdaptiveStrategy,
    CostAwareStrategy,
    FrontierStrategy,
    LeastLoadedStrategy,
    LeastUsedStrategy,
    PerformanceBasedStrategy,
    RandomStrategy,
    RoundRobinStrategy,
    Strategy,
    TieredStrategy,
    WeightedStrategy,
)
from scrapy_proxywhirl.core.wanted import Wanted

__all__ = [
    "STRATEGIES",
    "AdaptiveStrategy",
    "CostAwareStrategy",
    "DuplicateProxyError",
    "FrontierStrategy",
    "HealthStatus",
    "Incident",
    "Incidents",
    "InvalidProxyError",
    "LearnedDelays",
    "LeastLoadedStrategy",
    "LeastUsedStrategy",
    "NoMatchingProxyError",
    "PerformanceBasedStrategy",
    "PoolCooldowns",
    "PoolDomains",
    "PoolJournal",
    "PoolLimits",
    "PoolSessions",
    "Proxy",
    "ProxyFilter",
    "ProxyPool",
    "ProxyPoolEmptyError",
    "ProxySet",
    "ProxyWhirlError",
    "RandomStrategy",
    "RoundRobinStrategy",
    "SelectionContext",
    "Strategy",
    "StrategyConfig",
    "TieredStrategy",
    "Wanted",
    "WeightedStrategy",
]
