"""What is known of a pool's proxies domain by domain."""

from __future__ import annotations

from collections import Counter
from random import Random
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapy_proxywhirl import (
    HealthStatus,
    PerformanceBasedStrategy,
    PoolCooldowns,
    PoolDomains,
    Proxy,
    ProxyFilter,
    ProxyPool,
    RoundRobinStrategy,
    SelectionContext,
    Strategy,
    StrategyConfig,
    Wanted,
)
from scrapy_proxywhirl.core import STRATEGIES, Incident
from scrapy_proxywhirl.core.domain_figures import DomainFigures
from scrapy_proxywhirl.core.domains import is_power_of_four
from scrapy_proxywhirl.core.rotation import Rotation
from scrapy_proxywhirl.core.sampler import WeightedSampler

FAST, SLOW, NEW = "fast.example", "slow.example", "new.example"
LEARNING = StrategyConfig(warmup_proxies=64, exploration=0.05)


class World:
    """Proxies and domains, each of which takes some time."""

    def __init__(self, *takes: float, cooldowns: PoolCooldowns | None = None) -> None:
        self.domains = PoolDomains()
        self.pool = ProxyPool(domains=self.domains, cooldowns=cooldowns)
        self.takes: dict[Proxy, float] = {}
        for place, time_ms in enumerate(takes):
            proxy = Proxy(f"http://p{place}:1", country="FR" if place % 2 else "DE")
            self.pool.add_proxy(proxy)
            self.takes[proxy] = time_ms

    @property
    def proxies(self) -> list[Proxy]:
        return list(self.takes)

    def ema_ms(self, proxy: Proxy, domain: str) -> float | None:
        with self.pool.lock:
            return self.domains.seen_by(domain, self.pool).ema_ms(proxy)

    def time_ms(self, proxy: Proxy, domain: str) -> float:
        """Return what *proxy* takes: 20 times as long for the slow domain."""
        return self.takes[proxy] * (20.0 if domain == SLOW else 1.0)

    def shows(self, proxy: Proxy, domain: str, time_ms: float | None = None) -> None:
        """Let *proxy* serve a page of *domain*."""
        if time_ms is None:
            time_ms = self.time_ms(proxy, domain)
        proxy.start_request()
        with self.pool.lock:
            self.domains.started(proxy, domain)
        proxy.complete_request(True, time_ms, domain=domain)

    def crawl(
        self, strategy: Strategy, domain: str, pages: int, wanted: Wanted | None = None
    ) -> Counter[Proxy]:
        """Crawl, and return how often each proxy was used."""
        used: Counter[Proxy] = Counter()
        for _ in range(pages):
            proxy = strategy.select(self.pool, SelectionContext(domain=domain, wanted=wanted))
            used[proxy] += 1
            strategy.record_result(proxy, True, self.time_ms(proxy, domain), domain=domain)
        return used


def test_each_domain_has_averages_of_its_own() -> None:
    world = World(100.0)
    (proxy,) = world.proxies

    world.shows(proxy, FAST, 100.0)
    world.shows(proxy, FAST, 50.0)
    world.shows(proxy, SLOW, 2000.0)

    assert world.ema_ms(proxy, FAST) == pytest.approx(90.0)
    assert world.ema_ms(proxy, SLOW) == 2000.0
    assert proxy.ema_response_time_ms == pytest.approx(0.2 * 2000.0 + 0.8 * 90.0)


def test_what_was_not_measured_is_expected_from_elsewhere_until_it_is() -> None:
    world = World(100.0, 200.0)
    known, other = world.proxies
    for proxy in (known, other):
        world.shows(proxy, FAST)
    assert world.ema_ms(other, NEW) == pytest.approx(200.0)

    world.shows(known, SLOW)
    assert world.ema_ms(other, SLOW) == pytest.approx(4000.0)

    world.shows(other, SLOW, 777.0)
    assert world.ema_ms(other, SLOW) == 777.0
    assert world.ema_ms(other, FAST) == 200.0


