"""A moving average of which failures can be taken back."""

from __future__ import annotations

from copy import copy
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapy_proxywhirl.core.average import NEAR, MovingAverage


def average_of(*times: float, alpha: float = 0.2, may_restart: bool = False) -> MovingAverage:
    average = MovingAverage()
    for time in times:
        if may_restart:
            average.doubt(time, alpha)
        average.take_in(time, alpha)
    return average


def restarts(*times: float) -> int:
    """Return how often an average that is doubted restarts."""
    average = MovingAverage()
    restarted = 0
    for time in times:
        average.doubt(time, 0.2)
        restarted += average.is_stale
        average.take_in(time, 0.2)
    return restarted


def test_the_first_time_is_the_average_and_each_other_has_its_share() -> None:
    assert MovingAverage().ema_ms is None
    assert average_of(100.0).ema_ms == 100.0
    assert average_of(100.0, 50.0).ema_ms == 90.0


def test_a_move_is_news_once_it_is_no_longer_near_what_it_was_then() -> None:
    average = MovingAverage()
    assert not average.take_in(100.0, 0.2)
    assert average.take_in(140.0, 0.2)  # 108
    assert average.told_ms == 100.0
    assert not average.take_in(140.0, 0.2)  # 114.4
    assert average.told_ms == average.ema_ms

    average.replace(None)
    assert not average.take_in(0.0, 0.2)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["take in", "charge", "take back", "learn", "restart"]),
            st.floats(1e-3, 1e6),
        ),
        max_size=30,
    )
)
def test_it_is_always_near_what_was_news(steps: list[tuple[str, float]]) -> None:
    average = MovingAverage()
    moves = []
    for step, time in steps:
        if step == "charge":
            moves.append(average.charge(max(time, average.ema_ms or 0.0), 0.2))
        elif step == "take back":
            if moves:
                average.take_back(moves.pop())
        elif step == "learn":
            average.learn(time, is_guess=False)
        else:
            average.is_stale = step == "restart"
            before = average.told_ms
            if average.take_in(time, 0.2):
                assert average.told_ms == before

        if average.ema_ms is not None:
            assert average.ema_ms > -1e-9  # of what was a million
            assert average.told_ms <= average.ema_ms * NEAR + 1e-9
            assert average.ema_ms <= average.told_ms * NEAR + 1e-9


def test_one_that_is_stale_begins_anew() -> None:
    average = average_of(100.0, 100.0)
    average.is_stale = True

    average.take_in(10.0, 0.2)

    assert average.ema_ms == 10.0
    assert not average.is_stale


@pytest.mark.parametrize("other", [40.0, 290.0])
def test_the_second_in_a_row_that_contradicts_it_stands_in_its_place(other: float) -> None:
    times = (100.0, 110.0, 90.0, other, other + 1.0)

    assert average_of(*times, may_restart=True).ema_ms == other + 1.0
    assert average_of(*times).ema_ms == 0.2 * times[-1] + 0.8 * (
        average_of(*times[:-1]).ema_ms or 0
    )


@pytest.mark.parametrize(
    "times",
    [
        (100.0, 300.0, 100.0, 300.0),  # one alone says nothing
        (100.0, 300.0, 30.0, 400.0),  # nor do two on either side
        (100.0, 190.0, 190.0, 190.0),  # nor what is less than twice as much
        (100.0, 55.0, 55.0, 55.0),
        (*(100.0, 2000.0) * 20, 2000.0, 2000.0),  # nor what is as far off as times usually are
        (*(2000.0, 100.0) * 20, 100.0, 100.0),
    ],
)
def test_what_does_not_contradict_it_has_its_share(times: tuple[float, ...]) -> None:
    assert restarts(*times) == 0
    assert average_of(*times, may_restart=True).ema_ms == average_of(*times).ema_ms


def test_times_that_vary_as_they_always_did_seldom_contradict_it() -> None:
    rng = Random(1)

    def times(*of: float) -> list[float]:
        return [rng.choice(of) * rng.lognormvariate(0.0, 0.35) for _ in range(2000)]

    assert restarts(*times(100.0)) < 20
    assert restarts(*times(50.0, 1000.0)) < 100


def test_one_that_restarted_goes_on_from_there() -> None:
    times = (100.0, 400.0, 400.0, 500.0)

    assert average_of(*times, may_restart=True).ema_ms == 420.0
    assert average_of(*times, 40.0, 40.0, may_restart=True).ema_ms == 40.0


def test_nothing_of_a_charge_is_left_once_the_average_restarted() -> None:
    average = average_of(100.0)
    move = average.charge(400.0, 0.2)
    for _ in range(2):
        average.doubt(1000.0, 0.2)
        average.take_in(1000.0, 0.2)

    average.take_back(move)

    assert average.ema_ms == 1000.0


@given(
    st.lists(
        st.tuples(st.sampled_from(["take in", "charge", "take back"]), st.integers(0, 100)),
        max_size=24,
    ),
    st.sampled_from([0.01, 0.2, 0.9]),
)
def test_what_was_taken_back_might_never_have_been(
    steps: list[tuple[str, int]], alpha: float
) -> None:
    average = average_of(100.0)
    times: list[float | None] = [100.0]
    charges = []
    for step, number in steps:
        if step == "take in":
            average.take_in(50.0 + number, alpha)
            times.append(50.0 + number)
        elif step == "charge":
            charges.append((len(times), average.charge(1000.0 + number, alpha)))
            times.append(1000.0 + number)
        elif charges:
            place, move = charges.pop(number % len(charges))
            average.take_back(move)
            times[place] = None

    others = [time for time in times if time is not None]
    assert average.ema_ms == pytest.approx(average_of(*others, alpha=alpha).ema_ms, abs=1e-6)


def test_one_that_fails_and_is_cleared_time_and_again_stays_as_it_is() -> None:
    average = average_of(100.0)

    for _ in range(1000):
        average.take_back(average.charge(15_000.0, 0.2))

    assert average.ema_ms == pytest.approx(100.0)
    assert len(average._taken_out) <= 64


@pytest.mark.parametrize(("others_ms", "expected"), [(50.0, 50.0), (400.0, 100.0), (3050.0, 100.0)])
def test_no_more_of_a_charge_is_taken_back_than_others_may_have_left_of_it(
    others_ms: float, expected: float
) -> None:
    average = average_of(100.0)
    move = average.charge(15_100.0, 0.2)
    assert average.ema_ms == pytest.approx(3100.0)

    average.learn(others_ms, is_guess=False)
    average.take_back(move)

    assert average.ema_ms == expected


def test_what_others_were_charged_is_left_where_a_charge_is_taken_back() -> None:
    average = average_of(100.0)
    move = average.charge(15_100.0, 0.2)

    average.learn(5000.0, is_guess=False)
    average.take_back(move)

    assert average.ema_ms == pytest.approx(2000.0)


def test_nothing_is_taken_out_where_nothing_is_known_any_more() -> None:
    average = average_of(100.0)
    move = average.charge(400.0, 0.2)
    average.learn(400.0, is_guess=True)
    average.take_back(average.charge(500.0, 0.2))
    assert average.ema_ms is None

    average.take_back(move)

    assert average.ema_ms is None


def test_nothing_of_a_charge_is_taken_out_of_what_somebody_says() -> None:
    average = average_of(100.0)
    move = average.charge(400.0, 0.2)

    average.replace(50.0)
    average.take_back(move)

    assert average.ema_ms == 50.0


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
