"""Sites that say, with a ban, for how long it is."""

from __future__ import annotations

import pytest

from scrapy_proxywhirl import Proxy, ProxyPoolEmptyError
from scrapy_proxywhirl.core import PoolCooldowns
from tests.core.test_cooldown import OTHER, SITE, Crawl, all_rest


def cooldowns_of(crawl: Crawl) -> PoolCooldowns:
    assert crawl.pool.cooldowns is not None
    return crawl.pool.cooldowns


def rests(crawl: Crawl, proxy: Proxy, domain: str | None = SITE) -> bool:
    resting = cooldowns_of(crawl).wake(domain)
    return proxy.id in resting or proxy.is_resting


def left(crawl: Crawl, proxy: Proxy, domain: str | None = SITE) -> float:
    """Return the seconds for which *proxy* is to rest."""
    rest = cooldowns_of(crawl).rest_of(proxy, domain)
    assert rest is not None
    return rest.until - crawl.clock.now


def ban_all(crawl: Crawl) -> None:
    """Let a site ban all for 50 s, as it says; see that there is none."""
    for proxy in crawl.pool:
        crawl.ban(proxy, retry_after=50.0)
    with pytest.raises(ProxyPoolEmptyError):
        crawl.select()


@pytest.mark.parametrize(
    ("told", "seconds"), [(30.0, 30.0), (1.0, 2.0), (3600.0, 60.0), (1e300, 60.0)]
)
def test_a_proxy_rests_for_as_long_as_a_site_says(told: float, seconds: float) -> None:
    crawl = Crawl(2)
    first, second = crawl.pool

    crawl.ban(first, retry_after=told)

    assert left(crawl, first) == pytest.approx(seconds)
    crawl.clock.passes(seconds - 0.1)
    assert {crawl.select() for _ in range(10)} == {second}
    assert first in {crawl.select(OTHER) for _ in range(20)}
    assert not first.is_resting
    crawl.clock.passes(0.2)
    assert not rests(crawl, first)


def test_where_it_bans_again_after_that_the_rest_is_no_shorter_than_others() -> None:
    crawl = Crawl(2)
    first, _ = crawl.pool

    for longer in (3.0, 4.0, 8.0, 16.0):
        crawl.ban(first, retry_after=3.0)
        assert left(crawl, first) == pytest.approx(longer)
        crawl.clock.passes(longer + 0.1)
        assert not rests(crawl, first)


def test_where_all_are_to_rest_one_is_seldom_tried_before() -> None:
    crawl = Crawl(2)
    began = crawl.clock.now
    ban_all(crawl)

    times = []
    while crawl.clock.now < began + 45.0:
        try:
            proxy = crawl.select()
        except ProxyPoolEmptyError:
            crawl.clock.passes(0.01)
        else:
            crawl.end(proxy, False, banned=True)
            times.append(crawl.clock.now - began)

    assert times == pytest.approx([2.0, 4.0, 8.0, 16.0, 32.0], abs=0.3)


def test_one_that_may_ask_again_does_not_bring_back_those_that_may_not() -> None:
    crawl = Crawl(4)
    first, second, third, failed = crawl.pool
    crawl.ban(first, retry_after=5.0)
    crawl.ban(second, retry_after=20.0)
    crawl.ban(third)
    crawl.fail(failed)
    crawl.clock.passes(1.0)
    all_rest(crawl)
    crawl.clock.passes(4.1)

    first.start_request()
    crawl.end(first, True)

    assert [rests(crawl, proxy) for proxy in crawl.pool] == [False, True, False, False]
    crawl.clock.passes(15.0)
    assert not rests(crawl, second)


def test_a_site_that_takes_a_proxy_clearly_earlier_is_not_listened_to_any_more() -> None:
    crawl = Crawl(3)
    first, second, third = crawl.pool
    ban_all(crawl)
    crawl.ban(third, OTHER, retry_after=50.0)
    crawl.clock.passes(3.0)

    crawl.end(tried := crawl.select(), True)

    assert tried is first
    assert not any(rests(crawl, proxy) for proxy in crawl.pool)
    crawl.ban(second, retry_after=50.0)
    assert left(crawl, second) == pytest.approx(2.0)
    crawl.ban(second, OTHER, retry_after=50.0)
    assert left(crawl, second, OTHER) == pytest.approx(50.0)


def test_a_site_that_takes_it_a_little_earlier_tells_the_truth() -> None:
    crawl = Crawl(2)
    first, second = crawl.pool
    ban_all(crawl)
    crawl.clock.passes(30.0)

    crawl.end(crawl.select(), True)

    assert not rests(crawl, first)
    assert rests(crawl, second)
    crawl.ban(first, retry_after=50.0)
    assert left(crawl, first) == pytest.approx(50.0)


def test_what_was_under_way_by_then_says_nothing_of_it() -> None:
    crawl = Crawl(2)
    first, _ = crawl.pool
    earlier = crawl.clock.now
    first.start_request()
    crawl.clock.passes(0.1)
    later = crawl.clock.now
    first.start_request()
    crawl.clock.passes(0.5)

    crawl.end(first, False, banned=True, started=earlier, retry_after=30.0)
    crawl.end(first, True, started=later)

    assert left(crawl, first) == pytest.approx(30.0)
    crawl.clock.passes(31.0)
    crawl.ban(first, retry_after=30.0)
    assert left(crawl, first) == pytest.approx(30.0)


def test_what_it_says_later_counts_too() -> None:
    crawl = Crawl(2)
    first, _ = crawl.pool
    started = crawl.clock.now
    for _ in range(3):
        first.start_request()
    crawl.ban(first, retry_after=10.0)
    crawl.clock.passes(4.0)

    crawl.end(first, False, banned=True, started=started, retry_after=10.0)
    assert left(crawl, first) == pytest.approx(10.0)
    crawl.end(first, False, banned=True, started=started, retry_after=5.0)
    assert left(crawl, first) == pytest.approx(10.0)

    crawl.clock.passes(9.0)
    assert rests(crawl, first)
    crawl.clock.passes(1.1)
    assert not rests(crawl, first)
    crawl.end(first, False, banned=True, started=started, retry_after=10.0)
    assert rests(crawl, first)


def test_a_site_has_no_say_in_how_long_others_do_without_a_proxy() -> None:
    crawl = Crawl(2)
    first, _ = crawl.pool

    for domain in (SITE, OTHER, "c.example"):
        crawl.ban(first, domain, retry_after=50.0)

    assert left(crawl, first, "c.example") == pytest.approx(50.0)
    assert left(crawl, first, None) == pytest.approx(2.0)


def test_it_is_known_where_a_site_has_said_when_it_takes_a_proxy_again() -> None:
    crawl = Crawl(2)
    first, second = crawl.pool
    crawl.ban(first)
    assert not crawl.pool.has_told(SITE)

    crawl.ban(second, retry_after=20.0)

    assert crawl.pool.has_told(SITE)
    assert not crawl.pool.has_told(OTHER)
    crawl.clock.passes(20.1)
    crawl.ban(second, retry_after=20.0)
    assert not crawl.pool.has_told(SITE)  # it may say so for ever


def test_the_sites_that_are_not_listened_to_are_bounded() -> None:
    crawl = Crawl(1)
    (first,) = crawl.pool
    for number in range(1030):
        domain = f"{number}.example"
        crawl.ban(first, domain, retry_after=50.0)
        crawl.clock.passes(0.1)
        first.start_request()
        crawl.end(first, True, domain)

    assert list(cooldowns_of(crawl)._doubted) == [f"{number}.example" for number in range(6, 1030)]