def test_a_slow_site_does_not_make_those_look_slow_that_happened_to_serve_it() -> None:
    alone, beside = World(100.0, 100.0, 200.0, 200.0), World(100.0, 100.0, 200.0, 200.0)
    strategy = PerformanceBasedStrategy(LEARNING, rng=Random(1))
    apart = PerformanceBasedStrategy(LEARNING, rng=Random(2))
    german = Wanted(ProxyFilter(country="DE"))
    expected = alone.crawl(strategy, FAST, 20_000)

    used: Counter[Proxy] = Counter()
    for _ in range(200):
        used += beside.crawl(apart, FAST, 100)
        beside.crawl(apart, SLOW, 100, german)

    for one, other in zip(alone.proxies, beside.proxies, strict=True):
        assert used[other] == pytest.approx(expected[one], rel=0.1)


def test_a_new_domain_begins_with_the_fast_ones() -> None:
    world = World(*[50.0] * 5, *[500.0] * 45)
    strategy = PerformanceBasedStrategy(LEARNING, rng=Random(1))
    world.crawl(strategy, FAST, 2000)

    used = world.crawl(strategy, NEW, 100)

    assert sum(used[proxy] for proxy in world.proxies[:5]) > 35  # of 52; of all alike, 10


def test_the_strategy_that_goes_in_turn_sees_no_domains() -> None:
    world = World(50.0, 500.0)
    strategy = RoundRobinStrategy()

    assert set(world.crawl(strategy, FAST, 10).values()) == {5}
    world.crawl(strategy, SLOW, 1)

    assert world.ema_ms(world.proxies[1], FAST) == 500.0  # learned all the same


def test_an_average_that_is_set_by_hand_takes_effect_in_the_next_selection() -> None:
    world = World(100.0, 100.0)
    by_hand, other = world.proxies
    for proxy in (by_hand, other):
        for domain in (FAST, SLOW):
            world.shows(proxy, domain)
    strategy = PerformanceBasedStrategy(rng=Random(1))
    world.crawl(strategy, FAST, 1)

    by_hand.ema_response_time_ms = 1e-3

    context = SelectionContext(domain=FAST)
    picked = Counter(strategy.select(world.pool, context) for _ in range(100))
    assert world.ema_ms(by_hand, FAST) == pytest.approx(1e-3)
    assert picked[by_hand] >= 99


def test_a_ban_costs_at_that_domain_and_a_failure_everywhere() -> None:
    now = 0.0
    world = World(100.0, 100.0, cooldowns=PoolCooldowns(1.0, 60.0, lambda: now))
    banned, failed = world.proxies
    for proxy in (banned, failed):
        for domain in (FAST, NEW):
            world.shows(proxy, domain)

    ban = banned.complete_request(False, banned=True, domain=FAST)
    failure = failed.complete_request(False, domain=FAST)

    assert ban
    assert failure
    assert world.ema_ms(banned, FAST) == world.ema_ms(failed, FAST) == pytest.approx(160.0)
    assert world.ema_ms(banned, NEW) == world.ema_ms(failed, NEW) == 100.0
    assert world.ema_ms(banned, "other.example") == pytest.approx(100.0)
    assert world.ema_ms(failed, "other.example") == pytest.approx(100.0 * 4.0**0.2)
    assert banned.ema_response_time_ms == 100.0
    assert failed.ema_response_time_ms == pytest.approx(160.0)

    banned.take_back(ban)
    failed.take_back(failure)

    for proxy in (banned, failed):
        for domain in (FAST, NEW, "other.example"):
            assert world.ema_ms(proxy, domain) == pytest.approx(100.0)
    assert failed.ema_response_time_ms == pytest.approx(100.0)


def test_one_incident_costs_once_and_what_was_expected_is_charged() -> None:
    now = 10.0
    world = World(100.0, 100.0, cooldowns=PoolCooldowns(1.0, 60.0, lambda: now))
    proxy, other = world.proxies
    world.shows(proxy, FAST)
    world.shows(other, FAST)
    world.shows(other, NEW, 50.0)

    first = proxy.complete_request(False, banned=True, domain=NEW, started=9.0)
    second = proxy.complete_request(False, banned=True, domain=NEW, started=9.5)

    assert first
    assert second
    assert second.moves == ()
    # Of 50 ms that were expected, and four medians of 50 ms that it is charged.
    assert world.ema_ms(proxy, NEW) == pytest.approx(0.8 * 50.0 + 0.2 * 200.0)
    now = 100.0
    world.shows(proxy, NEW, 70.0)
    assert world.ema_ms(proxy, NEW) == 70.0


