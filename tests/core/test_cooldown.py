from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from copy import deepcopy
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from scrapy_proxywhirl import (
    HealthStatus,
    PerformanceBasedStrategy,
    PoolCooldowns,
    Proxy,
    ProxyPool,
    ProxyPoolEmptyError,
    ProxySet,
    RandomStrategy,
    RoundRobinStrategy,
    SelectionContext,
    Strategy,
    StrategyConfig,
)

SITE, OTHER = "a.example", "b.example"


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


class FullRests(Random):
    """Chance that lets each rest be as long as it may."""

    def random(self) -> float:
        return 1.0


class Crawl:
    """A pool whose proxies rest for 2, 4, 8 ... 60 s, and a strategy that selects among them."""

    def __init__(self, size: int, strategy: Strategy | None = None) -> None:
        self.clock = Clock()
        cooldowns = PoolCooldowns(2.0, 60.0, self.clock, FullRests())
        self.pool = ProxyPool("test", cooldowns=cooldowns)
        for number in range(size):
            self.pool.add_proxy(Proxy(f"http://p{number}:1", label=f"p{number}"))
        self.strategy = strategy or PerformanceBasedStrategy(
            StrategyConfig(warmup_proxies=size, exploration=0.0), rng=Random(1)
        )
        for proxy in self.pool:
            proxy.ema_response_time_ms = 100.0

    def select(self, domain: str | None = SITE, failed: tuple[str, ...] = ()) -> Proxy:
        context = SelectionContext(failed_proxy_ids=failed, domain=domain)
        return self.strategy.select(self.pool, context)

    def end(self, proxy: Proxy, success: bool, domain: str | None = SITE, **result: Any) -> None:
        result.setdefault("started", self.clock.now)
        self.strategy.record_result(
            proxy, success, 100.0 if success else None, domain=domain, **result
        )

    def fail(self, proxy: Proxy, **result: Any) -> None:
        """Let an attempt through *proxy* fail that begins now."""
        proxy.start_request()
        self.end(proxy, False, **result)

    def ban(self, proxy: Proxy, domain: str = SITE, **result: Any) -> None:
        self.fail(proxy, banned=True, domain=domain, **result)

    def selected(self, domain: str | None = SITE, times: int = 60) -> set[str]:
        """Return the labels of those that are selected, each attempt saying nothing."""
        labels = set()
        for _ in range(times):
            proxy = self.select(domain)
            labels.add(proxy.label)
            proxy.abandon_request(domain, self.clock.now)
        return labels


def learner() -> Strategy:
    config = StrategyConfig(warmup_proxies=3, exploration=0.5)
    return PerformanceBasedStrategy(config, rng=Random(1))


STRATEGIES = [
    lambda: PerformanceBasedStrategy(rng=Random(1)),
    learner,
    lambda: RandomStrategy(rng=Random(1)),
    RoundRobinStrategy,
]


@pytest.mark.parametrize("make", STRATEGIES)
def test_a_proxy_that_failed_is_left_alone_until_its_rest_is_over(make: Any) -> None:
    crawl = Crawl(3, make())
    first, *_ = crawl.pool

    crawl.fail(first)

    assert first.is_resting
    assert crawl.selected() == {"p1", "p2"}
    crawl.clock.passes(1.9)
    assert crawl.selected() == {"p1", "p2"}
    crawl.clock.passes(0.2)
    assert crawl.selected() == {"p0", "p1", "p2"}
    assert not first.is_resting


def test_a_rest_is_drawn_from_all_that_it_may_be() -> None:
    clock = Clock()
    pool = ProxyPool("test", cooldowns=PoolCooldowns(2.0, 60.0, clock, Random(1)))
    for number in range(1000):
        pool.add_proxy(proxy := Proxy(f"http://p{number}:1"))
        proxy.complete_request(False)
    assert pool.cooldowns is not None

    for passed, expected in ((0.5, 750), (1.0, 500), (1.5, 250), (2.0, 0)):
        clock.now = 1000.0 + passed
        pool.cooldowns.wake(None)
        resting = sum(proxy.is_resting for proxy in pool)
        assert resting == pytest.approx(expected, abs=60)


