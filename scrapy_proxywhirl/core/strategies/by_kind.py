"""A kind of proxies first, then one of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping
from random import Random
from typing import Any, ClassVar, Generic, TypeVar

from scrapy_proxywhirl.core.config import StrategyConfig
from scrapy_proxywhirl.core.incident import Incident
from scrapy_proxywhirl.core.partition import Partition
from scrapy_proxywhirl.core.proxy import Proxy
from scrapy_proxywhirl.core.proxy_set import ProxySet
from scrapy_proxywhirl.core.strategies.per_pool import PerPool
from scrapy_proxywhirl.core.strategies.performance import PerformanceBasedStrategy
from scrapy_proxywhirl.core.success_rates import SuccessRates

K = TypeVar("K", bound=float)


class ByKindStrategy(PerformanceBasedStrategy, Generic[K]):
    """
    Chooses a kind of proxies, by how a domain has taken them, and selects the faster of that kind.

    What is known of kinds and domains is the strategy's own, and goes with it.

    Attributes:
        rate_alpha: The share of one answer in how often a domain takes a kind, in (0, 1].
    """

    rate_alpha: ClassVar[float]

    def __init__(self, config: StrategyConfig | None = None, *, rng: Random | None = None) -> None:
        super().__init__(config, rng=rng)
        self._partitions: PerPool[Partition[K]] = PerPool(
            lambda pool: Partition(pool, self.kind_of)
        )
        self._rates: SuccessRates[K] = SuccessRates(self.rate_alpha)

    @abstractmethod
    def kind_of(self, proxy: Proxy) -> K:
        """Return the kind of a proxy."""

    @abstractmethod
    def in_order(self, kinds: Collection[K], rates: Mapping[K, float]) -> Iterable[K]:
        """
        Return kinds in the order in which they are to be tried.

        Args:
            kinds: Those that there are, the least first; two at least.
            rates: How often the domain takes them, where that is not always.
        """

    def _watch(self, pool: ProxySet) -> None:
        self._partitions.of(pool)  # the proxies of a kind are, when it is first selected from

    def pick(self, pool: ProxySet, excluded: Collection[str], domain: str | None) -> Proxy | None:
        """Choose a proxy of the first kind that has one that may be chosen."""
        parts = self._partitions.of(pool).parts
        if len(parts) < 2:
            return super().pick(pool, excluded, domain)
        rates = self._rates.of(domain)
        for kind in self.in_order(parts, rates) if rates else parts:
            proxy = super().pick(parts[kind], excluded, domain)
            if proxy is not None:
                return proxy
        return None

    def record_result(
        self,
        proxy: Proxy,
        success: bool,
        response_time_ms: float | None = None,
        *,
        banned: bool = False,
        domain: str | None = None,
        **result: Any,
    ) -> Incident | None:
        """End an attempt, and learn from it how the domain takes proxies of that kind."""
        if success or banned:
            self._rates.record(domain, self.kind_of(proxy), success)
        return super().record_result(
            proxy, success, response_time_ms, banned=banned, domain=domain, **result
        )