def test_a_failure_before_anything_is_known_is_a_guess() -> None:
    world = World(100.0, 100.0)
    proxy, other = world.proxies

    nothing = proxy.complete_request(False, 5000.0, domain=FAST)
    world.shows(other, NEW)
    guess = proxy.complete_request(False, domain=FAST)

    assert nothing
    assert guess
    assert nothing.moves == ()
    # Four medians of what the pool has taken, since nobody has answered for that domain.
    assert world.ema_ms(proxy, FAST) == 400.0
    proxy.take_back(guess)
    assert world.ema_ms(proxy, FAST) is None


@pytest.mark.parametrize("name", ["performance", "adaptive", "frontier", "least-loaded", "tiered"])
def test_what_rests_is_selected_for_no_domain_until_it_is_over(name: str) -> None:
    now = 0.0
    world = World(100.0, 100.0, 100.0, cooldowns=PoolCooldowns(1.0, 60.0, lambda: now))
    strategy = STRATEGIES[name](LEARNING, rng=Random(1))
    for domain in (FAST, SLOW, NEW):
        world.crawl(strategy, domain, 50)
    broken = world.proxies[0]

    strategy.record_result(broken, False, domain=FAST, lasting=True)
    for domain in (FAST, SLOW, NEW):
        assert world.crawl(strategy, domain, 50)[broken] == 0

    now = 61.0
    if name != "least-loaded":  # which leaves alone what is slower, if by little, and idle as well
        assert sum(world.crawl(strategy, domain, 500)[broken] for domain in (FAST, SLOW, NEW))


def test_where_most_are_banned_those_left_are_weighed_by_what_the_domain_knows() -> None:
    now = 0.0
    world = World(*[100.0] * 80, cooldowns=PoolCooldowns(1.0, 60.0, lambda: now))
    *banned, slow, fast = world.proxies
    for proxy in world.proxies:
        world.shows(proxy, NEW)
    world.shows(slow, FAST, 900.0)
    world.shows(fast, FAST, 100.0)
    for proxy in banned:
        proxy.complete_request(False, banned=True, domain=FAST)

    strategy = PerformanceBasedStrategy(rng=Random(1))
    context = SelectionContext(domain=FAST)
    picked = Counter(strategy.select(world.pool, context) for _ in range(1000))

    assert set(picked) == {slow, fast}
    assert picked[fast] == pytest.approx(900, abs=40)


def test_those_that_join_and_leave_do_so_for_every_domain() -> None:
    world = World(100.0, 100.0)
    strategy = PerformanceBasedStrategy(LEARNING, rng=Random(1))
    german = Wanted(ProxyFilter(country="DE"))
    for domain in (FAST, NEW):
        world.crawl(strategy, domain, 20)
        world.crawl(strategy, domain, 20, german)
    gone, gone_too = world.proxies
    joined = Proxy("http://joined:1", country="DE")
    abroad = Proxy("http://joined:2", country="FR")

    for proxy in (joined, abroad):
        proxy.ema_response_time_ms = 100.0
        world.pool.add_proxy(proxy)
        world.takes[proxy] = 100.0
    world.pool.remove_proxy(gone)
    world.pool.remove_proxy(gone_too)

    for domain in (FAST, NEW):
        used = world.crawl(strategy, domain, 200)
        assert set(used) == {joined, abroad}
        assert set(world.crawl(strategy, domain, 20, german)) == {joined}
    assert gone not in world.domains._states
    gone.complete_request(True, 5.0, domain=FAST)  # its last attempt comes back
    world.pool.add_proxy(gone)
    assert world.ema_ms(gone, FAST) == gone.ema_response_time_ms