def test_rests_double_with_each_failure_after_one_up_to_the_longest() -> None:
    crawl = Crawl(2)
    first, _ = crawl.pool

    for rest in (2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0):
        crawl.fail(first)
        crawl.clock.passes(rest - 0.1)
        assert crawl.selected() == {"p1"}
        crawl.clock.passes(0.2)
        assert crawl.selected() == {"p0", "p1"}


@pytest.mark.parametrize(("cost", "rest"), [(5.0, 7.0), (180.0, 60.0)])
def test_what_lets_a_page_wait_is_left_alone_for_as_long_beside(cost: float, rest: float) -> None:
    crawl = Crawl(3)
    first, *_ = crawl.pool
    first.start_request()
    crawl.strategy.record_result(first, False, 1000.0 * cost, domain=SITE)

    crawl.clock.passes(rest - 0.1)
    assert crawl.selected() == {"p1", "p2"}
    assert first.is_resting
    crawl.clock.passes(0.2)
    crawl.select()
    assert not first.is_resting


def test_a_success_ends_it_all() -> None:
    crawl = Crawl(2)
    first, _ = crawl.pool
    for _ in range(4):
        crawl.fail(first)
        crawl.clock.passes(100.0)
        crawl.selected()

    first.start_request()
    crawl.end(first, True)
    crawl.fail(first)

    crawl.clock.passes(2.1)  # a first rest again
    assert crawl.selected() == {"p0", "p1"}


def test_one_attempt_tries_a_proxy_that_has_rested_and_the_rest_wait_for_it() -> None:
    crawl = Crawl(1)
    crawl.pool.add_proxy(other := Proxy("http://p1:1", label="p1"))
    first, _ = crawl.pool
    crawl.fail(first)
    crawl.clock.passes(2.1)
    assert crawl.select() is first  # the other has no EMA

    other.ema_response_time_ms = 100.0

    assert first.is_resting
    assert crawl.selected() == {"p1"}
    crawl.clock.passes(1000.0)
    assert crawl.selected() == {"p1"}
    crawl.end(first, True)
    assert crawl.selected() == {"p0", "p1"}


def test_an_attempt_that_says_nothing_leaves_it_to_another_to_try() -> None:
    crawl = Crawl(1)
    (first,) = crawl.pool
    crawl.fail(first)
    crawl.clock.passes(2.1)
    assert crawl.select() is first
    assert first.is_resting

    first.abandon_request(SITE, crawl.clock.now)

    assert not first.is_resting


def test_the_attempts_under_way_when_a_proxy_dies_are_one_incident() -> None:
    crawl = Crawl(2)
    first, second = crawl.pool
    for proxy in (first, second):  # something to measure a penalty by
        proxy.start_request()
        crawl.end(proxy, True)
    for _ in range(8):
        first.start_request()
    began = crawl.clock.now
    crawl.clock.passes(5.0)

    crawl.end(first, False, started=began)
    charged = first.ema_response_time_ms
    for _ in range(7):
        crawl.clock.passes(0.01)
        crawl.end(first, False, started=began)

    assert first.total_failures == 8
    assert first.consecutive_failures == 1
    assert first.ema_response_time_ms == charged
    assert first.health_status is HealthStatus.DEGRADED
    crawl.clock.passes(2.1)
    assert crawl.selected() == {"p0", "p1"}


def test_a_late_success_of_what_was_asked_before_does_not_end_a_rest() -> None:
    crawl = Crawl(2)
    first, _ = crawl.pool
    first.start_request()
    began = crawl.clock.now
    crawl.clock.passes(1.0)
    crawl.fail(first)

    crawl.end(first, True, started=began)

    assert first.is_resting
    assert first.total_successes == 1


@pytest.mark.parametrize("banned", [False, True])
def test_what_was_asked_later_and_came_ends_a_rest(banned: bool) -> None:
    crawl = Crawl(2)
    first, _ = crawl.pool
    asked = []
    for _ in range(3):
        first.start_request()
        asked.append(crawl.clock.now)
        crawl.clock.passes(0.1)
    crawl.end(first, False, started=asked[1], banned=banned)
    assert crawl.selected() == {"p1"}

    crawl.end(first, True, started=asked[0])
    assert crawl.selected() == {"p1"}

    crawl.end(first, True, started=asked[2])
    assert crawl.selected() == {"p0", "p1"}


