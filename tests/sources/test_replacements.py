from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_proxywhirl import PoolCooldowns, Proxy, ProxyPool
from scrapy_proxywhirl.outcomes import Outcome
from scrapy_proxywhirl.sources import replacements
from scrapy_proxywhirl.sources.listing import Listing
from scrapy_proxywhirl.sources.local import ListSource
from scrapy_proxywhirl.sources.replacements import Replacements
from scrapy_proxywhirl.sources.roster import Roster

if TYPE_CHECKING:
    import pytest

PAUSE = 2.0


class World:
    """Ten sessions of a gateway, one other proxy, and a clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pool = ProxyPool(cooldowns=PoolCooldowns(PAUSE, 300.0, self.clock))
        source = ListSource("list", [])
        self.roster = Roster(self.pool, [source])
        self.is_working = False
        listing = Listing("list", self.pool, self.roster.gateways, lambda proxy: None, 0.0)
        gateway = {"url": "http://user-{session}:secret@gate:1", "sessions": 10}
        for _ in listing.read(iter([("[0]", gateway), ("[1]", "other:1")])):
            pass
        for _ in self.roster.take_in(source, listing):
            pass
        *self.sessions, self.other = self.pool
        self.replacements = Replacements(self, self.pool, PAUSE, self.clock)  # type: ignore[arg-type]

    def clock(self) -> float:
        return self.now

    def ban(self, proxy: Proxy, domain: str = "a.example") -> None:
        self._end(proxy, domain, Outcome.BAN)

    def serve(self, proxy: Proxy, domain: str = "a.example") -> None:
        self._end(proxy, domain, Outcome.SUCCESS)

    def _end(self, proxy: Proxy, domain: str, outcome: Outcome) -> None:
        proxy.start_request()
        proxy.complete_request(
            outcome is Outcome.SUCCESS,
            100.0 if outcome is Outcome.SUCCESS else None,
            banned=outcome is Outcome.BAN,
            domain=domain,
        )
        self.replacements.ended(proxy, domain, outcome)

    @property
    def left(self) -> list[int]:
        return [place for place, one in enumerate(self.sessions) if one not in self.pool]


def test_a_session_that_stays_banned_is_replaced_when_its_site_serves_another() -> None:
    world = World()
    world.ban(world.sessions[0])

    world.now += PAUSE - 0.1
    world.serve(world.other)
    assert world.left == []
    world.now += 0.1
    world.serve(world.other, "b.example")
    assert world.left == []
    world.serve(world.other)

    assert world.left == [0]
    assert len(world.pool) == 11


def test_one_that_the_site_has_taken_again_stays() -> None:
    world = World()
    world.ban(world.sessions[0])
    world.now += PAUSE
    world.serve(world.sessions[0])
    world.now += PAUSE
    world.serve(world.other)

    assert world.left == []


def test_one_whose_ban_was_taken_back_stays() -> None:
    world = World()
    session = world.sessions[0]
    session.start_request()
    incident = session.complete_request(False, banned=True, domain="a.example")
    assert incident
    world.replacements.ended(session, "a.example", Outcome.BAN)

    session.take_back(incident)
    world.now += PAUSE
    world.serve(world.other)

    assert world.left == []


def test_where_a_site_serves_nobody_one_is_replaced_in_each_pause() -> None:
    world = World()
    for session in world.sessions:
        world.ban(session)
    assert world.left == []

    for step in range(1, 5):
        world.now += PAUSE
        world.ban(world.other)  # which is no session
        world.ban(world.sessions[9])
        world.ban(world.sessions[9])
        assert len(world.left) == step
        world.now += PAUSE / 2
        world.ban(world.sessions[9])
        assert len(world.left) == step


def test_what_is_no_session_is_not_replaced() -> None:
    world = World()
    world.ban(world.other)
    world.now += PAUSE
    world.serve(world.sessions[0])

    assert world.other in world.pool


def test_none_is_replaced_while_sources_are_being_read() -> None:
    world = World()
    world.ban(world.sessions[0])
    world.now += PAUSE
    world.is_working = True
    world.serve(world.other)
    assert world.left == []

    world.is_working = False
    world.serve(world.other)

    assert world.left == [0]


def test_one_that_has_left_meanwhile_is_not_replaced() -> None:
    world = World()
    world.ban(world.sessions[0])
    world.pool.remove_proxy(world.sessions[0])
    world.now += PAUSE
    world.serve(world.other)

    assert len(world.pool) == 10


def test_bans_are_known_of_so_many_domains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replacements, "_DOMAINS", 2)
    world = World()
    for place in range(3):
        world.ban(world.sessions[place], f"{place}.example")

    world.now += PAUSE
    for place in range(3):
        world.serve(world.other, f"{place}.example")

    assert world.left == [1, 2]


def test_a_failure_is_no_ban() -> None:
    world = World()
    world.replacements.ended(world.sessions[0], "a.example", Outcome.FAILURE)
    world.replacements.ended(world.sessions[0], None, Outcome.BAN)
    world.now += PAUSE
    world.serve(world.other)

    assert world.left == []