def test_each_domain_explores_by_itself() -> None:
    world = World(100.0, 100.0)
    changed, other = world.proxies
    strategy = PerformanceBasedStrategy(
        StrategyConfig(exploration=0.05, warmup_proxies=2), rng=Random(1)
    )
    world.crawl(strategy, FAST, 10)
    world.shows(changed, NEW, 1e9)  # so slow that only exploration comes back to it
    world.shows(other, NEW)

    for _ in range(400):
        world.crawl(strategy, FAST, 5)
        world.crawl(strategy, NEW, 1)

    assert world.ema_ms(changed, NEW) == 100.0


def test_an_attempt_under_way_keeps_exploration_away() -> None:
    world = World(100.0, 100.0)
    hanging, other = world.proxies
    config = StrategyConfig(exploration=1.0, explored_at_a_time=1)
    strategy = PerformanceBasedStrategy(config, rng=Random(1))
    world.shows(hanging, NEW, 1e9)
    world.shows(other, NEW)

    selected = [strategy.select(world.pool, SelectionContext(domain=NEW)) for _ in range(20)]

    assert selected.count(hanging) == 1


def test_a_proxy_of_which_nothing_is_known_is_tried_by_one_domain_at_a_time() -> None:
    world = World(100.0, 100.0, 100.0)
    strategy = PerformanceBasedStrategy(LEARNING, rng=Random(1))

    first = [
        strategy.select(world.pool, SelectionContext(domain=domain)) for domain in (FAST, SLOW, NEW)
    ]

    assert set(first) == set(world.proxies)


def test_the_domains_asked_for_last_are_known_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scrapy_proxywhirl.core.domains._DOMAINS", 2)
    world = World(100.0, 100.0)
    proxy, _ = world.proxies
    for domain in (FAST, NEW, SLOW):
        world.shows(proxy, domain)

    assert set(world.domains._domains) == {NEW, SLOW}
    # FAST takes the place of NEW: what it was to it is what the proxy's pace makes of it.
    assert world.ema_ms(proxy, FAST) == pytest.approx(100.0)
    assert set(world.domains._domains) == {FAST, SLOW}


def test_a_domain_that_is_used_keeps_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scrapy_proxywhirl.core.domains._DOMAINS", 2)
    world = World(100.0, 100.0)
    for domain in (FAST, NEW, FAST, SLOW):
        world.ema_ms(world.proxies[0], domain)

    assert set(world.domains._domains) == {FAST, SLOW}


def test_places_are_taken_no_faster_than_they_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scrapy_proxywhirl.core.domains._PROXIES", 2 * 160)
    world = World(*[100.0] * 160)  # two places, each of which is worth ten selections

    def seen() -> set[str | None]:
        return set(world.domains._domains)

    def select(*domains: str) -> None:
        for domain in domains:
            world.ema_ms(world.proxies[0], domain)

    select(*("a", "b") * 20, *("c", "a", "b") * 20)
    assert seen() == {"a", "b"}  # both are in use
    select(*"c" * 8)  # since a there was b, too
    assert seen() == {"a", "b"}
    select("c")
    assert seen() == {"b", "c"}
    select(*"d" * 9)
    assert seen() == {"b", "c"}  # b is idle for long enough, but the last place was made just now
    select("d")
    assert seen() == {"c", "d"}


def test_the_level_of_a_domain_is_applied_to_all_as_it_becomes_clear() -> None:
    world = World(*[100.0] * 3)
    strategy = PerformanceBasedStrategy(rng=Random(1))
    for proxy in world.proxies:
        world.shows(proxy, FAST)
    first, second, third = world.proxies
    weights = weights_in(world, strategy, SLOW)
    assert weights == {proxy: pytest.approx(1 / 100.0) for proxy in world.proxies}

    world.shows(first, SLOW)
    assert weights_in(world, strategy, SLOW) == {
        proxy: pytest.approx(1 / 2000.0) for proxy in world.proxies
    }

    for _ in range(2):  # the fourth response of the domain is the next time
        world.shows(second, SLOW, 500.0)
    assert weights_in(world, strategy, SLOW)[third] == pytest.approx(1 / 2000.0)
    world.shows(second, SLOW, 500.0)
    assert weights_in(world, strategy, SLOW)[third] > 1 / 1800.0


