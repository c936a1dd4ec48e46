from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from math import log
from random import Random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapy_proxywhirl import (
    HealthStatus,
    PerformanceBasedStrategy,
    PoolDomains,
    Proxy,
    ProxyPool,
    ProxyPoolEmptyError,
    SelectionContext,
    StrategyConfig,
)

MakePool = Callable[..., ProxyPool]
LEARNING = StrategyConfig(warmup_proxies=64, exploration=0.05)


def shares(strategy: PerformanceBasedStrategy, pool: ProxyPool, draws: int = 20_000) -> list[float]:
    counts = Counter(strategy.select(pool) for _ in range(draws))
    return [counts[proxy] / draws for proxy in pool]


class TestPerformanceBasedStrategy:
    """What the specification of the strategy lists, under its names."""

    def test_select_favors_faster_proxies(self, make_pool: MakePool, rng: Random) -> None:
        pool = make_pool(50.0, 200.0, 500.0)

        fast, medium, slow = shares(PerformanceBasedStrategy(rng=rng), pool)

        assert fast > medium > slow

    def test_select_handles_missing_ema_data(self, make_pool: MakePool) -> None:
        pool = make_pool(50.0, None, 100.0)
        first, unknown, second = pool
        strategy = PerformanceBasedStrategy()

        assert {strategy.select(pool) for _ in range(200)} == {first, second}
        assert unknown.requests_started == 0

    def test_select_raises_when_no_ema_data_available(self, make_pool: MakePool) -> None:
        with pytest.raises(ProxyPoolEmptyError, match="No proxies with EMA data"):
            PerformanceBasedStrategy().select(make_pool(None, None))

    def test_configure_accepts_custom_alpha(self) -> None:
        strategy = PerformanceBasedStrategy()

        strategy.configure(StrategyConfig(ema_alpha=0.5))

        assert strategy.config.ema_alpha == 0.5
        proxy = Proxy("http://h:1")
        proxy.ema_response_time_ms = 100.0
        strategy.record_result(proxy, success=True, response_time_ms=50.0)
        assert proxy.ema_response_time_ms == 75.0

    def test_validate_metadata_checks_ema_availability(self, make_pool: MakePool) -> None:
        strategy = PerformanceBasedStrategy()

        assert not strategy.validate_metadata(make_pool())
        assert not strategy.validate_metadata(make_pool(None, None))
        assert strategy.validate_metadata(make_pool(None, 50.0))

    def test_record_result_updates_ema(self) -> None:
        proxy = Proxy("http://h:1")
        proxy.ema_response_time_ms = 100.0

        PerformanceBasedStrategy().record_result(proxy, success=True, response_time_ms=50.0)

        assert proxy.ema_response_time_ms == pytest.approx(90.0)  # 82 if updated twice

    def test_select_uses_inverse_weighting(self, make_pool: MakePool, rng: Random) -> None:
        pool = make_pool(50.0, 500.0)

        fast, slow = shares(PerformanceBasedStrategy(rng=rng), pool, 50_000)

        assert fast / slow == pytest.approx(10.0, rel=0.1)


def test_the_usage_example_of_the_specification_runs() -> None:
    pool = ProxyPool(name="production")
    pool.add_proxy(Proxy("http://h:1"))
    for one in pool:
        one.ema_response_time_ms = 100.0

    strategy = PerformanceBasedStrategy()
    config = StrategyConfig(ema_alpha=0.2)
    strategy.configure(config)
    proxy = strategy.select(pool, context=None)
    strategy.record_result(proxy, success=True, response_time_ms=150.0)

    assert proxy.ema_response_time_ms == pytest.approx(110.0)


