from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapy_proxywhirl import HealthStatus, PoolCooldowns, Proxy, ProxyPool
from scrapy_proxywhirl.core import Incident, Incidents
from tests.core.test_cooldown import Clock, FullRests

SITE, OTHER = "a.example", "b.example"

PROXY = Proxy("http://elsewhere:1")


def a_pool(clock: Clock) -> ProxyPool:
    pool = ProxyPool("test", cooldowns=PoolCooldowns(2.0, 60.0, clock, FullRests()))
    for number in range(3):
        pool.add_proxy(proxy := Proxy(f"http://p{number}:1"))
        for _ in range(3):
            proxy.complete_request(True, 100.0, domain=SITE)
    return pool


@given(
    before=st.lists(st.floats(1.0, 1000.0), min_size=1, max_size=5),
    after=st.lists(st.floats(1.0, 1000.0), max_size=10),
    alpha=st.floats(0.01, 0.99),
)
def test_an_ema_is_what_it_would_be_without_the_failure_that_is_taken_back(
    before: list[float], after: list[float], alpha: float
) -> None:
    blamed, other = Proxy("http://p1:1"), Proxy("http://p2:1")
    for time in before:
        blamed.complete_request(True, time, alpha=alpha)
        other.complete_request(True, time, alpha=alpha)

    incident = blamed.complete_request(False, 5000.0, alpha=alpha)
    for time in after:
        blamed.complete_request(True, time, alpha=alpha)
        other.complete_request(True, time, alpha=alpha)
    assert incident is not None
    blamed.take_back(incident)

    assert blamed.ema_response_time_ms == pytest.approx(other.ema_response_time_ms, rel=1e-6)


def test_what_a_failure_did_is_taken_back() -> None:
    clock = Clock()
    pool = a_pool(clock)
    first, *_ = pool

    incident = first.complete_request(False, domain=SITE)
    assert first.is_resting
    assert first.ema_response_time_ms == pytest.approx(0.2 * 400.0 + 0.8 * 100.0)
    assert first.health_status is HealthStatus.DEGRADED
    assert incident is not None
    first.take_back(incident)

    assert not first.is_resting
    assert first.ema_response_time_ms == pytest.approx(100.0)
    assert first.consecutive_failures == 0
    assert first.health_status is HealthStatus.HEALTHY


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_several_failures_are_taken_back_whatever_their_order(order: tuple[int, ...]) -> None:
    clock = Clock()
    first, *_ = a_pool(clock)
    incidents = []
    for time in (50.0, 200.0, 300.0):
        incidents.append(first.complete_request(False, domain=SITE))
        clock.passes(100.0)
        first.complete_request(True, time, domain=SITE)

    for place in order:
        incident = incidents[place]
        assert incident is not None
        first.take_back(incident)

    ema = 100.0
    for time in (50.0, 200.0, 300.0):
        ema += 0.2 * (time - ema)
    assert first.ema_response_time_ms == pytest.approx(ema)


def test_failures_in_a_row_are_taken_back_from_the_latest_on() -> None:
    clock = Clock()
    first, *_ = a_pool(clock)
    incidents = []
    for _ in range(3):
        incidents.append(first.complete_request(False, domain=SITE))
        clock.passes(100.0)
    statuses = [first.health_status]

    for incident in reversed(incidents):
        assert incident is not None
        first.take_back(incident)
        statuses.append(first.health_status)

    assert [status.value for status in statuses] == ["unhealthy", "degraded", "degraded", "healthy"]
    assert first.consecutive_failures == 0
    assert first.ema_response_time_ms == pytest.approx(100.0)


def test_an_incident_does_not_keep_all_that_came_before_it() -> None:
    clock = Clock()
    first, *_ = a_pool(clock)
    incidents = []
    for _ in range(20):
        incidents.append(first.complete_request(False, domain=SITE, started=clock.now))
        clock.passes(100.0)

    kept: set[int] = set()
    todo = [incidents[-1]]
    while todo:
        incident = todo.pop()
        assert incident is not None
        if id(incident) not in kept:
            kept.add(id(incident))
            todo += [one for rest in incident.rests for one in rest.incidents]

    assert len(kept) == 8


def test_a_later_failure_stands() -> None:
    clock = Clock()
    first, *_ = a_pool(clock)
    early = first.complete_request(False, domain=SITE)
    clock.passes(100.0)
    first.complete_request(False, domain=SITE)
    assert early is not None

    first.take_back(early)

    assert first.is_resting
    assert first.consecutive_failures == 2


