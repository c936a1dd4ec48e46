"""Whatever happens to the proxies of a pool, in whatever order, what is known of them holds."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from random import Random

import pytest

from scrapy_proxywhirl import (
    HealthStatus,
    PerformanceBasedStrategy,
    PoolCooldowns,
    PoolDomains,
    PoolLimits,
    PoolSessions,
    Proxy,
    ProxyFilter,
    ProxyPool,
    ProxyPoolEmptyError,
    SelectionContext,
    Strategy,
    StrategyConfig,
    Wanted,
)
from scrapy_proxywhirl.core import STRATEGIES, Incident
from scrapy_proxywhirl.core.average import NEAR
from scrapy_proxywhirl.core.rotation import Rotation
from scrapy_proxywhirl.core.sampler import WeightedSampler

STEPS = 400


class World:
    """A pool, some strategies that select from it, and what may happen, by chance."""

    def __init__(self, seed: int) -> None:
        self.chance = chance = Random(seed)
        self.now = 0.0
        self.pool = ProxyPool(
            cooldowns=PoolCooldowns(2.0, 60.0, self.clock, Random(seed)) if seed % 5 else None,
            domains=PoolDomains() if not seed % 3 else None,
            limits=PoolLimits(2, 0.0, self.clock) if not seed % 4 else None,
            sessions=PoolSessions(60.0, self.clock),
        )
        self.strategies = [
            STRATEGIES[chance.choice(sorted(STRATEGIES))](self.config(), rng=Random(seed))
            for _ in range(3)
        ]
        self.proxies: list[Proxy] = []
        self.under_way: list[tuple[Strategy, Proxy, str | None, float]] = []
        self.incidents: list[Incident] = []
        for _ in range(chance.randint(1, 8)):
            self.join()
        self.happenings: dict[Callable[[], None], int] = {
            self.select: 40,
            self.end: 40,
            self.take_back: 8,
            self.join: 2,
            self.leave: 2,
            self.come_back: 1,
            self.say_what_one_takes: 2,
            self.say_how_one_is: 1,
            self.configure: 1,
        }

    def clock(self) -> float:
        return self.now

    def config(self) -> StrategyConfig:
        choice = self.chance.choice
        return StrategyConfig(
            ema_alpha=choice([0.01, 0.2, 0.2, 0.2, 0.9, 1.0]),
            weight_exponent=choice([0.0, 0.5, 1.0, 2.0, 10.0]),
            warmup_proxies=choice([0, 3, 64]),
            exploration=choice([0.0, 0.05, 0.5]),
            explored_at_a_time=choice([0, 1]),
            load_aware=choice([False, True]),
            ema_restarts=choice([False, True]),
        )

    def happens(self) -> None:
        self.now += self.chance.choice([0.0, 0.0, 0.1, 1.0, 5.0])
        (happening,) = self.chance.choices(list(self.happenings), list(self.happenings.values()))
        happening()

    def select(self) -> None:
        strategy = self.chance.choice(self.strategies)
        domain = self.chance.choice(["a.example", "b.example", None])
        failed = tuple(proxy.id for proxy in self.proxies if self.chance.random() < 0.1)
        stay_on = self.chance.choice([None, None, None, self.chance.choice(self.proxies).id])
        country = self.chance.choice([None, None, "DE", "FR"])
        wanted = Wanted(ProxyFilter(country), session=self.chance.choice([None, "one", "other"]))
        context = SelectionContext(failed, stay_on, domain, wanted if country else None)
        try:
            proxy = strategy.select(self.pool, context)
        except ProxyPoolEmptyError:
            return
        assert proxy in self.pool
        assert proxy.id not in failed
        assert country in (None, proxy.country)
        self.under_way.append((strategy, proxy, domain, self.now))

    def end(self) -> None:
        if not self.under_way:
            return
        chance = self.chance
        place = chance.randrange(len(self.under_way))
        strategy, proxy, domain, started = self.under_way.pop(place)
        match chance.choices(["success", "failure", "ban", "nothing"], [6, 2, 1, 1])[0]:
            case "nothing":
                proxy.abandon_request(domain, started)
            case "success":
                time = chance.choice([0.0, chance.uniform(1.0, 500.0), chance.lognormvariate(5, 1)])
                strategy.record_result(proxy, True, time, domain=domain, started=started)
            case result:
                incident = strategy.record_result(
                    proxy,
                    False,
                    chance.choice([None, 15_000.0]),
                    banned=result == "ban",
                    domain=domain,
                    started=started,
                    lasting=chance.random() < 0.1,
                )
                assert incident
                self.incidents.append(incident)

    def take_back(self) -> None:
        if self.incidents:
            incident = self.incidents.pop(self.chance.randrange(len(self.incidents)))
            for _ in range(self.chance.randint(1, 2)):
                incident.proxy.take_back(incident)

    def join(self) -> None:
        number = len(self.proxies)
        country = self.chance.choice([None, "DE", "FR"])
        proxy = Proxy(f"http://10.0.{number % 3}.{number}:80", country=country)
        self.pool.add_proxy(proxy)
        self.proxies.append(proxy)

    def leave(self) -> None:
        if len(self.pool) > 1:
            self.pool.remove_proxy(self.chance.choice(self.pool.proxies))

    def come_back(self) -> None:
        for proxy in self.proxies:
            if proxy not in self.pool:
                self.pool.add_proxy(proxy)

    def say_what_one_takes(self) -> None:
        proxy = self.chance.choice(self.proxies)
        proxy.ema_response_time_ms = self.chance.choice([None, 0.0, 50.0, 1e6])

    def say_how_one_is(self) -> None:
        self.chance.choice(self.proxies).health_status = self.chance.choice(list(HealthStatus))

    def configure(self) -> None:
        self.chance.choice(self.strategies).configure(self.config())


def assert_is_sane(proxy: Proxy, under_way: int) -> None:
    ended = proxy.total_successes + proxy.total_bans + proxy.total_failures
    assert proxy.requests_active == under_way
    assert ended <= proxy.requests_completed
    ema = proxy.ema_response_time_ms
    if ema is not None:
        assert isfinite(ema)
        assert ema >= 0.0
        assert proxy._average.told_ms / NEAR <= ema * (1 + 1e-9)
        assert ema <= proxy._average.told_ms * NEAR * (1 + 1e-9)


def assert_is_weighed_right(proxy: Proxy, rotation: Rotation) -> None:
    sampler = rotation._sampler
    assert isinstance(sampler, WeightedSampler)
    is_left_to_exploration = proxy.health_status is HealthStatus.UNHEALTHY and rotation._exploration
    may_be_drawn = proxy.is_available and not is_left_to_exploration
    assert (proxy in sampler) == (may_be_drawn and proxy.ema_response_time_ms is not None)
    if proxy in sampler:
        weight, at_most = rotation._weigh(proxy), sampler.weight(proxy)
        assert at_most * sampler._certain * (1 - 1e-9) <= weight <= at_most * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(30))
def test_figures_hold_whatever_happens(seed: int) -> None:
    world = World(seed)

    for _ in range(STEPS):
        world.happens()

        for proxy in world.proxies:
            assert_is_sane(proxy, sum(proxy is one for _, one, *_ in world.under_way))
        for strategy in world.strategies:
            if not isinstance(strategy, PerformanceBasedStrategy):
                continue
            for pool, rotation in strategy._rotations.items():
                if pool.figures is None and isinstance(rotation._sampler, WeightedSampler):
                    assert set(rotation._sampler._where) <= set(pool.proxies)
                    for proxy in pool.proxies:
                        assert_is_weighed_right(proxy, rotation)
