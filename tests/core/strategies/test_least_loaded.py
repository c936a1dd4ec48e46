from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from scrapy_proxywhirl import (
    LeastLoadedStrategy,
    Proxy,
    ProxyPool,
    ProxyPoolEmptyError,
    SelectionContext,
)

MakePool = Callable[..., ProxyPool]


def test_of_two_the_one_with_less_to_do_is_selected(make_pool: MakePool, rng: Random) -> None:
    pool = make_pool(100.0, 100.0)
    idle, busy = pool
    for _ in range(3):
        busy.start_request()
    strategy = LeastLoadedStrategy(rng=rng)
    counts: Counter[Proxy] = Counter()

    for _ in range(4000):
        counts[proxy := strategy.select(pool)] += 1
        proxy.abandon_request()

    assert counts == {idle: 4000}


def test_what_is_in_flight_counts_by_what_it_takes(make_pool: MakePool, rng: Random) -> None:
    pool = make_pool(10.0, 20.0, 40.0, 80.0)
    strategy = LeastLoadedStrategy(rng=rng)

    for _ in range(1000):
        strategy.select(pool)

    # Each has about as much to do as the others: of four one is among two that are drawn half of
    # the time, and the fastest is to have a little more.
    loads = [(one.ema_response_time_ms or 0) * one.requests_active for one in pool]
    assert max(loads) / min(loads) < 1.2


def test_one_that_is_new_is_tried_first_and_by_one_attempt(
    make_pool: MakePool, rng: Random
) -> None:
    pool = make_pool(10.0, None)
    _, new = pool
    strategy = LeastLoadedStrategy(rng=rng)

    for _ in range(200):
        if (proxy := strategy.select(pool)) is not new:
            proxy.abandon_request()

    assert new.requests_active == 1
    assert strategy.weigh(new, pool) < 1e-5
    first, _ = pool
    assert strategy.weigh(first, pool) == pytest.approx(0.1)


def test_each_two_are_compared_as_often(make_pool: MakePool, rng: Random) -> None:
    pool = make_pool(10.0, 20.0, 30.0, 40.0)
    strategy = LeastLoadedStrategy(rng=rng)
    counts: Counter[Proxy] = Counter()

    for _ in range(12_000):
        counts[proxy := strategy.select(pool)] += 1
        proxy.abandon_request()

    # The fastest is in three of the six pairs that there are, the next the better one of two.
    assert [counts[proxy] for proxy in pool] == [
        pytest.approx(expected, abs=250) for expected in (6000, 4000, 2000, 0)
    ]


def test_what_a_page_may_not_have_is_not_compared(make_pool: MakePool, rng: Random) -> None:
    pool = make_pool(10.0, 20.0, 30.0, 40.0)
    first, second, third, last = pool
    strategy = LeastLoadedStrategy(rng=rng)

    def selected(*failed: Proxy) -> set[Proxy]:
        context = SelectionContext([proxy.id for proxy in failed])
        selected = {strategy.select(pool, context) for _ in range(40)}
        for proxy in pool:
            while proxy.requests_active:
                proxy.abandon_request()
        return selected

    assert strategy.select(pool, SelectionContext([first.id, second.id])) is third
    assert selected(first, second) == {third, last}
    assert selected(first, second, third) == {last}
    with pytest.raises(ProxyPoolEmptyError):
        selected(first, second, third, last)


def test_one_that_has_but_failed_is_the_last_resort(make_pool: MakePool) -> None:
    pool = make_pool(None, 500.0)
    broken, slow = pool
    broken.start_request()
    strategy = LeastLoadedStrategy(rng=Random(3))
    strategy.record_result(broken, False)
    broken.ema_response_time_ms = None

    assert strategy.weigh(broken, pool) < strategy.weigh(slow, pool)