@given(st.lists(st.floats(1.0, 10_000.0), min_size=2, max_size=6), st.integers(0, 2**32))
def test_shares_are_in_proportion_to_inverse_emas(emas: list[float], seed: int) -> None:
    pool = ProxyPool()
    for port, ema in enumerate(emas, 1):
        proxy = Proxy(f"http://h:{port}")
        pool.add_proxy(proxy)
        proxy.ema_response_time_ms = ema
    draws = 5000

    seen = shares(PerformanceBasedStrategy(rng=Random(seed)), pool, draws)

    total = sum(1 / ema for ema in emas)
    for share, ema in zip(seen, emas, strict=True):
        expected = 1 / ema / total
        # What is farther off by chance once in 10**12 at most, however rare the proxy is, by
        # Bernstein's inequality: 2 * exp(-off**2 / (2 * (variance + off / 3))).
        third = log(2 * 10**12) / 3
        off = third + (third**2 + 6 * third * draws * expected * (1 - expected)) ** 0.5
        assert abs(share - expected) * draws <= off


@given(
    st.lists(st.one_of(st.none(), st.floats(0.0, 1e6)), min_size=1, max_size=8),
    st.sets(st.integers(0, 7)),
)
def test_what_is_selected_has_an_ema_and_has_not_failed_the_request(
    emas: list[float | None], failed: set[int]
) -> None:
    pool = ProxyPool()
    for port, ema in enumerate(emas, 1):
        proxy = Proxy(f"http://h:{port}")
        pool.add_proxy(proxy)
        proxy.ema_response_time_ms = ema
    proxies = list(pool)
    context = SelectionContext({proxies[n].id for n in failed if n < len(proxies)})
    allowed = {
        proxy
        for number, proxy in enumerate(proxies)
        if emas[number] is not None and number not in failed
    }
    strategy = PerformanceBasedStrategy()

    if not allowed:
        with pytest.raises(ProxyPoolEmptyError):
            strategy.select(pool, context)
        return
    for _ in range(20):
        assert strategy.select(pool, context) in allowed


@pytest.mark.parametrize(("exponent", "ratio"), [(0.0, 1.0), (1.0, 4.0), (2.0, 16.0)])
def test_the_exponent_leans_harder_on_the_fast(
    exponent: float, ratio: float, make_pool: MakePool, rng: Random
) -> None:
    pool = make_pool(50.0, 200.0)
    strategy = PerformanceBasedStrategy(StrategyConfig(weight_exponent=exponent), rng=rng)

    fast, slow = shares(strategy, pool, 50_000)

    assert fast / slow == pytest.approx(ratio, rel=0.1)


@pytest.mark.parametrize("exponent", [1.0, 2.0, 10.0])
def test_shares_are_exact_however_little_emas_have_moved(
    exponent: float, make_pool: MakePool, rng: Random
) -> None:
    pool = make_pool(100.0, 110.0, 120.0, 130.0, 140.0)
    config = StrategyConfig(weight_exponent=exponent)
    strategies = [PerformanceBasedStrategy(config, rng=rng) for _ in range(3)]

    for strategy in strategies:  # each comes to know the pool at another time
        strategy.prepare(pool)
        for proxy in pool:
            for _ in range(rng.randint(1, 3)):
                ema = proxy.ema_response_time_ms or 0.0
                proxy.complete_request(True, ema * rng.uniform(0.7, 1.4))

    weights = [(proxy.ema_response_time_ms or 0.0) ** -exponent for proxy in pool]
    for strategy in strategies:
        expected = [weight / sum(weights) for weight in weights]
        assert shares(strategy, pool, 40_000) == pytest.approx(expected, abs=0.012)


def test_attempts_in_flight_weigh_on_a_proxy_that_is_selected_by_its_load(
    make_pool: MakePool, rng: Random
) -> None:
    pool = make_pool(100.0, 100.0)
    busy, _ = pool
    for _ in range(3):
        busy.start_request()
    strategy = PerformanceBasedStrategy(StrategyConfig(load_aware=True), rng=rng)

    selected = 0
    for _ in range(20_000):
        proxy = strategy.select(pool)
        selected += proxy is busy
        proxy.abandon_request()

    assert selected / 20_000 == pytest.approx(1 / 5, rel=0.05)  # 1/400 against 1/100
    for _ in range(3):
        busy.abandon_request()
    assert shares(strategy, pool)[0] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("load_aware", [False, True])
