from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from random import Random

import pytest

from scrapy_proxywhirl import PerformanceBasedStrategy, Proxy, ProxyPool, SelectionContext
from scrapy_proxywhirl.core import (
    Incident,
    LearnedDelays,
    PoolCooldowns,
    ProxyPoolEmptyError,
    StrategyConfig,
)
from tests.core.test_cooldown import SITE, Clock

LATENCY = 0.1


@dataclass
class Limit:
    """A site that bans each proxy for a while that asks it too often."""

    most_a_second: int
    ban_seconds: float = 3.0
    asked: dict[Proxy, list[float]] = field(default_factory=dict)
    banned_until: dict[Proxy, float] = field(default_factory=dict)

    def __call__(self, proxy: Proxy, now: float) -> bool:
        asked = [one for one in self.asked.get(proxy, ()) if now - one < 1.0]
        self.asked[proxy] = [*asked, now]
        if now >= self.banned_until.get(proxy, 0.0) and len(asked) >= self.most_a_second:
            self.banned_until[proxy] = now + self.ban_seconds
        return now < self.banned_until.get(proxy, 0.0)


class Crawl:
    """Sixteen requests at a time to one site, in a time of its own."""

    def __init__(self, proxies: int = 10, has_delays: bool = True) -> None:
        self.clock = Clock()
        self.delays = LearnedDelays(self.clock)
        self.cooldowns = PoolCooldowns(
            2.0, 300.0, self.clock, Random(1), self.delays if has_delays else None
        )
        self.pool = ProxyPool("test", cooldowns=self.cooldowns)
        self.strategy = PerformanceBasedStrategy(
            StrategyConfig(warmup_proxies=proxies, exploration=0.05), rng=Random(1)
        )
        for number in range(proxies):
            self.pool.add_proxy(Proxy(f"http://p{number}:1"))
        self.bans = 0
        self.proven = 0
        self.retry_after: Callable[[Proxy, float], float] = lambda proxy, now: 0.0

    def get(self, pages: int, refuses: Callable[[Proxy, float], bool]) -> float:
        """Crawl; return the seconds that it took."""
        began = self.clock.now
        to_get: deque[list[Incident]] = deque([] for _ in range(pages))
        under_way: list[tuple[float, int, Proxy, float, list[Incident], bool]] = []
        number = 0
        while to_get or under_way:
            while to_get and len(under_way) < 16:
                try:
                    proxy = self.strategy.select(self.pool, SelectionContext(domain=SITE))
                except ProxyPoolEmptyError:
                    break
                now, number = self.clock.now, number + 1
                is_ban = refuses(proxy, now)
                heappush(under_way, (now + LATENCY, number, proxy, now, to_get.popleft(), is_ban))
            if not under_way or under_way[0][0] > self.clock.now + 0.01:
                self.clock.now += 0.01
                continue
            self.clock.now, _, proxy, started, before, is_ban = heappop(under_way)
            incident = self.strategy.record_result(
                proxy,
                not is_ban,
                100.0,
                banned=is_ban,
                domain=SITE,
                started=started,
                retry_after=self.retry_after(proxy, self.clock.now) if is_ban else 0.0,
            )
            if incident is None:
                self.proven += self.cooldowns.came(proxy, SITE, before) > 0.0
            else:
                self.bans += 1
                incident.began, incident.is_ban = started, True
                to_get.appendleft([*before, incident])
        return self.clock.now - began


@pytest.mark.parametrize("ban_seconds", [3.0, 60.0])
def test_proxies_ask_a_site_as_often_as_it_takes(ban_seconds: float) -> None:
    crawl = Crawl()
    limit = Limit(5, ban_seconds)

    crawl.get(3000, limit)
    bans_before = crawl.bans
    seconds = crawl.get(2000, limit)

    assert 0.15 < crawl.delays.delay(SITE) < 0.4
    assert crawl.bans - bans_before < 200
    assert crawl.proven == 1
    without = Crawl(has_delays=False)
    assert without.get(2000, Limit(5, ban_seconds)) > 2.0 * seconds
    assert without.bans > 2000


@pytest.mark.parametrize(("proxies", "share"), [(1, 0.05), (1, 0.3), (3, 0.6), (10, 0.3)])
def test_a_site_that_refuses_at_random_is_asked_as_often_as_ever(
    proxies: int, share: float
) -> None:
    times = []
    for has_delays in (True, False):
        crawl = Crawl(proxies, has_delays)
        rng = Random(1)

        def refuses(_: Proxy, now: float, rng: Random = rng) -> bool:
            return rng.random() < share

        times.append(crawl.get(3000, refuses))
        assert crawl.proven == 0

    assert times[0] < 1.3 * times[1]


def test_one_outage_is_no_limit() -> None:
    crawl = Crawl()

    began = crawl.clock.now
    crawl.get(1000, lambda _, now: 2.0 <= now - began < 12.0)

    assert crawl.bans > 0
    assert crawl.delays.is_idle


def test_a_site_that_takes_more_than_it_did_is_asked_more_often() -> None:
    crawl = Crawl()
    crawl.get(3000, Limit(5))
    assert crawl.delays.delay(SITE) > 0.15

    crawl.get(6000, Limit(40))

    assert crawl.delays.delay(SITE) < 0.1


@pytest.fixture
def a_limited_crawl() -> Crawl:
    crawl = Crawl(3)
    crawl.get(300, Limit(2))
    assert crawl.delays.delay(SITE) > 0.0
    crawl.clock.now += 1000.0
    return crawl


