from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import suppress

import pytest

from scrapy_proxywhirl.sources import garbage
from scrapy_proxywhirl.sources.garbage import PoolGarbage


class Cycle:
    """Is garbage that only the collector finds."""

    alive = 0

    def __init__(self) -> None:
        self.me = self
        Cycle.alive += 1

    def __del__(self) -> None:
        Cycle.alive -= 1


@pytest.fixture(autouse=True)
def set_aside() -> Iterator[int]:
    """How many objects are set aside before: Python 3.12 has some there from the start."""
    gc.unfreeze()
    gc.collect()
    yield gc.get_freeze_count()
    gc.enable()
    gc.unfreeze()


def test_few_proxies_change_nothing(set_aside: int) -> None:
    few = PoolGarbage()

    few.joined(9_999)

    assert gc.get_freeze_count() == set_aside


def test_many_are_set_aside_until_the_crawl_is_over(set_aside: int) -> None:
    many = PoolGarbage()

    many.joined(5_000)
    many.joined(5_000)
    assert gc.get_freeze_count() > set_aside + 1_000
    many.end()

    assert gc.get_freeze_count() <= set_aside


def test_one_crawls_end_leaves_anothers_alone(set_aside: int) -> None:
    many, few = PoolGarbage(), PoolGarbage()
    many.joined(10_000)

    few.end()

    assert gc.get_freeze_count() > set_aside + 1_000


def test_garbage_is_collected_once_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(garbage, "monotonic", lambda: now[0])
    many = PoolGarbage()
    gc.disable()

    Cycle()
    many.joined(10_000)
    now[0] = 3599.0
    many.joined(10_000)
    assert Cycle.alive == 1
    now[0] = 3600.0
    many.joined(10_000)
    assert Cycle.alive == 0
    Cycle()
    many.joined(10_000)
    assert Cycle.alive == 1


def test_what_is_made_of_many_proxies_is_set_aside_later_and_ever_more_seldom(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(garbage, "monotonic", lambda: now[0])
    many = PoolGarbage()
    many.joined(10_000)
    set_aside = gc.get_freeze_count()
    times = []
    made: list[list[int]] = []

    for tick in range(1, 61):
        now[0] = tick * 0.5
        made += [[] for _ in range(100)]
        many.settle()
        if gc.get_freeze_count() >= set_aside + 100:
            set_aside = gc.get_freeze_count()
            times.append(now[0])

    assert times == [1.0, 3.0, 7.0, 15.0]


def test_without_many_proxies_nothing_is_set_aside_later(set_aside: int) -> None:
    few = PoolGarbage()
    few.joined(10)

    few.settle()

    assert gc.get_freeze_count() == set_aside


@pytest.mark.parametrize("is_enabled", [True, False])
def test_the_collector_rests_meanwhile_and_is_as_it_was_then(is_enabled: bool) -> None:
    if not is_enabled:
        gc.disable()
    spared = PoolGarbage().spared()

    with spared:
        assert not gc.isenabled()

    assert gc.isenabled() is is_enabled


def test_the_collector_goes_on_after_an_error_too() -> None:
    with suppress(StopIteration), PoolGarbage().spared():
        iter(()).__next__()

    assert gc.isenabled()
