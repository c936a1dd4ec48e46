"""A Scrapy downloader middleware that learns which proxies are fast."""

from __future__ import annotations

from scrapy_proxywhirl._version import __version__
from scrapy_proxywhirl.core import (
    AdaptiveStrategy,
    HealthStatus,
    LeastLoadedStrategy,
    LeastUsedStrategy,
    PerformanceBasedStrategy,
    PoolCooldowns,
    PoolLimits,
    Proxy,
    ProxyPool,
    RandomStrategy,
    RoundRobinStrategy,
    SelectionContext,
    Strategy,
    StrategyConfig,
    WeightedStrategy,
)
from scrapy_proxywhirl.exceptions import (
    DuplicateProxyError,
    InvalidProxyError,
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
    "DuplicateProxyError",
    "HealthStatus",
    "InvalidProxyError",
    "LeastLoadedStrategy",
    "LeastUsedStrategy",
    "NoProxyForRequestError",
    "PerformanceBasedStrategy",
    "PoolCooldowns",
    "PoolLimits",
    "Proxy",
    "ProxyPool",
    "ProxyPoolEmptyError",
    "ProxyWhirlError",
    "ProxyWhirlMiddleware",
    "RandomStrategy",
    "RobotsTxtUnavailableError",
    "RoundRobinStrategy",
    "SelectionContext",
    "Strategy",
    "StrategyConfig",
    "UsedProxy",
    "WeightedStrategy",
    "__version__",
    "used_proxy",
]