def test_a_large_pool_is_looked_at_bit_by_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scrapy_proxywhirl.core.domains._LOOKED_AT", 2)
    world = World(*[100.0] * 5)
    strategy = PerformanceBasedStrategy(rng=Random(1))
    for proxy in world.proxies:
        world.shows(proxy, FAST)
    weights_in(world, strategy, SLOW)
    world.shows(world.proxies[4], SLOW)

    slowed = []
    for _ in range(3):
        weights = weights_in(world, strategy, SLOW)
        slowed.append(sum(weight < 1 / 1900.0 for weight in weights.values()))

    assert slowed == [2, 4, 5]


def test_where_there_is_no_room_a_slower_pace_counts_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("scrapy_proxywhirl.core.domains._DOMAINS", 1)
    monkeypatch.setattr("scrapy_proxywhirl.core.domains._PROXIES_IN_A_SELECTION", 0.001)
    world = World(100.0, 100.0)
    strategy = PerformanceBasedStrategy(rng=Random(1))
    for proxy in world.proxies:
        world.shows(proxy, FAST)
    first, second = world.proxies
    weights = weights_in(world, strategy, NEW)
    assert weights[first] == pytest.approx(weights[second])

    world.shows(first, FAST, 900.0)

    weights = weights_in(world, strategy, NEW)
    assert weights[second] > 1.1 * weights[first]


def test_what_is_in_flight_for_one_domain_is_load_for_another() -> None:
    world = World(100.0, 100.0)
    for proxy in world.proxies:
        for domain in (FAST, NEW):
            world.shows(proxy, domain)
    strategy = STRATEGIES["adaptive"](StrategyConfig(), rng=Random(1))
    assert isinstance(strategy, PerformanceBasedStrategy)
    first = strategy.select(world.pool, SelectionContext(domain=NEW))
    strategy.record_result(first, True, 100.0, domain=NEW)

    busy = strategy.select(world.pool, SelectionContext(domain=FAST))

    (idle,) = set(world.proxies) - {busy}
    weights = weights_in(world, strategy, NEW)
    assert weights[idle] == pytest.approx(4.0 * weights[busy])


def test_what_is_taken_back_counts_at_once() -> None:
    world = World(100.0, 100.0)
    proxy, other = world.proxies
    world.shows(proxy, FAST)
    world.shows(other, FAST)
    strategy = PerformanceBasedStrategy(rng=Random(1))
    weights_in(world, strategy, FAST)
    incident = proxy.complete_request(False, domain=FAST)
    assert incident
    assert weights_in(world, strategy, FAST)[proxy] < 0.7 / 100.0

    proxy.take_back(incident)

    assert weights_in(world, strategy, FAST)[proxy] == pytest.approx(1 / 100.0)


def test_those_that_left_are_no_measure_of_failures() -> None:
    world = World(100.0, 100.0)
    gone, proxy = world.proxies
    world.shows(gone, FAST, 10_000.0)
    world.shows(proxy, FAST)
    world.pool.remove_proxy(gone)

    proxy.complete_request(False, domain=FAST)

    assert world.ema_ms(proxy, FAST) == pytest.approx(0.8 * 100.0 + 0.2 * 400.0)


def test_an_abandoned_attempt_is_over() -> None:
    world = World(100.0)
    (proxy,) = world.proxies
    strategy = PerformanceBasedStrategy(LEARNING)
    strategy.select(world.pool, SelectionContext(domain=FAST))
    assert world.domains._domains[FAST].figures.record(proxy).requests_active == 1

    proxy.abandon_request(FAST)

    assert world.domains._domains[FAST].figures.record(proxy).requests_active == 0


def test_what_one_domain_waits_for_does_not_keep_another_from_exploring() -> None:
    world = World(100.0, 100.0)
    slow, other = world.proxies
    world.shows(slow, NEW, 1e9)
    world.shows(other, NEW)
    world.shows(slow, FAST)
    slow.start_request()  # for FAST, and never back
    config = StrategyConfig(exploration=1.0, explored_at_a_time=1)
    strategy = PerformanceBasedStrategy(config, rng=Random(1))

    assert world.crawl(strategy, NEW, 20)[slow] >= 1