def test_a_proxy_that_is_tried_before_its_rest_is_over_rests_no_longer_for_that() -> None:
    crawl = Crawl(1)
    (first,) = crawl.pool
    try_early(crawl)

    crawl.end(first, False)

    assert first.is_resting
    crawl.clock.passes(1.1)
    assert crawl.select() is first
    crawl.end(first, False)
    crawl.clock.passes(7.9)  # the third rest, of 8 s
    assert first.is_resting
    crawl.clock.passes(0.2)
    assert crawl.selected() == {"p0"}


def test_one_that_was_tried_early_and_fails_when_its_rest_is_over_may_be_tried_again() -> None:
    crawl = Crawl(1)
    (first,) = crawl.pool
    try_early(crawl)
    began = crawl.clock.now
    crawl.clock.passes(1.1)

    crawl.end(first, False, started=began)

    assert not first.is_resting


def try_early(crawl: Crawl) -> None:
    """Let the one proxy be tried a second before its second rest, of four, is over."""
    (first,) = crawl.pool
    crawl.fail(first)
    crawl.clock.passes(2.1)
    crawl.fail(first)
    crawl.clock.passes(1.0)
    all_rest(crawl)
    crawl.clock.passes(2.0)
    assert crawl.select() is first


def test_an_attempt_of_before_does_not_end_the_trial_of_a_later_one() -> None:
    crawl = Crawl(1)
    (first,) = crawl.pool
    first.start_request()
    began = crawl.clock.now
    crawl.clock.passes(1.0)
    crawl.fail(first)
    crawl.clock.passes(2.1)
    assert crawl.select() is first

    first.abandon_request(SITE, began)

    assert first.is_resting


def test_a_rest_is_remembered_however_its_end_was_found() -> None:
    crawl = Crawl(2)
    first, _ = crawl.pool
    crawl.fail(first)
    first.start_request()
    assert crawl.pool.cooldowns is not None
    crawl.pool.cooldowns.started(first, SITE)  # before its rest is over
    began = crawl.clock.now
    crawl.clock.passes(3.0)
    first.abandon_request(SITE, began)
    assert crawl.selected() == {"p0", "p1"}

    crawl.fail(first)

    crawl.clock.passes(2.1)  # the second rest is longer
    assert crawl.selected() == {"p1"}


@pytest.mark.parametrize("make", STRATEGIES)
def test_the_last_one_that_does_not_rest_is_found(make: Any) -> None:
    crawl = Crawl(12, make())
    *others, last = crawl.pool
    for number, proxy in enumerate(others):
        if number % 2:
            crawl.fail(proxy)
        else:
            crawl.ban(proxy)

    assert crawl.selected() == {last.label}


def test_where_all_rest_the_one_whose_rest_is_over_first_is_tried_now_and_then() -> None:
    crawl = Crawl(3)
    for rest in (2.0, 4.0, 8.0, 16.0):
        for proxy in crawl.pool:
            crawl.fail(proxy)
            crawl.clock.passes(0.1)
        crawl.clock.passes(rest)
        crawl.pool.cooldowns.wake(SITE)  # type: ignore[union-attr]
    for proxy in crawl.pool:  # for 32 s
        crawl.fail(proxy)
        crawl.clock.passes(0.1)
    first, second, third = crawl.pool

    tried = []
    for _ in range(100):
        try:
            tried.append((crawl.select(), crawl.clock.now))
        except ProxyPoolEmptyError:
            crawl.clock.passes(0.1)
    proxies, times = zip(*tried, strict=True)

    # Those that an attempt tries come last.
    assert proxies == (first, second, third, first, first)
    assert all(2.0 <= later - time < 2.15 for time, later in pairwise(times))


def test_where_all_rest_what_fails_at_once_is_tried_again_after_twice_as_long() -> None:
    crawl = Crawl(1)
    (first,) = crawl.pool
    for rest in (2.0, 4.0, 8.0):
        crawl.fail(first)
        crawl.clock.passes(rest + 0.1)
        crawl.pool.cooldowns.wake(SITE)  # type: ignore[union-attr]
    crawl.fail(first)  # for 16 s

    times = []
    while crawl.clock.now < rests_until(crawl):
        try:
            crawl.end(crawl.select(), False)
        except ProxyPoolEmptyError:
            crawl.clock.passes(0.001)
        else:
            times.append(crawl.clock.now)

    pauses = [later - time for time, later in pairwise(times)]
    expected = [2.0 / 64 * 2**doublings for doublings in range(6)]
    assert pauses == pytest.approx([*expected, *[2.0] * (len(pauses) - 6)], abs=0.0011)
    assert len(pauses) > 10


