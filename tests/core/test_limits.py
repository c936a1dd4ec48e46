from __future__ import annotations

from math import inf
from random import Random
from typing import Any

import pytest

from scrapy_proxywhirl import (
    PerformanceBasedStrategy,
    PoolCooldowns,
    PoolLimits,
    Proxy,
    ProxyPool,
    ProxyPoolEmptyError,
    SelectionContext,
    Strategy,
)
from tests.core.test_cooldown import SITE, STRATEGIES, Clock, FullRests


class Crawl:
    """Three proxies that are used within limits, and a strategy that selects among them."""

    def __init__(
        self, concurrency: int, delay: float = 0.0, strategy: Strategy | None = None
    ) -> None:
        self.clock = Clock()
        self.pool = ProxyPool(
            "test",
            cooldowns=PoolCooldowns(2.0, 60.0, self.clock, FullRests()),
            limits=PoolLimits(concurrency, delay, self.clock),
        )
        self.strategy = strategy or PerformanceBasedStrategy(rng=Random(1))
        for number in range(3):
            self.pool.add_proxy(proxy := Proxy(f"http://p{number}:1", label=f"p{number}"))
            proxy.ema_response_time_ms = 100.0 * 10**number

    def select(self) -> Proxy:
        return self.strategy.select(self.pool, SelectionContext(domain=SITE))

    def none_is_free(self) -> None:
        with pytest.raises(ProxyPoolEmptyError, match="are busy"):
            self.select()


@pytest.mark.parametrize("make", STRATEGIES)
def test_a_proxy_has_no_more_attempts_in_flight_than_it_may(make: Any) -> None:
    crawl = Crawl(2, strategy=make())

    selected = [crawl.select() for _ in range(6)]

    assert all(selected.count(proxy) == 2 for proxy in crawl.pool)
    crawl.none_is_free()
    assert crawl.pool.has_busy(SITE)
    assert not any(proxy.is_available or proxy.is_resting for proxy in crawl.pool)
    ended = selected[3]
    crawl.strategy.record_result(ended, True, 100.0)
    assert ended.is_available
    assert crawl.select() is ended
    crawl.none_is_free()


def test_a_proxy_that_may_have_more_is_not_busy() -> None:
    crawl = Crawl(2)
    first, *_ = crawl.pool

    first.start_request()
    assert first.is_available
    first.complete_request(True, 100.0)

    assert first.is_available
    assert not crawl.pool.has_busy()


def test_an_attempt_that_says_nothing_makes_room_too() -> None:
    crawl = Crawl(1)
    first, *_ = crawl.pool
    first.start_request()
    assert not first.is_available

    first.abandon_request()

    assert first.is_available


@pytest.mark.parametrize("make", STRATEGIES)
def test_two_attempts_on_a_proxy_begin_no_less_than_a_delay_apart(make: Any) -> None:
    crawl = Crawl(0, 1.5, make())
    limits = crawl.pool.limits
    assert limits is not None
    assert limits.next_free() == inf

    selected = []
    for _ in range(3):
        selected.append(crawl.select())
        crawl.clock.passes(0.25)
    crawl.none_is_free()

    assert {proxy.label for proxy in selected} == {"p0", "p1", "p2"}
    assert limits.next_free() == 0.75
    crawl.strategy.record_result(selected[0], True, 100.0)
    crawl.none_is_free()
    crawl.clock.passes(0.75)
    assert crawl.select() is selected[0]
    crawl.none_is_free()
    crawl.clock.passes(0.25)
    assert crawl.select() is selected[1]


def test_both_limits_hold_together() -> None:
    crawl = Crawl(1, 1.0)
    first, *_ = crawl.pool
    first.start_request()

    crawl.clock.passes(1.5)
    crawl.pool.limits.wake()  # type: ignore[union-attr]
    assert not first.is_available
    first.abandon_request()
    assert first.is_available


def test_what_is_but_busy_makes_no_drought() -> None:
    crawl = Crawl(1)
    first, second, third = crawl.pool
    for _ in range(2):  # the second time for 4 s
        crawl.clock.passes(2.1)
        crawl.pool.cooldowns.wake(SITE)  # type: ignore[union-attr]
        for proxy in (first, second):
            proxy.start_request()
            crawl.strategy.record_result(proxy, False, domain=SITE)
    third.start_request()

    for _ in range(38):
        crawl.none_is_free()
        crawl.clock.passes(0.1)

    assert crawl.pool.cooldowns is not None
    assert not crawl.pool.cooldowns._droughts.by_domain


def test_in_a_drought_what_is_busy_too_is_not_tried() -> None:
    crawl = Crawl(1)
    first, second, third = crawl.pool
    for proxy in (first, second, third):
        proxy.start_request()
        crawl.strategy.record_result(proxy, False, domain=SITE)
        crawl.clock.passes(2.1)
        crawl.pool.cooldowns.wake(SITE)  # type: ignore[union-attr]
    for proxy in (first, second, third):  # for 4 s
        proxy.start_request()
        crawl.strategy.record_result(proxy, False, domain=SITE)
    first.start_request()
    assert not crawl.pool.has_busy(SITE)  # it rests

    assert crawl.select() in (second, third)


def test_a_proxy_that_leaves_while_it_is_busy_is_free() -> None:
    crawl = Crawl(1, 5.0)
    first, *_ = crawl.pool
    first.start_request()

    crawl.pool.remove_proxy(first)

    assert first.is_available
    assert not crawl.pool.has_busy()
    crawl.clock.passes(6.0)
    crawl.pool.limits.wake()  # type: ignore[union-attr]
    assert first.is_available


def test_without_limits_nothing_is_busy() -> None:
    pool = ProxyPool("test")
    pool.add_proxy(proxy := Proxy("http://p:1"))
    proxy.start_request()

    assert not pool.has_busy()


def test_without_cooldowns_limits_hold_all_the_same() -> None:
    pool = ProxyPool("test", limits=PoolLimits(1, 0.0, Clock()))
    pool.add_proxy(proxy := Proxy("http://p:1"))
    proxy.start_request()

    assert pool.has_busy()
    with pytest.raises(ProxyPoolEmptyError):
        STRATEGIES[3]().select(pool)


@pytest.mark.parametrize(
    ("concurrency", "delay"), [(-1, 0.0), (0, -1.0), (0, inf), (1, float("nan"))]
)
def test_what_is_no_limit_is_refused(concurrency: int, delay: float) -> None:
    with pytest.raises(ValueError, match=r"concurrency is .* and delay"):
        PoolLimits(concurrency, delay, Clock())