def test_who_has_asked_waits_and_is_waited_for(a_limited_crawl: Crawl) -> None:
    crawl = a_limited_crawl
    context = SelectionContext(domain=SITE)
    delay = crawl.delays.delay(SITE)

    selected = {crawl.strategy.select(crawl.pool, context) for _ in range(3)}

    assert len(selected) == 3
    with pytest.raises(ProxyPoolEmptyError):
        crawl.strategy.select(crawl.pool, context)
    assert crawl.pool.has_busy(SITE)
    assert not crawl.pool.has_busy("b.example")
    assert crawl.pool.next_free() == pytest.approx(delay)
    crawl.strategy.select(crawl.pool, SelectionContext(domain="b.example"))
    crawl.clock.now += delay
    assert crawl.pool.next_free() == inf
    assert not crawl.pool.has_busy(SITE)
    assert crawl.strategy.select(crawl.pool, context) in selected


def test_a_proxy_that_leaves_is_not_waited_for(a_limited_crawl: Crawl) -> None:
    crawl = a_limited_crawl
    proxy = crawl.strategy.select(crawl.pool, SelectionContext(domain=SITE))
    assert crawl.pool.has_busy(SITE)

    crawl.pool.remove_proxy(proxy)

    assert not crawl.pool.has_busy(SITE)
    crawl.clock.passes(1000.0)
    assert crawl.pool.next_free() == inf


def test_the_domains_that_are_known_are_bounded(a_limited_crawl: Crawl) -> None:
    crawl = a_limited_crawl
    proxy, *_ = crawl.pool

    for number in range(100):
        crawl.delays.served(proxy, f"{number}.example")

    assert len(crawl.delays._sites) == 64
    assert crawl.delays.is_idle
    assert crawl.delays.delay(SITE) == 0.0


def test_a_ban_before_anything_has_come_says_nothing() -> None:
    delays = LearnedDelays(Clock())

    delays.was_dry(SITE, 1.0)
    delays.learn_from(Incident(Proxy("http://p1:1"), SITE, began=1.0))

    assert delays.is_idle


def test_of_a_domain_so_many_proxies_are_known() -> None:
    delays = LearnedDelays(Clock())

    for number in range(5000):
        delays.served(Proxy(f"http://p{number}:1"), SITE)

    assert len(delays._sites[SITE].used) == len(delays._sites[SITE].working) == 4096


def test_bans_count_when_they_come(a_limited_crawl: Crawl) -> None:
    delays = LearnedDelays(a_limited_crawl.clock)
    proxy, *_ = a_limited_crawl.pool
    delays.count_ban(SITE, None)  # nothing has come: there is nothing to count for
    delays.served(proxy, SITE)
    began = a_limited_crawl.clock.now

    for started in (began - 1.0, began, began + 1.0, None):
        delays.count_ban(SITE, started)

    assert delays._sites[SITE].bans == 2


def test_a_ban_of_before_a_proxy_worked_with_the_delay_does_not_make_it_longer(
    a_limited_crawl: Crawl,
) -> None:
    crawl = a_limited_crawl
    proxy, *_ = crawl.pool
    site = crawl.delays._sites[SITE]
    delay, site.longest = site.delay, 300.0
    site.working.clear()
    began = crawl.clock.now
    crawl.clock.passes(1.0)
    crawl.delays.served(proxy, SITE)

    crawl.delays.learn_from(Incident(proxy, SITE, began=began))
    assert site.delay == delay
    crawl.clock.passes(1.0)
    crawl.delays.learn_from(Incident(proxy, SITE, began=crawl.clock.now))

    assert site.delay > delay


def test_what_a_ban_has_cost_is_counted_from_when_it_was(a_limited_crawl: Crawl) -> None:
    crawl = a_limited_crawl
    site = crawl.delays._sites[SITE]
    site.longest = 300.0
    began = crawl.clock.now
    proxy, *_ = crawl.pool
    site.working[proxy.id] = began - 1.0
    crawl.clock.passes(7.0)

    crawl.delays.learn_from(Incident(proxy, SITE, began=began))
    for one in crawl.pool:
        crawl.clock.passes(1.0)
        crawl.delays.served(one, SITE)

    assert site.lost == 10.0


def test_where_all_are_banned_none_is_tried_before_its_delay_is_over(
    a_limited_crawl: Crawl,
) -> None:
    crawl = a_limited_crawl
    context = SelectionContext(domain=SITE)
    for proxy in [crawl.strategy.select(crawl.pool, context) for _ in range(3)]:
        crawl.strategy.record_result(
            proxy, False, banned=True, domain=SITE, started=crawl.clock.now
        )

    with pytest.raises(ProxyPoolEmptyError):
        crawl.strategy.select(crawl.pool, context)
    crawl.clock.passes(crawl.delays.delay(SITE) + 0.001)

    assert crawl.strategy.select(crawl.pool, context)


def test_bans_of_a_length_that_is_told_are_known_to_be_for_asking_too_often() -> None:
    crawl = Crawl()
    limit = Limit(5, 3.0)
    crawl.retry_after = lambda proxy, now: limit.banned_until[proxy] - now

    crawl.get(3000, limit)
    bans_before = crawl.bans
    seconds = crawl.get(2000, limit)

    assert crawl.proven == 1
    assert crawl.bans - bans_before < 100
    without = Crawl(has_delays=False)
    without.retry_after = crawl.retry_after
    assert without.get(2000, limit) > 1.5 * seconds