def rests_until(crawl: Crawl) -> float:
    """Return when the rest of the first proxy is over."""
    assert crawl.pool.cooldowns is not None
    rest = crawl.pool.cooldowns.rest_of(next(iter(crawl.pool)), None)
    assert rest is not None
    return rest.until


def all_rest(crawl: Crawl, domain: str | None = SITE) -> None:
    """See that there is no proxy, but for the one attempt that tells whether it is so still."""
    with suppress(ProxyPoolEmptyError):
        crawl.select(domain).abandon_request(domain, crawl.clock.now)
    with pytest.raises(ProxyPoolEmptyError, match="proxies of the pool 'test' rest, are busy, or"):
        crawl.select(domain)


def test_a_page_that_all_have_failed_begins_no_drought() -> None:
    crawl = Crawl(2)
    first, second = crawl.pool
    crawl.fail(first)

    with pytest.raises(ProxyPoolEmptyError):
        crawl.select(failed=(second.id,))

    crawl.clock.passes(1.9)
    crawl.fail(second)
    all_rest(crawl)
    second.start_request()
    crawl.end(second, True)
    assert second.is_resting is False
    assert first.is_resting is False  # that began a drought


def test_the_first_success_after_a_drought_ends_the_rests_of_all_that_failed_in_it() -> None:
    crawl = Crawl(4)
    broken, first, second, third = crawl.pool
    crawl.fail(broken)
    crawl.clock.passes(1.0)
    first.start_request()
    crawl.end(first, True)
    crawl.clock.passes(0.1)
    for proxy in (first, second):
        crawl.fail(proxy)
    crawl.ban(third)
    all_rest(crawl)
    crawl.clock.passes(0.05)
    assert crawl.selected(OTHER) == {"p3"}

    assert crawl.pool.cooldowns is not None
    second.start_request()
    crawl.end(second, True)

    assert crawl.selected(SITE, 200) == {"p1", "p2", "p3"}
    crawl.clock.passes(0.9)  # its own rest
    assert crawl.selected(SITE, 200) == {"p0", "p1", "p2", "p3"}


def test_what_is_taken_back_after_a_drought_is_not_taken_back_again_for_its_page() -> None:
    crawl = Crawl(2)
    first, second = crawl.pool
    incidents = [proxy.complete_request(False, 15_000.0, domain=SITE) for proxy in (first, second)]
    assert first.ema_response_time_ms == pytest.approx(3080.0)
    all_rest(crawl)
    crawl.clock.passes(0.1)
    second.start_request()
    crawl.end(second, True)
    assert first.ema_response_time_ms == pytest.approx(100.0)
    crawl.clock.passes(0.1)
    crawl.fail(first)
    ema = first.ema_response_time_ms

    for incident in incidents:
        assert incident
        incident.proxy.take_back(incident)

    assert first.ema_response_time_ms == ema
    assert first.consecutive_failures == 1
    assert first.health_status is HealthStatus.DEGRADED
    assert second.ema_response_time_ms == pytest.approx(100.0)


def test_an_attempt_under_way_when_a_drought_began_does_not_end_it() -> None:
    crawl = Crawl(2)
    first, second = crawl.pool
    first.start_request()
    began = crawl.clock.now
    crawl.clock.passes(0.1)
    for proxy in (first, second):
        crawl.fail(proxy)
    crawl.clock.passes(0.1)
    all_rest(crawl)

    crawl.end(first, True, started=began)

    all_rest(crawl)
    assert first.is_resting
    assert second.is_resting


def test_the_droughts_that_are_remembered_are_the_latest() -> None:
    crawl = Crawl(2)
    first, second = crawl.pool
    for proxy in crawl.pool:
        crawl.fail(proxy)
    for number in range(1025):
        all_rest(crawl, f"site-{number}")

    for site in ("site-0", "site-1"):
        assert second.is_resting
        first.start_request()
        crawl.end(first, True, domain=site)

    assert not second.is_resting


