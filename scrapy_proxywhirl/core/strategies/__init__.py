"""The strategies, each by its name."""

from __future__ import annotations

from scrapy_proxywhirl.core.strategies.base import Strategy
from scrapy_proxywhirl.core.strategies.performance import PerformanceBasedStrategy
from scrapy_proxywhirl.core.strategies.round_robin import RoundRobinStrategy
from scrapy_proxywhirl.core.strategies.uniform import RandomStrategy

STRATEGIES: dict[str, type[Strategy]] = {
    "performance": PerformanceBasedStrategy,
    "random": RandomStrategy,
    "round-robin": RoundRobinStrategy,
}

__all__ = [
    "STRATEGIES",
    "PerformanceBasedStrategy",
    "RandomStrategy",
    "RoundRobinStrategy",
    "Strategy",
]