def test_where_there_is_no_room_a_domain_is_served_by_paces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("scrapy_proxywhirl.core.domains._PROXIES", 100)
    world = World(*[50.0] * 10, *[500.0] * 90)  # room for one domain, that is in use
    cooldowns = PoolCooldowns(1.0, 60.0, lambda: 0.0)
    world.pool.cooldowns = cooldowns
    strategy = PerformanceBasedStrategy(StrategyConfig(warmup_proxies=100), rng=Random(1))
    world.crawl(strategy, FAST, 200)
    used: Counter[Proxy] = Counter()
    for _ in range(500):
        world.crawl(strategy, FAST, 2)
        used += world.crawl(strategy, SLOW, 1)

    assert set(world.domains._domains) == {FAST}
    assert sum(used[proxy] for proxy in world.proxies[:10]) > 200  # of 263; of all alike, 50

    loser = world.proxies[0]
    strategy.record_result(loser, False, domain=SLOW)
    assert loser.complete_request(False, banned=True, domain=SLOW)
    world.crawl(strategy, SLOW, 20)  # FAST is idle now for long enough
    assert set(world.domains._domains) == {SLOW}


def test_a_domain_knows_no_more_parts_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scrapy_proxywhirl.core.domains._POOLS", 1)
    world = World(*[100.0] * 8)
    for proxy in world.proxies:
        world.shows(proxy, FAST)
    filters = [
        ProxyFilter(country="DE"),
        ProxyFilter(country="FR"),
        ProxyFilter(max_cost=1.0),
        ProxyFilter(max_cost=1.0),
        ProxyFilter(max_cost=2.0),
        ProxyFilter(max_cost=1.0),
    ]

    with world.pool.lock:
        german, french, one, same, other, again = (
            world.domains.seen_by(FAST, world.pool.view(only)) for only in filters
        )

    assert german.figures is french.figures
    assert one.figures is other.figures
    assert one.figures is not german.figures
    assert one.ema_ms(world.proxies[0]) == pytest.approx(100.0)
    assert same is one
    assert again is not one


def test_a_part_that_was_made_anew_is_known_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scrapy_proxywhirl.core.views._VIEWS", 1)
    world = World(100.0, 100.0)
    german, french = ProxyFilter(country="DE"), ProxyFilter(country="FR")
    with world.pool.lock:
        first = world.domains.seen_by(FAST, world.pool.view(german))
        same = world.domains.seen_by(FAST, world.pool.view(german))
        world.pool.view(french)

        again = world.domains.seen_by(FAST, world.pool.view(german))

    assert same is first
    assert again is not first
    assert list(again) == [world.proxies[0]]
    assert repr(again) == repr(first)


def test_a_domain_that_is_far_behind_looks_at_all() -> None:
    world = World(100.0, 100.0, 100.0)
    proxy = world.proxies[0]
    strategy = PerformanceBasedStrategy(rng=Random(1))
    for one in world.proxies:
        world.shows(one, FAST)
        world.shows(one, NEW)
    world.crawl(strategy, NEW, 1)
    for _ in range(101):  # more changes than are remembered
        proxy.health_status = HealthStatus.UNHEALTHY
        proxy.health_status = HealthStatus.HEALTHY
    exploring = PerformanceBasedStrategy(StrategyConfig(exploration=1e-9), rng=Random(1))
    world.crawl(exploring, NEW, 1)
    for _ in range(101):
        proxy.health_status = HealthStatus.HEALTHY
        proxy.health_status = HealthStatus.UNHEALTHY

    assert len(world.domains._changes) < 2 * 3 + 65
    assert not world.crawl(exploring, NEW, 100)[proxy]


def test_powers_of_four() -> None:
    assert [n for n in range(1, 300) if is_power_of_four(n)] == [1, 4, 16, 64, 256]