def test_a_ban_counts_for_the_domain_that_banned() -> None:
    crawl = Crawl(3)
    first, *_ = crawl.pool

    crawl.ban(first)

    assert crawl.selected(SITE) == {"p1", "p2"}
    assert crawl.selected(OTHER) == crawl.selected(None) == {"p0", "p1", "p2"}
    assert not first.is_resting
    assert (first.total_bans, first.consecutive_failures) == (1, 0)
    assert first.ema_response_time_ms == 100.0
    crawl.clock.passes(2.1)
    assert crawl.selected(SITE) == {"p0", "p1", "p2"}


def test_rests_for_a_domain_grow_and_end_as_others_do() -> None:
    crawl = Crawl(2)
    first, _ = crawl.pool
    for rest in (2.0, 4.0, 8.0):
        crawl.ban(first)
        crawl.clock.passes(rest + 0.1)
        assert crawl.selected() == {"p0", "p1"}

    first.start_request()
    crawl.end(first, True)
    crawl.ban(first)

    crawl.clock.passes(2.1)
    assert crawl.selected() == {"p0", "p1"}


def test_one_attempt_of_a_domain_tries_what_that_has_banned() -> None:
    crawl = Crawl(1)
    (first,) = crawl.pool
    crawl.ban(first)
    crawl.clock.passes(2.1)
    assert crawl.select(SITE) is first
    crawl.pool.add_proxy(second := Proxy("http://p1:1", label="p1"))
    second.ema_response_time_ms = 100.0

    assert crawl.selected(SITE) == {"p1"}
    assert crawl.selected(OTHER) == {"p0", "p1"}
    crawl.fail(first, started=crawl.clock.now)  # on the way: that says nothing of the domain
    crawl.clock.passes(2.1)
    assert crawl.selected(SITE) == {"p0", "p1"}


def test_a_failed_page_and_a_domains_bans_are_both_heeded() -> None:
    crawl = Crawl(3)
    first, second, third = crawl.pool
    crawl.ban(first)

    assert {crawl.select(failed=(second.id,)) for _ in range(30)} == {third}


class Listing(RoundRobinStrategy):
    """A user's own, which looks at all that it must not choose."""

    def pick(self, pool: ProxySet, excluded: Collection[str], domain: str | None) -> Proxy | None:
        self.excluded = sorted(excluded)
        assert len(excluded) == len(self.excluded)
        return super().pick(pool, excluded, domain)


def test_a_strategy_can_list_what_it_must_not_choose() -> None:
    strategy = Listing()
    crawl = Crawl(3, strategy)
    first, second, third = crawl.pool
    crawl.ban(first)

    assert crawl.select(failed=(second.id,)) is third
    assert strategy.excluded == sorted([first.id, second.id])


@pytest.mark.parametrize("make", STRATEGIES)
def test_where_a_domain_has_banned_all_one_of_them_is_tried_now_and_then(make: Any) -> None:
    crawl = Crawl(2, make())
    first, _ = crawl.pool
    for _ in range(2):  # the second time for 4 s
        crawl.clock.passes(2.1)
        crawl.pool.cooldowns.wake(SITE)  # type: ignore[union-attr]
        for proxy in crawl.pool:
            crawl.ban(proxy)
            crawl.clock.passes(0.01)

    all_rest(crawl)
    crawl.clock.passes(2.1)
    assert crawl.select(SITE) is first
    all_rest(crawl)
    assert crawl.select(OTHER) in crawl.pool


def test_bans_by_three_domains_without_a_success_are_a_failure() -> None:
    crawl = Crawl(2)
    first, _ = crawl.pool
    crawl.ban(first, "a.example")
    crawl.ban(first, "b.example")
    crawl.ban(first, "b.example", started=crawl.clock.now + 100)
    assert not first.is_resting

    crawl.ban(first, "c.example")

    assert first.is_resting
    assert first.consecutive_failures == 1
    assert first.total_bans == 4
    assert crawl.selected("d.example") == {"p1"}
    crawl.clock.passes(2.1)
    crawl.ban(first, "e.example")  # the first of three again
    assert first.consecutive_failures == 1


def test_a_success_between_them_keeps_bans_from_adding_up() -> None:
    crawl = Crawl(2)
    first, _ = crawl.pool
    crawl.ban(first, "a.example")
    crawl.ban(first, "b.example")
    first.start_request()
    crawl.end(first, True, domain="d.example")

    crawl.ban(first, "c.example")

    assert not first.is_resting


