"""Faster proxies more often by far, and less those that have much to do."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from scrapy_proxywhirl.core.config import StrategyConfig
from scrapy_proxywhirl.core.strategies.performance import PerformanceBasedStrategy

_WEIGHT_EXPONENT = 2.0


class AdaptiveStrategy(PerformanceBasedStrategy):
    """
    Selects as :class:`PerformanceBasedStrategy` does, load-aware and with the weight exponent 2.

    What the config says of these two is not heeded.
    """

    def __init__(self, config: StrategyConfig | None = None, *, rng: Random | None = None) -> None:
        super().__init__(_adapted(config or StrategyConfig()), rng=rng)

    def configure(self, config: StrategyConfig) -> None:
        """Go by *config* from now on, but for what is this strategy's own."""
        super().configure(_adapted(config))


def _adapted(config: StrategyConfig) -> StrategyConfig:
    return replace(config, load_aware=True, weight_exponent=_WEIGHT_EXPONENT)
