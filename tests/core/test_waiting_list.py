from __future__ import annotations

import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.strategies import integers

from scrapy_proxywhirl.core.waiting_list import WaitingList


def test_items_come_out_in_the_order_in_which_they_came_each_once() -> None:
    waiting: WaitingList[str] = WaitingList()
    for item in "abcab":
        waiting.add(item)

    assert len(waiting) == 3
    assert [waiting.pop() for _ in range(3)] == ["a", "b", "c"]
    assert not waiting
    with pytest.raises(IndexError):
        waiting.pop()


def test_what_is_discarded_does_not_come_out() -> None:
    waiting: WaitingList[str] = WaitingList()
    for item in "abc":
        waiting.add(item)

    waiting.discard("b")
    waiting.discard("x")

    assert [waiting.pop(), waiting.pop()] == ["a", "c"]


def test_those_that_were_discarded_take_no_room() -> None:
    waiting: WaitingList[int] = WaitingList()
    for item in range(10_000):
        waiting.add(item)
        waiting.discard(item)
    for _ in range(10_000):
        waiting.add(-1)
        waiting.discard(-1)

    assert len(waiting._queue) <= 20


def test_those_that_were_discarded_behind_one_that_stays_take_no_room() -> None:
    waiting: WaitingList[int] = WaitingList()
    waiting.add(-1)
    for item in range(10_000):
        waiting.add(item)
        waiting.discard(item)
    waiting.add(10_000)

    assert len(waiting._queue) <= 20
    assert [waiting.pop(), waiting.pop()] == [-1, 10_000]


def test_what_left_as_it_came_is_not_passed_over_again() -> None:
    waiting: WaitingList[int] = WaitingList()
    for item in range(20_000):
        waiting.add(item)
    for item in range(9_000):
        waiting.discard(item)

    assert len(waiting._queue) == 11_000
    assert waiting.pop() == 9_000


class AnyUse(RuleBasedStateMachine):
    """Any use comes to what a list of those that are in would."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: WaitingList[int] = WaitingList()
        self.model: set[int] = set()

    @rule(item=integers(0, 50))
    def add(self, item: int) -> None:
        self.waiting.add(item)
        self.model.add(item)

    @rule(item=integers(0, 50))
    def discard(self, item: int) -> None:
        self.waiting.discard(item)
        self.model.discard(item)

    @precondition(lambda self: self.model)
    @rule()
    def pop(self) -> None:
        self.model.remove(self.waiting.pop())

    @invariant()
    def has_those(self) -> None:
        assert len(self.waiting) == len(self.model)


TestAnyUse = AnyUse.TestCase
