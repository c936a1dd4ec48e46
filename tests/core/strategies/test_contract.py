"""What holds of every strategy."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from random import Random
from threading import Thread
from time import perf_counter

import pytest

from scrapy_proxywhirl import (
    HealthStatus,
    NoMatchingProxyError,
    PoolCooldowns,
    PoolDomains,
    PoolLimits,
    Proxy,
    ProxyFilter,
    ProxyPool,
    ProxyPoolEmptyError,
    RoundRobinStrategy,
    SelectionContext,
    Strategy,
    StrategyConfig,
    Wanted,
)
from scrapy_proxywhirl.core import STRATEGIES
from scrapy_proxywhirl.core.proxy_set import PoolWatcher

MakePool = Callable[..., ProxyPool]
MakeStrategy = Callable[..., Strategy]


@pytest.fixture(params=sorted(STRATEGIES))
def make_strategy(request: pytest.FixtureRequest) -> MakeStrategy:
    strategy: MakeStrategy = STRATEGIES[request.param]
    return strategy


def test_what_it_selects_is_in_the_pool_and_counted_as_in_flight(
    make_strategy: MakeStrategy, make_pool: MakePool
) -> None:
    pool = make_pool(10.0, 20.0)

    proxy = make_strategy().select(pool)

    assert proxy in pool
    assert proxy.requests_active == 1


def test_prepared_it_takes_proxies_in_as_they_join(
    make_strategy: MakeStrategy, make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = make_pool()
    strategy = make_strategy()
    strategy.prepare(pool)
    for tier in (1, 2):
        proxy = Proxy(f"http://10.0.0.{tier}:8080", tier=tier, cost_per_request=tier)
        pool.add_proxy(proxy)
        proxy.ema_response_time_ms = 10.0
    looked_at: list[PoolWatcher] = []
    monkeypatch.setattr(pool, "watch", looked_at.append)

    assert strategy.select(pool) in pool
    assert looked_at == []


def test_prepared_it_keeps_nothing_of_a_pool_that_each_domain_sees_in_its_own_way(
    make_strategy: MakeStrategy,
) -> None:
    pool = ProxyPool(domains=PoolDomains())
    strategy = make_strategy()

    strategy.prepare(pool)

    assert bool(pool.watchers_by_owner) is not strategy.goes_by_response_times


def test_it_selects_none_that_has_failed_the_request(
    make_strategy: MakeStrategy, make_pool: MakePool
) -> None:
    pool = make_pool(1.0, 1.0, 1000.0)
    first, second, third = pool
    strategy = make_strategy()

    picked = {strategy.select(pool, SelectionContext([first.id, second.id])) for _ in range(50)}

    assert picked == {third}
    assert {strategy.select(pool) for _ in range(50)} >= {first, second}


def test_it_stays_on_the_proxy_that_is_asked_for(
    make_strategy: MakeStrategy, make_pool: MakePool
) -> None:
    pool = make_pool(1.0, 1000.0)
    _, wanted = pool
    strategy = make_strategy()

    picked = {
        strategy.select(pool, SelectionContext(stay_on_proxy_id=wanted.id)) for _ in range(20)
    }

    assert picked == {wanted}


def test_it_does_not_stay_on_one_that_is_gone_failed_or_unhealthy(
    make_strategy: MakeStrategy, make_pool: MakePool
) -> None:
    pool = make_pool(1.0, 1.0)
    wanted, other = pool
    strategy = make_strategy()

    assert strategy.select(pool, SelectionContext([wanted.id], wanted.id)) is other
    wanted.health_status = HealthStatus.UNHEALTHY
    staying = SelectionContext(stay_on_proxy_id=wanted.id)
    assert other in {strategy.select(pool, staying) for _ in range(50)}
    pool.remove_proxy(wanted)
    assert strategy.select(pool, staying) is other


def test_it_does_not_stay_on_one_that_is_not_what_is_wanted(make_strategy: MakeStrategy) -> None:
    pool = ProxyPool()
    german, french = (Proxy(f"h:{port}", country=code) for port, code in ((1, "DE"), (2, "FR")))
    for proxy in (german, french):
        pool.add_proxy(proxy)
        proxy.ema_response_time_ms = 100.0
    strategy = make_strategy()
    wanted = Wanted(ProxyFilter(country="FR"))

    assert strategy.select(pool, SelectionContext((), german.id, wanted=wanted)) is french
    pool.remove_proxy(french)
    with pytest.raises(NoMatchingProxyError):
        strategy.select(pool, SelectionContext((), german.id, wanted=wanted))


def test_it_selects_none_that_has_left_the_pool(
    make_strategy: MakeStrategy, make_pool: MakePool
) -> None:
    pool = make_pool(10.0, 10.0, 10.0)
    first, second, third = pool
    strategy = make_strategy()
    strategy.select(pool)

    pool.remove_proxy(first)
    pool.remove_proxy(second)

    assert {strategy.select(pool) for _ in range(50)} == {third}


def test_it_selects_none_that_is_as_busy_as_it_may_be(make_strategy: MakeStrategy) -> None:
    pool = ProxyPool("test", limits=PoolLimits(1, 0.0, lambda: 0.0))
    for port in (1, 2, 3):
        pool.add_proxy(Proxy(f"http://h:{port}"))
    for proxy in pool:
        proxy.ema_response_time_ms = 10.0
    strategy = make_strategy()

    assert {strategy.select(pool) for _ in range(3)} == set(pool)
    with pytest.raises(ProxyPoolEmptyError, match="are busy"):
        strategy.select(pool)

    first, *_ = pool
    strategy.record_result(first, True, 10.0)
    assert strategy.select(pool) is first


@pytest.mark.parametrize("context", [None, SelectionContext()])
def test_an_empty_pool_is_an_error(
    make_strategy: MakeStrategy, make_pool: MakePool, context: SelectionContext | None
) -> None:
    with pytest.raises(ProxyPoolEmptyError, match="'test' has no proxies"):
        make_strategy().select(make_pool(), context)


def test_a_pool_whose_proxies_have_all_failed_is_an_error(
    make_strategy: MakeStrategy, make_pool: MakePool
) -> None:
    pool = make_pool(1.0, 1.0)

    with pytest.raises(
        ProxyPoolEmptyError, match=r"All 2 proxies .* rest, are busy, or failed this request"
    ):
        make_strategy().select(pool, SelectionContext([proxy.id for proxy in pool]))

    assert [proxy.requests_active for proxy in pool] == [0, 0]


def test_it_records_by_the_alpha_that_it_is_configured_with(
    make_strategy: MakeStrategy, make_pool: MakePool
) -> None:
    pool = make_pool(100.0)
    strategy = make_strategy()
    strategy.configure(StrategyConfig(ema_alpha=0.5))

    proxy = strategy.select(pool)
    strategy.record_result(proxy, True, 50.0)

    assert proxy.ema_response_time_ms == 75.0
    assert proxy.requests_active == 0


def test_it_validates_a_pool_of_known_proxies(
    make_strategy: MakeStrategy, make_pool: MakePool
) -> None:
    assert make_strategy().validate_metadata(make_pool(10.0))
    assert not make_strategy().validate_metadata(make_pool())


def test_the_same_seed_gives_the_same_selections(
    make_strategy: MakeStrategy, make_pool: MakePool
) -> None:
    first, second = (
        [make_strategy(rng=Random(7)).select(pool).label for pool in [make_pool(10.0, 20.0, 30.0)]]
        for _ in range(2)
    )

    assert first == second


def test_sixteen_threads_lose_no_count_and_never_deadlock(
    make_strategy: MakeStrategy, make_pool: MakePool
) -> None:
    pool = make_pool(*[float(ema) for ema in range(10, 30)])
    strategy = make_strategy(StrategyConfig(exploration=0.05, warmup_proxies=20))
    threads, rounds = 16, 10_000

    def work(seed: int) -> None:
        random = Random(seed).random
        for _ in range(rounds):
            proxy = strategy.select(pool)
            kind = kind_of(random())
            if kind == "abandoned":
                proxy.abandon_request()
            elif kind == "succeeded":
                strategy.record_result(proxy, True, 1 + 100 * random())
            else:
                strategy.record_result(proxy, False, banned=kind == "banned")

    run_at_once(*(partial(work, seed) for seed in range(threads)))

    assert sum(proxy.requests_started for proxy in pool) == threads * rounds
    assert [proxy.requests_active for proxy in pool] == [0] * len(pool)
    expected: Counter[str] = Counter()
    for seed in range(threads):
        random = Random(seed).random
        for _ in range(rounds):
            kind = kind_of(random())
            expected[kind] += 1
            if kind == "succeeded":
                random()  # what work() takes for the response time
    assert sum(proxy.total_bans for proxy in pool) == expected["banned"]
    assert sum(proxy.total_failures for proxy in pool) == expected["failed"]
    assert sum(proxy.total_successes for proxy in pool) == expected["succeeded"]


def test_a_pool_may_change_while_threads_select(
    make_strategy: MakeStrategy, make_pool: MakePool
) -> None:
    pool = make_pool(*[10.0] * 20)
    strategy = make_strategy()

    def select() -> None:
        for _ in range(3000):
            strategy.record_result(strategy.select(pool), True, 10.0)

    def change() -> None:
        for port in range(1, 1001):
            proxy = Proxy(f"http://new:{port}")
            pool.add_proxy(proxy)
            proxy.ema_response_time_ms = 10.0
            pool.remove_proxy(proxy)

    run_at_once(select, select, change)

    assert len(pool) == 20


@pytest.mark.skipif(sys.gettrace() is not None, reason="lines that are traced take longer")
def test_another_strategy_takes_over_within_a_tenth_of_a_second(
    make_strategy: MakeStrategy, make_pool: MakePool
) -> None:
    pool = make_pool(*[float(ema) for ema in range(10, 10_010)])
    RoundRobinStrategy().select(pool)

    seconds = []
    for _ in range(3):  # machines are shared
        began = perf_counter()
        make_strategy().select(pool)
        seconds.append(perf_counter() - began)

    assert min(seconds) < 0.1


def test_strategies_share_what_proxies_have_shown(
    make_strategy: MakeStrategy, make_pool: MakePool
) -> None:
    pool = make_pool(None, None, None)
    one, other = make_strategy(StrategyConfig(warmup_proxies=3)), RoundRobinStrategy()

    for number in range(30):
        strategy = other if number % 2 else one
        strategy.record_result(strategy.select(pool), True, 50.0)

    assert sum(proxy.requests_started for proxy in pool) == 30
    assert [proxy.requests_active for proxy in pool] == [0, 0, 0]
    assert {proxy.ema_response_time_ms for proxy in pool} == {50.0}


def kind_of(chance: float) -> str:
    if chance < 0.1:
        return "abandoned"
    if chance < 0.15:
        return "banned"
    return "failed" if chance < 0.2 else "succeeded"


def run_at_once(*functions: Callable[[], None]) -> None:
    """Run each in a thread of its own; fail where one raises, or hangs for five minutes."""
    futures = []
    for function in functions:
        future: Future[None] = Future()
        Thread(target=resolve, args=(future, function), daemon=True).start()
        futures.append(future)
    for future in futures:
        future.result(timeout=300)


def resolve(future: Future[None], function: Callable[[], None]) -> None:
    try:
        function()
        future.set_result(None)
    except BaseException as error:
        future.set_exception(error)
        raise


@pytest.mark.parametrize("known", [0.002, 0.5, 1.0])
@pytest.mark.parametrize("groups", [2, 5000])
def test_a_retry_looks_at_a_few_proxies_however_many_there_are(
    known: float, groups: int, make_strategy: MakeStrategy, rng: Random
) -> None:
    pool = ProxyPool(cooldowns=PoolCooldowns(60.0, 60.0, lambda: 0.0))
    for number in range(5000):
        proxy = Proxy(f"10.0.{number >> 8}.{number & 255}:80", group=str(number % groups))
        pool.add_proxy(proxy)
        if number < known * 5000:
            proxy.complete_request(True, rng.uniform(40.0, 400.0))
    strategy = make_strategy(StrategyConfig(warmup_proxies=8, exploration=0.05), rng=rng)
    strategy.prepare(pool)
    failed = [strategy.select(pool) for _ in range(3)]
    for proxy in failed:
        proxy.complete_request(False)
    context = SelectionContext([proxy.id for proxy in failed])

    for _ in range(20):
        proxy, calls = count_calls(lambda: strategy.select(pool, context))
        assert 0 < calls < len(pool)
        proxy.complete_request(True, 100.0)


def count_calls(function: Callable[[], Proxy]) -> tuple[Proxy, int]:
    """Return what *function* returns, and how many calls of Python functions that takes."""
    events: list[str] = []
    sys.setprofile(lambda frame, event, arg: events.append(event))
    try:
        proxy = function()
    finally:
        sys.setprofile(None)
    return proxy, events.count("call")
