from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import fsum, inf, nan
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapy_proxywhirl.core.sampler import WeightedSampler

WEIGHTS = {
    "equal": [1.0] * 10,
    "a hundred between 1 and 50": [1.0 + number / 2 for number in range(100)],
    "powers of two": [2.0**number for number in range(-6, 6)],
    "all that a power of two begins with": [1.0, 1.25, 1.5 - 2**-52, 1.5, 1.75, 2.0 - 2**-52] * 3,
    "the lightest that may be": [1e-300 * (1 + number) for number in range(10)],
    "the heaviest that may be": [1e300 / (1 + number) for number in range(10)],
    "one giant": [1000.0, *[1.0] * 50],
    "latencies of 40 to 400 ms": [1 / latency for latency in range(40, 401, 40)],
    "four orders of magnitude": [10.0**-number for number in range(5)],
}


def sampler_of(weights: list[float], rng: Random) -> WeightedSampler[int]:
    sampler: WeightedSampler[int] = WeightedSampler(rng)
    for item, weight in enumerate(weights):
        sampler.set(item, weight)
    return sampler


def chi_square(counts: Counter[int], weights: list[float]) -> tuple[float, int]:
    """Return Pearson's statistic and its degrees of freedom, rare items taken together."""
    draws, total = counts.total(), fsum(weights)
    cells: list[tuple[float, float]] = []
    rare_expected = rare_seen = 0.0
    for item, weight in enumerate(weights):
        expected = draws * weight / total
        if expected < 10:
            rare_expected += expected
            rare_seen += counts[item]
        else:
            cells.append((expected, counts[item]))
    if rare_expected >= 1:
        cells.append((rare_expected, rare_seen))
    return sum((seen - expected) ** 2 / expected for expected, seen in cells), len(cells) - 1


def assert_fits(counts: Counter[int], weights: list[float]) -> None:
    statistic, freedom = chi_square(counts, weights)
    # Wilson and Hilferty: (chi2 / k) ** (1/3) is close to normal. 4 sigma: 1 in 30,000 by chance.
    sigmas = ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / (
        2 / (9 * freedom)
    ) ** 0.5
    assert sigmas < 4


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
def test_draws_are_in_proportion_to_the_weights(weights: list[float], rng: Random) -> None:
    sampler = sampler_of(weights, rng)

    counts = Counter(sampler.sample() for _ in range(100_000))

    assert_fits(counts, weights)


def test_the_chi_square_test_sees_a_bias_of_a_tenth(rng: Random) -> None:
    sampler = sampler_of([1.1, *[1.0] * 9], rng)

    counts = Counter(sampler.sample() for _ in range(100_000))

    with pytest.raises(AssertionError):
        assert_fits(counts, [1.0] * 10)


def test_two_million_changes_leave_totals_and_draws_exact(rng: Random) -> None:
    sampler = sampler_of([1.0] * 1000, rng)
    present = dict.fromkeys(range(1000), 1.0)

    for _ in range(2_000_000):
        item = int(rng.random() * 1000)
        weight = 10.0 ** (6.0 * rng.random() - 3.0)
        if weight < 0.002:
            sampler.discard(item)
            present.pop(item, None)
        else:
            sampler.set(item, weight)
            present[item] = weight

    assert len(sampler) == len(present)
    for item, weight in present.items():
        assert sampler.weight(item) == weight
    assert sampler._ceiling == sum(len(bucket.items) * bucket.bound for bucket in sampler._walk)
    for item in list(present):
        if present[item] > 1.0:
            sampler.discard(item)
            del present[item]
    weights = [present.get(item, 0.0) for item in range(1000)]
    assert_fits(Counter(sampler.sample() for _ in range(100_000)), weights)


def grow_within_buckets(sampler: WeightedSampler[int]) -> list[float]:
    for item in range(100):
        sampler.set(item, 1.0)
        sampler.set(100 + item, 0.5)
    for item in range(100):
        sampler.set(item, 1.9)
    return [1.9] * 100 + [0.5] * 100


def leave_buckets_open(sampler: WeightedSampler[int]) -> list[float]:
    for item in range(100):
        sampler.set(item, 1.9)
        sampler.set(100 + item, 0.5)
    for item in range(90):
        sampler.discard(item)
    return [0.0] * 90 + [1.9] * 10 + [0.5] * 100


def move_between_buckets(sampler: WeightedSampler[int]) -> list[float]:
    for item in range(100):
        sampler.set(item, 8.0)
        sampler.set(100 + item, 0.5)
    for item in range(99):
        sampler.set(item, 0.25)
    return [0.25] * 99 + [8.0] + [0.5] * 100