def test_a_proxy_that_takes_no_time_at_all_is_drawn_all_but_always(
    load_aware: bool, make_pool: MakePool, rng: Random
) -> None:
    pool = make_pool(0.0, 100.0)
    at_once, slow = pool
    strategy = PerformanceBasedStrategy(StrategyConfig(load_aware=load_aware), rng=rng)

    for _ in range(100):
        strategy.select(pool)

    assert at_once.requests_active >= 99
    assert strategy.weigh(at_once, pool) > 100.0 * strategy.weigh(slow, pool)


def test_load_is_heeded_from_one_selection_to_the_next(make_pool: MakePool, rng: Random) -> None:
    pool = make_pool(*[100.0] * 4)
    strategy = PerformanceBasedStrategy(
        StrategyConfig(load_aware=True, weight_exponent=10.0), rng=rng
    )

    for _ in range(400):
        strategy.select(pool)

    in_flight = [proxy.requests_active for proxy in pool]
    assert max(in_flight) - min(in_flight) <= 8  # of about 100; by chance alone it is about 18


def test_an_ema_set_by_hand_takes_effect_in_the_next_selection(make_pool: MakePool) -> None:
    pool = make_pool(10_000.0, None)
    slow, unknown = pool
    strategy = PerformanceBasedStrategy(rng=Random(1))
    assert strategy.select(pool) is slow

    unknown.ema_response_time_ms = 0.0
    assert [strategy.select(pool) for _ in range(5)] == [unknown] * 5

    unknown.ema_response_time_ms = None
    assert strategy.select(pool) is slow


@pytest.mark.parametrize("load_aware", [False, True])
@pytest.mark.parametrize("exponent", [0.5, 1.0, 10.0])
def test_any_ema_may_be_set_by_hand(
    exponent: float, load_aware: bool, make_pool: MakePool, rng: Random
) -> None:
    pool = make_pool(100.0)
    (proxy,) = pool
    config = StrategyConfig(weight_exponent=exponent, load_aware=load_aware)
    strategy = PerformanceBasedStrategy(config, rng=rng)

    for ema_ms in (0.0, 5e-324, 1e-30, 1e30, 1e300, 1.7e308):
        proxy.ema_response_time_ms = ema_ms
        assert strategy.select(pool) is proxy
        strategy.record_result(proxy, True, ema_ms)
        assert proxy.ema_response_time_ms == pytest.approx(ema_ms)


def test_reconfiguring_changes_the_weights_of_the_pool_at_hand(
    make_pool: MakePool, rng: Random
) -> None:
    pool = make_pool(10.0, 1000.0)
    strategy = PerformanceBasedStrategy(rng=rng)
    assert shares(strategy, pool, 1000)[0] > 0.9

    strategy.configure(StrategyConfig(weight_exponent=0.0))

    assert shares(strategy, pool)[0] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("scope", ["crawl", "domain"])
def test_a_crawl_follows_speeds_faster_where_averages_restart(scope: str) -> None:
    def mean_ms(restarts: bool) -> float:
        """Return what pages take once the fastest of a hundred proxies are its slowest."""
        config = replace(LEARNING, ema_restarts=restarts)
        strategy = PerformanceBasedStrategy(config, rng=Random(1))
        pool = ProxyPool(domains=PoolDomains() if scope == "domain" else None)
        takes = {Proxy(f"http://h:{port}"): 4.0 * port for port in range(1, 101)}
        for proxy in takes:
            pool.add_proxy(proxy)
        times = []
        for page in range(4000):
            proxy = strategy.select(pool, SelectionContext(domain="shop.example"))
            time_ms = takes[proxy] if page < 2000 else 404.0 - takes[proxy]
            strategy.record_result(proxy, True, time_ms, domain="shop.example")
            times.append(time_ms)
        return fmean(times[2000:])

    assert mean_ms(restarts=True) < 0.85 * mean_ms(restarts=False)


