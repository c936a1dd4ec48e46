"""As many exits as wanted, in the least time."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from scrapy_proxywhirl.core.config import StrategyConfig
from scrapy_proxywhirl.core.frontier import FrontierSampler
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.rotation import Rotation
from scrapy_proxywhirl.core.strategies.per_pool import PerPool
from scrapy_proxywhirl.core.strategies.performance import PerformanceBasedStrategy

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.domain_figures import DomainFigures


class FrontierStrategy(PerformanceBasedStrategy):
    """
    Selects so that a crawl looks like it came from ``exits`` proxies, in the least mean time.

    A site sees no more of one proxy than if so many were used in turn (by the inverse Simpson index
    of their shares), and of all shares that have this, these have the least mean response time: see
    :func:`~scrapy_proxywhirl.core.frontier.ceiling`. Where there are no more proxies than that, all
    have the same share.

    Exploration tries a slow proxy less often, in proportion to its EMA, so that each costs the same
    time. EMAs do not restart, whatever the config says: a slow proxy that two lucky times in a row
    made look fast would be an exit too many.
    """

    is_told_of_selections = True  # how much is too slow depends on all

    def __init__(self, config: StrategyConfig | None = None, *, rng: Random | None = None) -> None:
        super().__init__(_steady(config or StrategyConfig()), rng=rng)
        self._rotations = PerPool(
            lambda pool: FrontierRotation(self.config, self._rng, pool.figures)
        )

    def configure(self, config: StrategyConfig) -> None:
        """Go by *config* from now on, but for what is this strategy's own."""
        super().configure(_steady(config))


class FrontierRotation(Rotation):
    """A rotation that keeps as many proxies in use as are wanted."""

    def __init__(
        self, config: StrategyConfig, rng: Random, figures: DomainFigures | None = None
    ) -> None:
        self._frontier: FrontierSampler[Proxy] = FrontierSampler(rng, config.exits)
        super().__init__(config, rng, figures, self._frontier)

    def _go_by(self, config: StrategyConfig) -> None:
        super()._go_by(config)
        self._frontier.exits = config.exits
        self._power = 1.0  # this sampler takes the EMA itself

    def _is_worth_a_try(self, proxy: Proxy) -> bool:
        ema = self._ema_ms(proxy)
        return ema is None or self._random() * ema < self._frontier.ceiling


def _steady(config: StrategyConfig) -> StrategyConfig:
    return replace(config, ema_restarts=False)
