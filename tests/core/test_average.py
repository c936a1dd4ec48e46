"""A moving average of which failures can be taken back."""

from __future__ import annotations

from copy import copy
from itertools import permutations

import pytest

from scrapy_proxywhirl.core.average import MovingAverage


def average_of(*times: float, alpha: float = 0.2) -> MovingAverage:
    average = MovingAverage()
    for time in times:
        average.take_in(time, alpha)
    return average


def test_the_first_time_is_the_average_and_each_other_has_its_share() -> None:
    assert MovingAverage().ema_ms is None
    assert average_of(100.0).ema_ms == 100.0
    assert average_of(100.0, 50.0).ema_ms == 90.0


def test_one_that_is_stale_begins_anew() -> None:
    average = average_of(100.0, 100.0)
    average.is_stale = True

    average.take_in(10.0, 0.2)

    assert average.ema_ms == 10.0
    assert not average.is_stale


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_charges_are_taken_back_in_any_order(order: tuple[int, ...]) -> None:
    average, other = average_of(100.0), average_of(100.0)
    moves = []
    for time in (50.0, 200.0, 300.0):
        moves.append(average.charge(400.0, 0.2))
        average.take_in(time, 0.2)
        other.take_in(time, 0.2)

    for place in order:
        average.take_back(moves[place])

    assert average.ema_ms == pytest.approx(other.ema_ms)


def test_a_charge_that_is_all_that_is_known_is_taken_back_whole() -> None:
    average = MovingAverage()
    move = average.charge(400.0, 0.2)
    assert average.is_guess
    assert average.ema_ms == 400.0

    average.take_back(move)

    assert average.ema_ms is None
    assert not average.is_guess


def test_a_guess_that_was_overtaken_only_fades() -> None:
    average = MovingAverage()
    first = average.charge(400.0, 0.2)
    average.take_in(100.0, 0.5)

    average.take_back(first)

    assert average.ema_ms == 250.0


def test_a_copy_goes_its_own_way() -> None:
    average = average_of(100.0)
    other = copy(average)

    other.take_in(50.0, 0.2)

    assert (average.ema_ms, other.ema_ms) == (100.0, 90.0)


def test_nothing_of_a_charge_is_left_once_the_average_began_anew() -> None:
    average = average_of(100.0)
    move = average.charge(400.0, 0.2)
    average.is_stale = True
    average.take_in(100.0, 0.2)

    average.take_back(move)

    assert average.ema_ms == 100.0
