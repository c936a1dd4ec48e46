"""A Scrapy downloader middleware that learns which proxies are fast."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

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
    PoolDomains,
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
from scrapy_proxywhirl.core.errors import (
    DuplicateProxyError,
    InvalidProxyError,
    NoMatchingProxyError,
    ProxyPoolEmptyError,
    ProxyWhirlError,
)

if TYPE_CHECKING:
    from scrapy_proxywhirl.addon import Addon
    from scrapy_proxywhirl.exceptions import NoProxyForRequestError, RobotsTxtUnavailableError
    from scrapy_proxywhirl.middleware import ProxyWhirlMiddleware
    from scrapy_proxywhirl.note import UsedProxy, used_proxy
    from scrapy_proxywhirl.outcomes import BanPolicy

__all__ = [
    "AdaptiveStrategy",
    "Addon",
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
    "PoolDomains",
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

# What needs Scrapy comes when it is asked for: Scrapy takes four times as long to import as the
# rest, and strategies used by themselves can do without, as the playground can.
_WITH_SCRAPY = {
    "Addon": "addon",
    "BanPolicy": "outcomes",
    "NoProxyForRequestError": "exceptions",
    "ProxyWhirlMiddleware": "middleware",
    "RobotsTxtUnavailableError": "exceptions",
    "UsedProxy": "note",
    "used_proxy": "note",
}

if not TYPE_CHECKING:  # which would take any name then

    def __getattr__(name: str) -> object:
        if name not in _WITH_SCRAPY:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_WITH_SCRAPY[name]}"), name)
