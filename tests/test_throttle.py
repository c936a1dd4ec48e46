"""Which pages are to wait for those of other sites."""

from __future__ import annotations

import pytest

from scrapy_proxywhirl.core import Incident, Incidents, Proxy
from scrapy_proxywhirl.throttle import Throttle


class Sites:
    """A site that refuses everybody, others, and a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.incidents = Incidents()
        self.throttle = Throttle(self.incidents, lambda: self.now)
        self.refuse("refuses.example")

    def refuse(self, domain: str) -> None:
        for _ in range(3):
            self.incidents.lost(Incident(Proxy("http://p1:1"), domain))

    def holds_back(self) -> bool:
        return self.throttle.holds_back("refuses.example")


@pytest.fixture
def sites() -> Sites:
    return Sites()


def test_a_site_that_refuses_everybody_has_one_request_a_second_while_others_are_served(
    sites: Sites,
) -> None:
    sites.throttle.started("serves.example")

    assert not sites.holds_back()
    sites.throttle.started("refuses.example")
    assert sites.holds_back()
    sites.throttle.ended("refuses.example")
    sites.now += 0.9
    assert sites.holds_back()
    sites.now += 0.2
    assert not sites.holds_back()
    assert not sites.throttle.holds_back("serves.example")


def test_it_has_but_one_at_a_time_however_long_that_takes(sites: Sites) -> None:
    sites.throttle.started("serves.example")
    sites.throttle.started("refuses.example")
    sites.now += 60

    assert sites.holds_back()


def test_nothing_is_held_back_for_its_own_or_for_others_that_refuse(sites: Sites) -> None:
    sites.refuse("refuses-too.example")

    for domain in ["refuses.example", "refuses.example", "refuses-too.example"]:
        sites.throttle.started(domain)
        assert not sites.holds_back()


def test_it_is_over_when_others_are_through(sites: Sites) -> None:
    for domain in ["serves.example", "serves.example", "refuses.example"]:
        sites.throttle.started(domain)

    sites.throttle.ended("serves.example")
    assert sites.holds_back()
    sites.throttle.ended("serves.example")
    sites.now += 0.3
    assert not sites.holds_back()


def test_others_are_not_through_as_soon_as_nothing_of_theirs_is_under_way(sites: Sites) -> None:
    sites.throttle.started("serves.example")
    sites.throttle.started("refuses.example")
    sites.throttle.ended("serves.example")
    sites.now += 0.2

    assert sites.holds_back()
    sites.throttle.ended("refuses.example")  # is not another's
    sites.now += 0.1
    assert not sites.holds_back()


def test_one_page_is_enough_to_end_it(sites: Sites) -> None:
    for domain in ["serves.example", "refuses.example"]:
        sites.throttle.started(domain)

    sites.incidents.served(Proxy("http://127.0.0.1:8000"), "refuses.example", 1.0)

    assert not sites.holds_back()


def test_a_site_is_told_of_once(sites: Sites, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for domain in ["serves.example", "refuses.example"]:
        sites.throttle.started(domain)

    assert sites.holds_back()
    assert sites.holds_back()

    (record,) = caplog.records
    assert record.getMessage() == (
        "refuses.example refuses every proxy: while other sites are served it is sent one request a"
        " second"
    )