def test_a_ban_is_an_answer_to_whether_a_proxy_that_rested_works_again() -> None:
    crawl = Crawl(1)
    (first,) = crawl.pool
    crawl.fail(first)
    crawl.clock.passes(2.1)
    assert crawl.select(SITE) is first
    assert first.is_resting

    crawl.end(first, False, banned=True)

    assert not first.is_resting


def test_a_ban_without_a_domain_is_a_failure() -> None:
    crawl = Crawl(2)
    first, _ = crawl.pool

    crawl.fail(first, banned=True, domain=None)

    assert first.is_resting
    assert (first.total_bans, first.consecutive_failures) == (1, 1)


def test_a_redirect_does_not_stay_on_a_proxy_that_rests() -> None:
    crawl = Crawl(2)
    first, second = crawl.pool
    context = SelectionContext(stay_on_proxy_id=first.id, domain=SITE)
    assert crawl.strategy.select(crawl.pool, context) is first

    crawl.ban(first)
    assert crawl.strategy.select(crawl.pool, context) is second

    crawl.fail(first)
    elsewhere = SelectionContext(stay_on_proxy_id=first.id, domain=OTHER)
    assert crawl.strategy.select(crawl.pool, elsewhere) is second


def test_what_leaves_the_pool_is_forgotten() -> None:
    crawl = Crawl(2)
    first, second = crawl.pool
    crawl.fail(first)
    crawl.ban(first)
    crawl.pool.remove_proxy(first)
    crawl.clock.passes(0.5)

    crawl.pool.add_proxy(again := Proxy("http://p0:1", label="p0"))
    again.ema_response_time_ms = 100.0

    assert crawl.selected() == {"p0", "p1"}
    assert again not in (first, second)


def test_what_is_long_over_is_forgotten() -> None:
    crawl = Crawl(2)
    first, _ = crawl.pool
    for _ in range(3):
        crawl.fail(first)
        crawl.clock.passes(100.0)
        crawl.selected()
    crawl.fail(first)
    crawl.clock.passes(16.1)
    crawl.pool.cooldowns.wake(None)  # type: ignore[union-attr]

    crawl.clock.passes(60.1)
    crawl.pool.cooldowns.wake(None)  # type: ignore[union-attr]

    crawl.fail(first)
    crawl.clock.passes(2.1)  # a first rest again
    assert crawl.selected() == {"p0", "p1"}


def test_nothing_is_left_where_all_is_over() -> None:
    crawl = Crawl(2)
    first, second = crawl.pool
    cooldowns = crawl.pool.cooldowns
    assert cooldowns is not None
    assert cooldowns.is_idle
    crawl.fail(first)
    crawl.ban(second)
    assert not cooldowns.is_idle

    crawl.clock.passes(2.1)
    for _ in range(3):  # trials, as others wait for what comes of them
        proxy = crawl.select()
        crawl.end(proxy, True)
    for proxy in (first, second):
        proxy.start_request()
        crawl.end(proxy, True)
    for _ in range(2):  # what the domain had is let go of, and then there is nothing
        crawl.select()

    assert cooldowns.is_idle
    assert not cooldowns._domains
    assert not cooldowns._banned_by
    assert not cooldowns.everywhere.rests


def test_the_domains_that_are_remembered_are_the_latest() -> None:
    crawl = Crawl(2)
    first, second = crawl.pool
    crawl.ban(first, "site-0")
    crawl.ban(first, "again")
    for number in range(1, 1025):
        if number == 1000:
            crawl.ban(first, "again")
        crawl.ban(second, f"site-{number}")
        second.start_request()
        crawl.end(second, True, domain="elsewhere")

    assert crawl.selected("site-0") == {"p0", "p1"}
    assert crawl.selected("again") == {"p1"}
    assert crawl.selected("site-1024") == {"p0"}


def test_a_copy_does_not_rest() -> None:
    crawl = Crawl(1)
    (first,) = crawl.pool
    crawl.fail(first)

    assert not deepcopy(first).is_resting


@pytest.mark.parametrize(
    ("first", "longest"),
    [(0.0, 1.0), (-1.0, 1.0), (2.0, 1.0), (1.0, float("inf")), (float("nan"), 1.0)],
)
def test_rests_are_times(first: float, longest: float) -> None:
    with pytest.raises(ValueError, match=r"first is .* and longest .*; they must be finite"):
        PoolCooldowns(first, longest, Clock())
