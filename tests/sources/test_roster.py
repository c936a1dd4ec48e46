from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

import pytest

from scrapy_proxywhirl import InvalidProxyError, Proxy, ProxyPool
from scrapy_proxywhirl.sources.entries import read_entry
from scrapy_proxywhirl.sources.gateway import Gateway
from scrapy_proxywhirl.sources.listing import Listing
from scrapy_proxywhirl.sources.local import ListSource
from scrapy_proxywhirl.sources.roster import Roster


class World:
    """A pool and two sources of it."""

    def __init__(self) -> None:
        self.pool = ProxyPool()
        self.sources = ListSource("one", []), ListSource("two", [])
        self.roster = Roster(self.pool, self.sources)

    def listing(self, entries: Iterable[Any], now: float = 0.0) -> Listing:
        listing = Listing("list", self.pool, self.roster.gateways, refuse_socks, now)
        for _ in listing.read((f"[{place}]", entry) for place, entry in enumerate(entries)):
            pass
        return listing

    def have(self, *entries: Any, source: int = 0) -> int:
        """Let a source have these, and return how many proxies have left."""
        return finish(self.roster.take_in(self.sources[source], self.listing(entries)))

    @property
    def labels(self) -> set[str]:
        return {proxy.label for proxy in self.pool}


def finish(steps: Any) -> int:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return int(stop.value)


def refuse_socks(proxy: Proxy) -> None:
    if proxy.scheme.startswith("socks"):
        raise InvalidProxyError("none of these")


GATEWAY = {"url": "http://user-{session}:secret@gate:1", "sessions": 5}


def test_a_listing_tells_what_is_wrong_in_its_place_and_reads_on() -> None:
    listing = World().listing(["a:1", "b", InvalidProxyError("no text"), "socks5://c:1", "d:1"])

    assert [proxy.label for proxy in listing.joining] == ["a:1", "d:1"]
    assert listing.wrong == 3
    assert listing.report().splitlines() == [
        "list[1]: 'b' has no port; write host:port, or a scheme before it",
        "list[2]: no text",
        "list[3]: none of these",
    ]


def test_a_listing_tells_of_twenty_that_are_wrong_and_how_many_more_there_are() -> None:
    listing = World().listing(["b"] * 100)

    assert listing.wrong == 100
    assert len(listing.report().splitlines()) == 21
    assert listing.report().endswith("\nand 80 more")


def test_a_listing_leaves_out_what_comes_twice_or_has_expired() -> None:
    listing = World().listing(
        ["a:1", "http://a:1", {"url": "b:1", "expires": 7}, {"url": "c:1", "expires": 8}], now=7.0
    )

    assert [proxy.label for proxy in listing.joining] == ["a:1", "c:1"]
    assert (listing.repeated, listing.expired, listing.wrong) == (1, 1, 0)


def test_a_listing_passes_over_fields_that_mean_nothing_here() -> None:
    listing = World().listing([{"url": "a:1", "id": 7, "valid": True}, {"url": "b:1", "id": 8}])

    assert len(listing.joining) == 2
    assert listing.ignored == {"id", "valid"}


def test_what_is_new_joins_what_is_gone_leaves_and_what_stays_is_the_same() -> None:
    world = World()
    world.have("a:1", "b:1", "c:1")
    stays = world.pool.find_proxy("b:1")

    left = world.have("b:1", "d:1")

    assert left == 2
    assert world.labels == {"b:1", "d:1"}
    assert world.pool.find_proxy("b:1") is stays


def test_the_pool_is_never_empty_in_between() -> None:
    world = World()
    world.have("a:1")
    steps = world.roster.take_in(world.sources[0], world.listing(["b:1", "c:1"]))

    sizes = [len(world.pool) for _ in steps]

    assert sizes == [2, 1, 2]
    assert world.labels == {"b:1", "c:1"}


def test_what_two_sources_have_stays_until_neither_has_it() -> None:
    world = World()
    world.have("a:1", "b:1")
    world.have("b:1", "c:1", source=1)

    world.have("a:1")
    assert world.labels == {"a:1", "b:1", "c:1"}
    world.have("c:1", source=1)
    assert world.labels == {"a:1", "c:1"}


def test_what_the_first_source_says_of_a_proxy_goes() -> None:
    world = World()
    world.have({"url": "a:1", "country": "DE"})
    world.have({"url": "a:1", "country": "FR"}, source=1)
    (proxy,) = world.pool
    assert proxy.country == "DE"

    world.have({"url": "a:1", "country": "IT"})

    assert proxy.country == "IT"


