"""Faster proxies more often."""

from __future__ import annotations

from collections.abc import Collection
from random import Random

from scrapy_proxywhirl.core.config import StrategyConfig
from scrapy_proxywhirl.core.pool import ProxyPool
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.proxy_set import ProxySet
from scrapy_proxywhirl.core.rotation import (
    LEAST_EMA_MS,
    MOST_EMA_MS,
    Rotation,
    is_idle,
    limited,
)
from scrapy_proxywhirl.core.strategies.base import Strategy
from scrapy_proxywhirl.core.strategies.per_pool import PerPool


class PerformanceBasedStrategy(Strategy):
    """
    Selects faster proxies more often, by inverse weighting.

    A proxy's weight is ``(1 / ema) ** weight_exponent``, its EMA being the moving average of its
    response times that :meth:`Proxy.complete_request` keeps. A selection takes constant time at any
    size of the pool.

    With the default :class:`StrategyConfig` proxies without an EMA are not selected. With
    ``warmup_proxies`` and ``exploration`` it finds out by itself: new proxies are tried first until
    enough are known, and then a share of the selections goes to new and to long unseen ones. A
    proxy that has become unhealthy is left to that share.
    """

    goes_by_response_times = True
    is_told_of_selections = False  # what is drawn is weighed anew

    def __init__(self, config: StrategyConfig | None = None, *, rng: Random | None = None) -> None:
        super().__init__(config, rng=rng)
        self._rotations = PerPool(lambda pool: Rotation(self.config, self._rng, pool.figures))

    def _watch(self, pool: ProxySet) -> None:
        self._rotations.of(pool)

    def pick(self, pool: ProxySet, excluded: Collection[str], domain: str | None) -> Proxy | None:
        """Choose a proxy with a probability in proportion to its weight."""
        latest, rotation = self._rotations.latest  # of() saves a line and costs a tenth of the time
        if latest is not pool:
            rotation = self._rotations.of(pool)
        return rotation.draw(pool, excluded)

    def weigh(self, proxy: Proxy, pool: ProxySet) -> float:
        """Return what *proxy* weighs: much while it is new, little while it is being tried."""
        config = self.config
        figures = pool.figures  # as ema_ms() has it, without the call
        ema = proxy._average.ema_ms if figures is None else figures.ema_ms(proxy)
        if ema is None:
            ema = 1.0 if is_idle(proxy) else 1e6
        elif config.load_aware:
            ema *= 1.0 + proxy.requests_active
        if not LEAST_EMA_MS <= ema <= MOST_EMA_MS:  # limited() knows, for a call
            ema = limited(ema)
        exponent = config.weight_exponent
        return 1.0 / ema if exponent == 1.0 else ema**-exponent

    def why_none(self, pool: ProxyPool) -> str:
        """Say why nothing of *pool* could be picked: with the default config, for want of EMAs."""
        if len(pool) and not self._learns and not self.validate_metadata(pool):
            return (
                f"No proxies with EMA data among the {len(pool)} of the pool {pool.name!r}: record"
                " results first, or configure warmup_proxies or exploration"
            )
        return super().why_none(pool)

    def configure(self, config: StrategyConfig) -> None:
        """Go by *config* from now on; takes time in proportion to the pool."""
        super().configure(config)
        for pool, rotation in self._rotations.items():
            with pool.lock:
                rotation.configure(config, pool)

    def validate_metadata(self, pool: ProxyPool) -> bool:
        """Tell whether *pool* has a proxy that can be selected: as a library, one with an EMA."""
        if self._learns:
            return super().validate_metadata(pool)
        with pool.lock:
            return self._rotations.of(pool).known > 0

    @property
    def _learns(self) -> bool:
        return self.config.warmup_proxies > 0 or self.config.exploration > 0