def test_one_strategy_serves_several_pools(make_pool: MakePool) -> None:
    first, second = make_pool(10.0), make_pool(20.0, 30.0)
    strategy = PerformanceBasedStrategy()

    for _ in range(10):
        assert strategy.select(first) in first
        assert strategy.select(second) in second


def test_a_strategy_keeps_no_pool_alive_but_its_latest(make_pool: MakePool) -> None:
    strategy = PerformanceBasedStrategy()
    for _ in range(3):
        strategy.select(make_pool(10.0))

    assert len(strategy._rotations.items()) == 1


class TestLearning:
    """Warm-up, exploration and what happens while nothing is known."""

    def test_each_unknown_proxy_is_tried_before_any_is_used(self, make_pool: MakePool) -> None:
        pool = make_pool(*[None] * 10)
        strategy = PerformanceBasedStrategy(LEARNING)

        tried = []
        for _ in range(10):
            proxy = strategy.select(pool)
            tried.append(proxy)
            strategy.record_result(proxy, True, 100.0)

        assert sorted(map(id, tried)) == sorted(map(id, pool))

    def test_what_stands_first_in_a_list_is_not_what_is_tried_first(
        self, make_pool: MakePool, rng: Random
    ) -> None:
        pool = make_pool(*[None] * 1000)
        strategy = PerformanceBasedStrategy(LEARNING, rng=rng)

        places = [pool.proxies.index(strategy.select(pool)) for _ in range(64)]

        assert len(set(places)) == 64
        assert min(Counter(place // 250 for place in places).values()) >= 8

    def test_warm_up_ends_when_enough_are_known(self, make_pool: MakePool) -> None:
        pool = make_pool(*[None] * 1000)
        strategy = PerformanceBasedStrategy(StrategyConfig(warmup_proxies=64))

        for _ in range(2000):
            strategy.record_result(strategy.select(pool), True, 100.0)

        assert sum(proxy.requests_started > 0 for proxy in pool) == 64

    def test_what_is_being_tried_is_not_tried_again_before_it_is_back(
        self, make_pool: MakePool
    ) -> None:
        pool = make_pool(*[None] * 10)
        strategy = PerformanceBasedStrategy(LEARNING)

        first = [strategy.select(pool) for _ in range(10)]
        second = [strategy.select(pool) for _ in range(10)]

        assert set(first) == set(pool)
        assert set(second) == set(pool), "then the one with the fewest in flight is taken"

    def test_a_known_proxy_is_used_while_the_others_are_being_tried(
        self, make_pool: MakePool
    ) -> None:
        pool = make_pool(*[None] * 3)
        strategy = PerformanceBasedStrategy(StrategyConfig(warmup_proxies=3))
        first, *_ = (strategy.select(pool) for _ in range(3))

        strategy.record_result(first, True, 10.0)

        assert {strategy.select(pool) for _ in range(10)} == {first}

    def test_while_nothing_is_known_those_that_have_failed_come_last(
        self, make_pool: MakePool
    ) -> None:
        pool = make_pool(*[None] * 6)
        strategy = PerformanceBasedStrategy(StrategyConfig(warmup_proxies=64))
        failed = [strategy.select(pool) for _ in range(6)][:3]
        for proxy in failed:
            strategy.record_result(proxy, False)

        assert not {strategy.select(pool) for _ in range(12)} & set(failed)

    def test_an_attempt_without_a_verdict_leaves_its_proxy_untried(
        self, make_pool: MakePool
    ) -> None:
        pool = make_pool(None, 10.0)
        unknown, _ = pool
        strategy = PerformanceBasedStrategy(StrategyConfig(warmup_proxies=2))
        assert strategy.select(pool) is unknown
        assert strategy.select(pool) is not unknown

        unknown.abandon_request()

        assert strategy.select(pool) is unknown

    def test_exploration_gives_its_share_to_the_unknown(
        self, make_pool: MakePool, rng: Random
    ) -> None:
        pool = make_pool(10.0, *[None] * 5000)
        strategy = PerformanceBasedStrategy(StrategyConfig(exploration=0.05), rng=rng)

        picked = [strategy.select(pool) for _ in range(20_000)]

        unknown = sum(proxy.ema_response_time_ms is None for proxy in picked)
        assert unknown / len(picked) == pytest.approx(0.05, abs=0.006)

    def test_exploration_tries_each_proxy_once_in_a_round(
        self, make_pool: MakePool, rng: Random
    ) -> None:
        pool = make_pool(1.0, *[1_000_000.0] * 9)
        strategy = PerformanceBasedStrategy(StrategyConfig(exploration=0.05), rng=rng)
        rounds = 50

        for _ in range(int(rounds * len(pool) / 0.05)):
            strategy.record_result(proxy := strategy.select(pool), True, proxy.ema_response_time_ms)

        _, *slow = pool
        for proxy in slow:
            assert 0.8 * rounds < proxy.requests_started < 1.2 * rounds

    def test_a_slow_proxy_that_got_faster_is_found_at_once_when_it_is_tried(
        self, make_pool: MakePool, rng: Random
    ) -> None:
        pool = make_pool(50.0, 50.0, 1_000_000.0)
        *_, once_slow = pool
        strategy = PerformanceBasedStrategy(StrategyConfig(exploration=0.05), rng=rng)

        emas: list[float] = []
        while once_slow.requests_started < 3:
            strategy.record_result(proxy := strategy.select(pool), True, 20.0)
            if proxy is once_slow:
                emas.append(proxy.ema_response_time_ms or 0.0)

        assert emas[0] > 500_000.0  # what it was said to take may be true
        assert emas[1] == 20.0  # what is known of it is old
        once_slow.start_request()
        once_slow.complete_request(True, 120.0)
        assert once_slow.ema_response_time_ms == pytest.approx(0.2 * 120.0 + 0.8 * 20.0)

    def test_exploration_leaves_alone_what_has_not_come_back_yet(self, make_pool: MakePool) -> None:
        pool = make_pool(1.0, 1_000_000.0)
        fast, slow = pool
        strategy = PerformanceBasedStrategy(StrategyConfig(exploration=1.0))

        for _ in range(100):
            proxy = strategy.select(pool)
            if proxy is fast:
                proxy.abandon_request()

        assert slow.requests_started == 1

    def test_no_more_are_explored_at_a_time_than_may_be(
        self, make_pool: MakePool, rng: Random
    ) -> None:
        pool = make_pool(1.0, *[None] * 50)
        fast, *unknown = pool
        config = StrategyConfig(exploration=0.5, explored_at_a_time=2)
        strategy = PerformanceBasedStrategy(config, rng=rng)

        def under_way() -> list[Proxy]:
            """Let what is selected of the known succeed, and return what is yet to come back."""
            for _ in range(200):
                if strategy.select(pool) is fast:
                    strategy.record_result(fast, True, 1.0)
            return [proxy for proxy in unknown if proxy.requests_active and proxy in pool]

        first, second = under_way()
        assert under_way() == [first, second]

        strategy.record_result(first, False, 15_000.0)
        second.abandon_request()
        others = under_way()
        assert len(others) == 2
        assert first not in others  # it was tried, and it is another's turn

        pool.remove_proxy(others[0])
        strategy.record_result(others[1], True, 50_000.0)
        assert len(under_way()) == 2

    def test_exploration_costs_nothing_where_all_are_seen_anyway(
        self, make_pool: MakePool, rng: Random
    ) -> None:
        pool = make_pool(*[100.0] * 10)
        strategy = PerformanceBasedStrategy(LEARNING, rng=rng)
        drawn = 0
        rotation = strategy._rotations.of(pool)
        sample = rotation._sampler.sample

        def counting_sample() -> Proxy:
            nonlocal drawn
            drawn += 1
            return sample()

        rotation._sampler.sample = counting_sample  # type: ignore[method-assign]
        for _ in range(10_000):
            strategy.record_result(strategy.select(pool), True, 100.0)

        assert drawn > 9_990

    def test_an_unhealthy_proxy_is_left_to_exploration_and_comes_back(
        self, make_pool: MakePool, rng: Random
    ) -> None:
        pool = make_pool(10.0, 100.0)
        broken, _ = pool
        strategy = PerformanceBasedStrategy(LEARNING, rng=rng)
        for _ in range(3):
            broken.start_request()
            strategy.record_result(broken, False)
        before = broken.requests_started
        for _ in range(1000):
            proxy = strategy.select(pool)
            strategy.record_result(proxy, proxy is not broken, 100.0)
        tries = broken.requests_started - before
        assert 1 <= tries <= 60

        strategy.record_result(broken, True, 10.0)

        assert broken.health_status is HealthStatus.HEALTHY
        assert sum(strategy.select(pool) is broken for _ in range(100)) > 10

    def test_without_exploration_an_unhealthy_proxy_is_not_lost(self, make_pool: MakePool) -> None:
        pool = make_pool(10.0, 10.0)
        broken, _ = pool
        strategy = PerformanceBasedStrategy()

        broken.health_status = HealthStatus.UNHEALTHY

        assert broken in {strategy.select(pool) for _ in range(100)}

    def test_when_all_are_unhealthy_they_are_tried_all_the_same(self, make_pool: MakePool) -> None:
        pool = make_pool(*[10.0] * 200)
        for proxy in pool:
            proxy.health_status = HealthStatus.UNHEALTHY
        strategy = PerformanceBasedStrategy(LEARNING)

        assert len({strategy.select(pool) for _ in range(400)}) > 150

    def test_the_unknown_that_failed_a_request_waits_for_another_one(
        self, make_pool: MakePool
    ) -> None:
        pool = make_pool(None, None)
        first, second = pool
        strategy = PerformanceBasedStrategy(LEARNING)

        assert strategy.select(pool, SelectionContext([first.id])) is second
        assert strategy.select(pool) is first

    def test_an_ema_given_by_hand_takes_a_proxy_out_of_the_untried(
        self, make_pool: MakePool
    ) -> None:
        pool = make_pool(None, None, None)
        strategy = PerformanceBasedStrategy(StrategyConfig(warmup_proxies=3))
        first = strategy.select(pool)
        second, third = (proxy for proxy in pool if proxy is not first)

        second.ema_response_time_ms = 10.0

        assert strategy.select(pool) is third

    def test_it_validates_any_pool_that_is_not_empty(self, make_pool: MakePool) -> None:
        strategy = PerformanceBasedStrategy(LEARNING)

        assert strategy.validate_metadata(make_pool(None))
        assert not strategy.validate_metadata(make_pool())

    def test_an_empty_pool_has_nothing_to_explore(self, make_pool: MakePool) -> None:
        strategy = PerformanceBasedStrategy(StrategyConfig(exploration=1.0))

        with pytest.raises(ProxyPoolEmptyError, match="'test' has no proxies"):
            strategy.select(make_pool())

    def test_exploration_passes_over_what_has_failed_the_request(self, make_pool: MakePool) -> None:
        pool = make_pool(10.0, 20.0)
        first, second = pool
        strategy = PerformanceBasedStrategy(StrategyConfig(exploration=1.0))

        picked = [strategy.select(pool, SelectionContext([first.id])) for _ in range(20)]

        assert set(picked) == {second}

    def test_a_new_proxy_starts_a_new_warm_up(self, make_pool: MakePool) -> None:
        pool = make_pool(10.0)
        strategy = PerformanceBasedStrategy(StrategyConfig(warmup_proxies=2))
        strategy.select(pool)
        new = Proxy("http://new:1")

        pool.add_proxy(new)

        assert strategy.select(pool) is new
