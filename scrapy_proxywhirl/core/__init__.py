"""Choosing proxies and learning about them: knows no Scrapy, no Twisted, no clock."""

from __future__ import annotations

from scrapy_proxywhirl.core.config import StrategyConfig
from scrapy_proxywhirl.core.context import SelectionContext
from scrapy_proxywhirl.core.errors import (
    DuplicateProxyError,
    InvalidProxyError,
    ProxyPoolEmptyError,
    ProxyWhirlError,
)
from scrapy_proxywhirl.core.health import HealthStatus
from scrapy_proxywhirl.core.incident import Incident, Incidents
from scrapy_proxywhirl.core.limits import PoolLimits
from scrapy_proxywhirl.core.pool import ProxyPool
from scrapy_proxywhirl.core.pool_cooldowns import PoolCooldowns
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.strategies import (
    STRATEGIES,
    AdaptiveStrategy,
    LeastLoadedStrategy,
    LeastUsedStrategy,
    PerformanceBasedStrategy,
    RandomStrategy,
    RoundRobinStrategy,
    Strategy,
    WeightedStrategy,
)

__all__ = [
    "STRATEGIES",
    "AdaptiveStrategy",
    "DuplicateProxyError",
    "HealthStatus",
    "Incident",
    "Incidents",
    "InvalidProxyError",
    "LeastLoadedStrategy",
    "LeastUsedStrategy",
    "PerformanceBasedStrategy",
    "PoolCooldowns",
    "PoolLimits",
    "Proxy",
    "ProxyPool",
    "ProxyPoolEmptyError",
    "ProxyWhirlError",
    "RandomStrategy",
    "RoundRobinStrategy",
    "SelectionContext",
    "Strategy",
    "StrategyConfig",
    "WeightedStrategy",
]
