from __future__ import annotations

import sys
from math import inf, nan

import pytest

from scrapy_proxywhirl import PoolSessions
from tests.core.test_cooldown import Clock


def test_a_session_stays_until_it_was_idle_for_long() -> None:
    clock = Clock()
    sessions = PoolSessions(10.0, clock)
    sessions.keep("a", "p1")

    clock.passes(10.0)
    assert sessions.proxy_id("a") == "p1"
    clock.passes(0.1)
    assert sessions.proxy_id("a") is None
    assert sessions.proxy_id("b") is None


def test_idle_sessions_are_forgotten() -> None:
    clock = Clock()
    sessions = PoolSessions(10.0, clock)
    for number in range(100):
        sessions.keep(number, "p1")
        clock.passes(1.0)

    assert len(sessions) == 11


def test_of_too_many_the_one_that_is_idle_longest_is_forgotten() -> None:
    sessions = PoolSessions(300.0, Clock(), most=3)
    for name in "abc":
        sessions.keep(name, name)
    sessions.keep("a", "another")

    sessions.keep("d", "d")

    assert [sessions.proxy_id(name) for name in "abcd"] == ["another", None, "c", "d"]


def test_a_million_sessions_do_not_eat_the_memory() -> None:
    clock = Clock()
    sessions = PoolSessions(1e9, clock)
    for number in range(1_000_000):
        sessions.keep(f"session {number}", "0123456789abcdef")

    assert len(sessions) == 65_536
    size = sys.getsizeof(sessions._sessions)
    for key, value in sessions._sessions.items():
        size += sys.getsizeof(key) + sys.getsizeof(value) + sys.getsizeof(value[1])
    assert size < 25e6


@pytest.mark.parametrize(("idle", "most"), [(-1.0, 1), (inf, 1), (nan, 1), (1.0, 0)])
def test_a_bad_figure_is_an_error(idle: float, most: int) -> None:
    with pytest.raises(ValueError, match=r"idle is .* and most"):
        PoolSessions(idle, Clock(), most)