def test_a_ban_is_taken_back_for_its_domain() -> None:
    clock = Clock()
    pool = a_pool(clock)
    first, *_ = pool
    cooldowns = pool.cooldowns
    assert cooldowns is not None
    ban = first.complete_request(False, banned=True, domain=SITE)
    first.complete_request(False, banned=True, domain=OTHER)
    assert ban is not None

    first.take_back(ban)

    assert not cooldowns.wake(SITE)
    assert set(cooldowns.wake(OTHER)) == {first.id}
    for domain in ("c.example", "d.example"):  # two with the one that stands, and then three
        assert not first.is_resting
        first.complete_request(False, banned=True, domain=domain)
    assert first.is_resting


def test_a_failure_before_anything_was_known_leaves_nothing_known() -> None:
    clock = Clock()
    pool = a_pool(clock)
    pool.add_proxy(new := Proxy("http://new:1"))
    incident = new.complete_request(False, domain=SITE)
    assert new.ema_response_time_ms == 400.0
    assert incident is not None

    new.take_back(incident)

    assert new.ema_response_time_ms is None
    assert new.health_status is HealthStatus.UNKNOWN


def test_a_failure_before_anything_was_known_fades_once_something_is() -> None:
    clock = Clock()
    pool = a_pool(clock)
    pool.add_proxy(new := Proxy("http://new:1"))
    incident = new.complete_request(False, domain=SITE)
    new.complete_request(True, 100.0, domain=SITE)
    assert incident is not None

    new.take_back(incident)

    assert new.ema_response_time_ms == pytest.approx(0.2 * 100.0 + 0.8 * 400.0)


def test_an_ema_that_was_set_by_hand_to_none_stays_none() -> None:
    first, *_ = a_pool(Clock())
    incident = first.complete_request(False, domain=SITE)
    first.ema_response_time_ms = None
    assert incident is not None

    first.take_back(incident)

    assert first.ema_response_time_ms is None


def test_what_is_taken_back_of_a_proxy_that_has_left_its_pool_does_no_harm() -> None:
    clock = Clock()
    pool = a_pool(clock)
    first, *_ = pool
    incident = first.complete_request(False, domain=SITE)
    assert incident is not None
    pool.remove_proxy(first)

    first.take_back(incident)

    assert first.ema_response_time_ms == pytest.approx(100.0)


def test_a_proxy_is_cleared_by_another_page_of_the_same_domain() -> None:
    incidents = Incidents()
    proxy, other = Proxy("http://p1:1"), Proxy("http://p2:1")
    number = incidents.add(Incident(proxy, SITE))
    (incident,) = incidents.get([number])

    incidents.served(other, SITE, 1.0)
    assert not incidents.count_cleared([incident])
    incidents.served(proxy, OTHER, 1.0)
    assert not incidents.count_cleared([incident])
    incidents.served(proxy, SITE, 1.0)

    assert incidents.count_cleared([incident])


def test_a_page_of_another_domain_clears_while_the_domain_has_given_nothing_at_all() -> None:
    incidents = Incidents()
    proxy, other = Proxy("http://p1:1"), Proxy("http://p2:1")
    number = incidents.add(Incident(proxy, SITE))
    (incident,) = incidents.get([number])

    incidents.served(proxy, OTHER, 1.0)
    assert incidents.count_cleared([incident])
    incidents.served(other, SITE, 1.0)

    assert not incidents.count_cleared([incident])


def test_a_domain_that_has_given_nothing_and_three_pages_of_which_were_to_blame_refuses_all() -> (
    None
):
    incidents = Incidents()
    (incident,) = incidents.get([incidents.add(Incident(Proxy("http://p1:1"), SITE))])
    for _ in range(2):
        incidents.lost(Incident(PROXY, SITE))
        incidents.lost(Incident(PROXY, OTHER))
    assert not incidents.count_cleared([incident])

    incidents.lost(Incident(PROXY, SITE))

    assert incidents.count_cleared([incident])
    incidents.served(Proxy("http://p2:1"), SITE, 1.0)
    assert not incidents.count_cleared([incident])


def test_what_a_site_that_refuses_everybody_comes_to_is_no_news() -> None:
    incidents = Incidents()
    for _ in range(2):
        incidents.lost(Incident(PROXY, SITE, reason="403"))
    assert not incidents.is_no_news(Incident(PROXY, SITE, reason="403"))

    incidents.lost(Incident(PROXY, SITE, reason="captcha"))

    assert incidents.is_no_news(Incident(PROXY, SITE, reason="403"))
    assert incidents.is_no_news(Incident(PROXY, SITE, reason="captcha"))
    assert not incidents.is_no_news(Incident(PROXY, SITE, reason="ResponseNeverReceived"))
    assert not incidents.is_no_news(Incident(PROXY, OTHER, reason="403"))
    incidents.served(PROXY, SITE, 1.0)
    assert not incidents.is_no_news(Incident(PROXY, SITE, reason="403"))


