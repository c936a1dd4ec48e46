"""A Scrapy downloader middleware that learns which proxies are fast."""

from __future__ import annotations

from scrapy_proxywhirl._version import __version__
from scrapy_proxywhirl.core import (
    AdaptiveStrategy,
    CostAwareStrategy,
    FrontierStrategy,
    HealthStatus,
    LeastLoadedStrategy,
    LeastUsedStrategy,
    PerformanceBasedStrategy,
    PoolCooldowns,
    PoolLimits,
    PoolSessions,
    Proxy,
    ProxyFilter,
    ProxyPool,
    ProxySet,
    RandomStrategy,
    RoundRobinStrategy,
    SelectionContext,
    Strategy,
    StrategyConfig,
    TieredStrategy,
    Wanted,
    WeightedStrategy,
)
from scrapy_proxywhirl.exceptions import (
    DuplicateProxyError,
    InvalidProxyError,
    NoMatchingProxyError,
    NoProxyForRequestError,
    ProxyPoolEmptyError,
    ProxyWhirlError,
    RobotsTxtUnavailableError,
)
from scrapy_proxywhirl.middleware import ProxyWhirlMiddleware
from scrapy_proxywhirl.note import UsedProxy, used_proxy
from scrapy_proxywhirl.outcomes import BanPolicy

__all__ = [
    "AdaptiveStrategy",
    "BanPolicy",
    "CostAwareStrategy",
    "DuplicateProxyError",
    "FrontierStrategy",
    "HealthStatus",
    "InvalidProxyError",
    "LeastLoadedStrategy",
    "LeastUsedStrategy",
    "NoMatchingProxyError",
    "NoProxyForRequestError",
    "PerformanceBasedStrategy",
    "PoolCooldowns",
    "PoolLimits",
    "PoolSessions",
    "Proxy",
    "ProxyFilter",
    "ProxyPool",
    "ProxyPoolEmptyError",
    "ProxySet",
    "ProxyWhirlError",
    "ProxyWhirlMiddleware",
    "RandomStrategy",
    "RobotsTxtUnavailableError",
    "RoundRobinStrategy",
    "SelectionContext",
    "Strategy",
    "StrategyConfig",
    "TieredStrategy",
    "UsedProxy",
    "Wanted",
    "WeightedStrategy",
    "__version__",
    "used_proxy",
]
