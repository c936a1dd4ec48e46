"""The strategies, each by its name."""

from __future__ import annotations

from scrapy_proxywhirl.core.strategies.adaptive import AdaptiveStrategy
from scrapy_proxywhirl.core.strategies.base import Strategy
from scrapy_proxywhirl.core.strategies.cost_aware import CostAwareStrategy
from scrapy_proxywhirl.core.strategies.frontier import FrontierStrategy
from scrapy_proxywhirl.core.strategies.least_loaded import LeastLoadedStrategy
from scrapy_proxywhirl.core.strategies.least_used import LeastUsedStrategy
from scrapy_proxywhirl.core.strategies.performance import PerformanceBasedStrategy
from scrapy_proxywhirl.core.strategies.round_robin import RoundRobinStrategy
from scrapy_proxywhirl.core.strategies.tiered import TieredStrategy
from scrapy_proxywhirl.core.strategies.uniform import RandomStrategy
from scrapy_proxywhirl.core.strategies.weighted import WeightedStrategy

STRATEGIES: dict[str, type[Strategy]] = {
    "adaptive": AdaptiveStrategy,
    "cost-aware": CostAwareStrategy,
    "frontier": FrontierStrategy,
    "least-loaded": LeastLoadedStrategy,
    "least-used": LeastUsedStrategy,
    "performance": PerformanceBasedStrategy,
    "random": RandomStrategy,
    "round-robin": RoundRobinStrategy,
    "tiered": TieredStrategy,
    "weighted": WeightedStrategy,
}

__all__ = [
    "STRATEGIES",
    "AdaptiveStrategy",
    "CostAwareStrategy",
    "FrontierStrategy",
    "LeastLoadedStrategy",
    "LeastUsedStrategy",
    "PerformanceBasedStrategy",
    "RandomStrategy",
    "RoundRobinStrategy",
    "Strategy",
    "TieredStrategy",
    "WeightedStrategy",
]