def test_of_a_site_so_many_reasons_are_known() -> None:
    incidents = Incidents()

    for number in range(100):
        incidents.lost(Incident(PROXY, SITE, reason=str(number)))

    assert len(incidents._sites[SITE].reasons) == 16


def test_what_came_before_clears_nothing() -> None:
    incidents = Incidents()
    proxy = Proxy("http://p1:1")
    incidents.served(proxy, SITE, 1.0)

    (incident,) = incidents.get([incidents.add(Incident(proxy, SITE))])

    assert not incidents.count_cleared([incident])


def test_what_was_asked_for_before_clears_nothing() -> None:
    incidents = Incidents()
    proxy = Proxy("http://p1:1")
    (incident,) = incidents.get([incidents.add(Incident(proxy, SITE, began=2.0))])

    incidents.served(proxy, SITE, 1.0)
    assert not incidents.count_cleared([incident])
    incidents.served(proxy, SITE, 3.0)

    assert incidents.count_cleared([incident]) == 1


class Refusals:
    """Pages of one site, each of which three proxies refuse one after another."""

    def __init__(self) -> None:
        self.incidents = Incidents()
        self.proxies = [Proxy(f"http://p{number}:1") for number in range(3)]
        self.now = 0.0

    def of_a_page(self) -> list[Incident]:
        numbers = []
        for proxy in self.proxies:
            self.now += 1.0
            numbers.append(self.incidents.add(Incident(proxy, SITE, began=self.now)))
        return self.incidents.get(numbers)

    def give(self, *proxies: Proxy) -> None:
        """Let other pages come."""
        self.now += 1.0
        for proxy in proxies:
            self.incidents.served(proxy, SITE, self.now)


def test_a_page_is_at_fault_that_three_proxies_refuse_which_work() -> None:
    site = Refusals()
    refused = site.of_a_page()

    site.give(*site.proxies[:2])
    assert not site.incidents.is_at_fault(refused)
    assert not site.incidents.is_at_fault(refused[:2])
    site.give(*site.proxies)

    assert site.incidents.is_at_fault(refused)
    assert not site.incidents.is_at_fault(refused[:2])


def test_where_pages_have_come_that_were_refused_as_often_none_is_at_fault_for_that() -> None:
    site = Refusals()
    refused = site.of_a_page()
    site.give(*site.proxies)

    site.incidents.came_after_all(SITE)
    for _ in range(4):
        assert not site.incidents.is_at_fault(refused)
        site.incidents.lost(Incident(PROXY, SITE))
    assert not site.incidents.is_at_fault(refused)
    site.incidents.lost(Incident(PROXY, SITE))

    assert site.incidents.is_at_fault(refused)


def test_after_an_outage_that_many_pages_have_survived_some_are_at_fault_again() -> None:
    site = Refusals()
    refused = site.of_a_page()
    site.give(*site.proxies)

    for _ in range(1000):
        site.incidents.came_after_all(SITE)
    assert not site.incidents.is_at_fault(refused)
    for _ in range(150):
        site.incidents.lost(Incident(PROXY, SITE))

    assert site.incidents.is_at_fault(refused)


def test_where_none_has_come_it_is_enough_that_the_site_has_given_others() -> None:
    site = Refusals()
    for _ in range(2):
        site.incidents.lost(Incident(PROXY, SITE))
    before = site.of_a_page()
    site.give(site.proxies[0])
    assert not site.incidents.is_at_fault(before)

    site.incidents.lost(Incident(PROXY, SITE))

    assert site.incidents.is_at_fault(before)
    assert not site.incidents.is_at_fault(site.of_a_page())  # nothing has come since: an outage?
    site.incidents.came_after_all(SITE)
    assert not site.incidents.is_at_fault(before)


def test_the_incidents_that_are_kept_are_the_latest() -> None:
    incidents = Incidents()
    proxy = Proxy("http://p1:1")
    numbers = [incidents.add(Incident(proxy, SITE)) for _ in range(5000)]

    assert len(incidents.get(numbers)) == 4096
    assert incidents.get(numbers[:-4096]) == []
    incidents.discard(numbers)
    assert incidents.get(numbers) == []
    assert not incidents._of_proxy


def test_numbers_of_another_run_are_not_found() -> None:
    proxy = Proxy("http://p1:1")
    one, another = Incidents(), Incidents()

    number = one.add(Incident(proxy, SITE))
    another.add(Incident(proxy, SITE))

    assert another.get([number]) == []


def test_the_domains_that_are_known_are_bounded() -> None:
    incidents = Incidents()
    proxy = Proxy("http://p1:1")
    for number in range(65_540):
        incidents.served(proxy, f"{number}.example", 1.0)

    assert len(incidents._sites) == 65_536