def meet_a_giant(sampler: WeightedSampler[int]) -> list[float]:
    for item in range(4):
        sampler.set(item, 2.0**-item)
    sampler.set(4, 1e30)
    sampler.discard(4)
    return [2.0**-item for item in range(4)]


@pytest.mark.parametrize(
    "history", [grow_within_buckets, leave_buckets_open, move_between_buckets, meet_a_giant]
)
def test_draws_are_in_proportion_whatever_went_before(
    history: Callable[[WeightedSampler[int]], list[float]], rng: Random
) -> None:
    sampler: WeightedSampler[int] = WeightedSampler(rng)

    weights = history(sampler)

    assert_fits(Counter(sampler.sample() for _ in range(100_000)), weights)


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.one_of(st.none(), st.floats(1e-12, 1e12))), max_size=200
    )
)
def test_any_order_of_changes_leaves_what_a_dict_would_hold(
    changes: list[tuple[int, float | None]],
) -> None:
    sampler: WeightedSampler[int] = WeightedSampler(Random(1))
    expected: dict[int, float] = {}
    for item, weight in changes:
        if weight is None:
            sampler.discard(item)
            expected.pop(item, None)
        else:
            sampler.set(item, weight)
            expected[item] = weight

    assert len(sampler) == len(expected)
    assert {item for item in range(10) if item in sampler} == set(expected)
    assert {item: sampler.weight(item) for item in expected} == expected
    if expected:
        assert sampler.sample() in expected


@pytest.mark.parametrize("weight", [0.0, 1e-301, -1.0, nan, inf, -inf, 1e308])
def test_a_weight_that_is_none_is_refused_and_changes_nothing(weight: float, rng: Random) -> None:
    sampler = sampler_of([1.0, 2.0], rng)

    with pytest.raises(ValueError, match="from 1e-300 to 1e300"):
        sampler.set(1, weight)

    assert sampler.weight(1) == 2.0
    assert_fits(Counter(sampler.sample() for _ in range(10_000)), [1.0, 2.0])


def test_nothing_can_be_drawn_where_nothing_is(rng: Random) -> None:
    sampler = sampler_of([1.0], rng)
    sampler.discard(0)

    with pytest.raises(IndexError):
        sampler.sample()


@pytest.mark.parametrize("lighter", [1.0, 0.99, 0.5, 0.01])
def test_what_has_become_lighter_is_drawn_by_what_it_weighs_now(
    lighter: float, rng: Random
) -> None:
    before = [1.0, 3.0, 5.0, 40.0, 41.0]
    now = [1.0, 3.0, 5.0 * lighter, 40.0 * lighter, 41.0 * lighter]

    def draw() -> int:
        sampler = sampler_of(before, rng)
        sampler.ask(now.__getitem__)
        return sampler.sample()

    assert_fits(Counter(draw() for _ in range(20_000)), now)


def test_it_comes_to_know_of_all_that_has_become_lighter(rng: Random) -> None:
    sampler = sampler_of([8.0] * 10, rng)
    now = [1.0] * 5 + [4.0] * 5
    sampler.ask(now.__getitem__)

    assert_fits(Counter(sampler.sample() for _ in range(20_000)), now)
    assert [sampler.weight(item) for item in range(10)] == now
    assert sampler.sample_where(lambda item: item == 0) == 0


@pytest.mark.parametrize("certain", [0.5, 0.8, 1.0])
def test_what_weighs_as_much_as_is_certain_is_drawn_without_asking(
    certain: float, rng: Random
) -> None:
    at_most = [1.0, 3.0, 5.0, 40.0, 41.0] * 4
    now = [weight * rng.uniform(certain, 1.0) for weight in at_most]
    asked: Counter[int] = Counter()

    def weigh(item: int) -> float:
        asked[item] += 1
        return now[item]

    sampler = sampler_of(at_most, rng)
    sampler.ask(weigh, certain)

    assert_fits(Counter(sampler.sample() for _ in range(100_000)), now)
    assert [sampler.weight(item) for item in range(20)] == at_most
    draws = 100_000 * sum(at_most) / sum(now)
    assert asked.total() == pytest.approx((1.0 - certain) * draws, rel=0.05)


def test_the_same_seed_gives_the_same_draws() -> None:
    first, second = (sampler_of([1.0, 2.0, 3.0], Random(7)) for _ in range(2))

    assert [first.sample() for _ in range(100)] == [second.sample() for _ in range(100)]


def test_a_draw_survives_a_ceiling_that_rounding_has_raised(rng: Random) -> None:
    sampler = sampler_of([4.0, 1.0], rng)
    sampler._ceiling *= 2

    assert_fits(Counter(sampler.sample() for _ in range(10_000)), [4.0, 1.0])