def weight_in(rotation: Rotation, proxy: Proxy) -> float | None:
    sampler = rotation._sampler
    assert isinstance(sampler, WeightedSampler)
    if proxy not in sampler:
        return None
    weight = sampler.weight(proxy)
    return weight if sampler._certain == 1.0 else min(weight, sampler._weigh(proxy))


def weights_in(world: World, strategy: PerformanceBasedStrategy, domain: str) -> dict[Proxy, float]:
    """Return by what *strategy* selects for *domain*."""
    with world.pool.lock:
        seen = world.domains.seen_by(domain, world.pool)
        rotation = strategy._rotations.of(seen)
        return {proxy: weight_in(rotation, proxy) or 0.0 for proxy in world.pool.proxies}


def has_answered(figures: DomainFigures, proxy: Proxy) -> bool:
    pair = figures.pairs.get(proxy)
    return pair is not None and pair in figures.answered


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["succeed", "fail", "ban", "abandon", "take back", "by hand", "time"]),
        st.integers(0, 5),
        st.sampled_from([FAST, SLOW, NEW]),
        st.floats(1.0, 1e4),
    ),
    max_size=60,
)


@given(STEPS)
def test_what_a_domain_selects_by_is_what_it_would_if_it_looked_now(
    steps: list[tuple[str, int, str, float]],
) -> None:
    now = 0.0
    world = World(*[100.0] * 6, cooldowns=PoolCooldowns(1.0, 8.0, lambda: now, Random(1)))
    strategy = PerformanceBasedStrategy(StrategyConfig(exploration=0.1), rng=Random(1))
    incidents: list[Incident] = []
    for step, place, domain, number in steps:
        proxy = world.proxies[place]
        if step == "time":
            now += number % 4.0
        elif step == "by hand":
            proxy.ema_response_time_ms = number
        elif step == "take back":
            if incidents:
                incident = incidents.pop(place % len(incidents))
                incident.proxy.take_back(incident)
        elif step == "abandon":
            proxy.start_request()
            proxy.abandon_request(domain, now)
        else:
            incident_ = strategy.record_result(
                proxy, step == "succeed", number, banned=step == "ban", domain=domain
            )
            if incident_:
                incidents.append(incident_)
        with world.pool.lock:
            world.pool.cooldowns.wake(domain)  # type: ignore[union-attr]
            seen = world.domains.seen_by(domain, world.pool)
            kept = strategy._rotations.of(seen)
            made = Rotation(strategy.config, Random(1), seen.figures)
            seen.watch(made)
            seen.unwatch(made)
            assert kept._sidelined == made._sidelined
            for one in world.pool.proxies:
                ours, fresh = (weight_in(rotation, one) for rotation in (kept, made))
                assert (ours is None) == (fresh is None)
                if ours is not None and seen.figures and has_answered(seen.figures, one):
                    assert ours == pytest.approx(fresh)


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_threads_that_crawl_several_domains_lose_no_count(name: str) -> None:
    world = World(*[float(time_ms) for time_ms in range(10, 30)])
    strategy = STRATEGIES[name](LEARNING)
    threads, rounds = 8, 1000
    errors: list[BaseException] = []

    def work(seed: int) -> None:
        random = Random(seed)
        try:
            for _ in range(rounds):
                domain = random.choice([FAST, SLOW, NEW])
                proxy = strategy.select(world.pool, SelectionContext(domain=domain))
                strategy.record_result(
                    proxy, random.random() < 0.95, random.uniform(1.0, 100.0), domain=domain
                )
        except BaseException as error:
            errors.append(error)
            raise

    def change() -> None:
        for port in range(1, 200):
            proxy = Proxy(f"http://new:{port}")
            world.pool.add_proxy(proxy)
            proxy.ema_response_time_ms = 1e6
            world.pool.remove_proxy(proxy)

    jobs: list[Thread] = [
        *(Thread(target=work, args=(seed,), daemon=True) for seed in range(threads)),
        Thread(target=change, daemon=True),
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(timeout=120)

    assert not any(job.is_alive() for job in jobs)
    assert not errors
    assert [proxy.requests_active for proxy in world.pool] == [0] * 20
    for known in world.domains._domains.values():
        for pair in known.figures.pairs.values():
            assert pair.requests_active == 0