def test_a_description_that_changes_keeps_what_was_learned_and_what_is_in_flight() -> None:
    world = World()
    world.have({"url": "a:1", "label": "x"}, {"url": "user:pw@a:1", "label": "x"})
    proxy, other = world.pool
    proxy.complete_request(True, 100.0)
    proxy.start_request()
    label = proxy.label

    world.have({"url": "a:1", "label": "x", "tags": ["new"]}, {"url": "user:pw@a:1", "label": "x"})

    assert proxy in world.pool
    assert (proxy.label, proxy.tags) == (label, ("new",))
    assert world.pool.find_proxy(label) is proxy
    assert (proxy.ema_response_time_ms, proxy.requests_active) == (100.0, 1)
    assert other in world.pool


def test_a_label_that_changes_is_the_same_proxys() -> None:
    world = World()
    world.have({"url": "a:1", "label": "x"})
    (proxy,) = world.pool

    world.have({"url": "a:1", "label": "y"})

    assert list(world.pool) == [proxy]
    assert world.pool.find_proxy("y") is proxy
    assert world.pool.find_proxy("x") is None


def test_a_pool_that_is_told_the_same_again_does_not_change() -> None:
    world = World()
    entries = ["a:1", {"url": "a:2", "label": "x", "tags": ["t"]}, "user:pw@a:1", GATEWAY]
    world.have(*entries)
    revision = world.pool.revision

    world.have(*entries)

    assert world.pool.revision == revision


def test_a_proxy_that_expired_leaves_unless_its_time_was_put_off() -> None:
    world = World()
    world.have({"url": "a:1", "expires": 7}, {"url": "b:1", "expires": 8}, "c:1")
    world.have({"url": "a:1", "expires": 9}, {"url": "b:1", "expires": 8}, "c:1")

    assert not world.roster.has_expired(6.9)
    assert world.roster.has_expired(8.0)
    assert finish(world.roster.expire(8.0)) == 1
    assert world.labels == {"a:1", "c:1"}
    assert finish(world.roster.expire(inf)) == 1
    assert world.labels == {"c:1"}


def test_a_reload_does_not_bring_back_a_session_that_was_replaced() -> None:
    world = World()
    world.have(GATEWAY, "a:1")
    first = next(iter(world.pool))
    sessions = world.roster.sessions_with(first)
    assert sessions is not None

    world.roster.replace(first, sessions)
    fresh = set(world.pool)
    world.have(GATEWAY, "a:1")

    assert first not in world.pool
    assert set(world.pool) == fresh
    assert len(fresh) == 6


def test_what_is_no_session_is_known_for_none() -> None:
    world = World()
    world.have(GATEWAY, "a:1")
    proxy = world.pool.find_proxy("a:1")
    assert proxy

    assert world.roster.sessions_with(proxy) is None


def test_a_gateway_that_leaves_takes_its_sessions_along() -> None:
    world = World()
    world.have(GATEWAY, "a:1")

    world.have("a:1")

    assert world.labels == {"a:1"}


def test_more_sessions_join_and_fewer_leave() -> None:
    world = World()
    world.have(GATEWAY)
    before = set(world.pool)

    world.have({**GATEWAY, "sessions": 7})
    assert len(world.pool) == 7
    assert before <= set(world.pool)
    world.have({**GATEWAY, "sessions": 3})

    assert len(world.pool) == 3
    assert set(world.pool) <= before


@pytest.mark.parametrize("number", [1, 3])
def test_a_gateway_whose_sessions_cannot_be_used_is_one_entry_that_is_wrong(number: int) -> None:
    listing = World().listing([{**GATEWAY, "url": "socks5://{session}:pw@gate:1"}] * number)

    assert listing.wrong == number
    assert not listing.joining


def test_a_gateway_is_read_as_one() -> None:
    assert isinstance(read_entry(GATEWAY), Gateway)


def test_proxies_join_and_leave_by_turns() -> None:
    world = World()
    world.have("stays:1", *(f"old{n}:1" for n in range(20)))
    steps = world.roster.take_in(
        world.sources[0], world.listing(["stays:1", *(f"new{n}:1" for n in range(30))])
    )

    sizes = [len(world.pool) for _ in steps]

    assert sizes[0] == 22
    assert set(sizes[:42]) <= {21, 22, 23}
    assert sizes[-1] == 31
    assert world.labels == {"stays:1", *(f"new{n}:1" for n in range(30))}
