"""Sampling that keeps a given diversity at the least mean latency."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapy_proxywhirl.core.frontier import FrontierSampler, ceiling

TEN = [40.0 * 10 ** (place / 9) for place in range(10)]

LATENCIES = st.lists(
    st.floats(min_value=0.001, max_value=1e6, allow_subnormal=False), min_size=1, max_size=40
)


def shares_below(at: float, latencies: list[float]) -> list[float]:
    weights = [max(0.0, at - latency) if at < inf else 1.0 for latency in latencies]
    return [weight / sum(weights) for weight in weights]


def effective(shares: list[float]) -> float:
    return 1.0 / sum(share * share for share in shares)


def mean(shares: list[float], latencies: list[float]) -> float:
    return sum(share * latency for share, latency in zip(shares, latencies, strict=True))


def sampler_of(latencies: list[float], exits: float, seed: int = 1) -> FrontierSampler[int]:
    sampler: FrontierSampler[int] = FrontierSampler(Random(seed), exits)
    for item, latency in enumerate(latencies):
        sampler.set(item, latency)
    return sampler


@pytest.mark.parametrize("exits", [1.5, 2.0, 4.0, 6.0, 8.0, 9.9])
def test_the_shares_below_the_ceiling_have_the_diversity_that_is_wanted(exits: float) -> None:
    shares = shares_below(ceiling(TEN, exits), TEN)

    assert effective(shares) == pytest.approx(exits, rel=1e-9)


@pytest.mark.parametrize("exits", [2.0, 4.0, 6.0, 8.0])
def test_no_other_shares_of_that_diversity_take_less(exits: float) -> None:
    shares = shares_below(ceiling(TEN, exits), TEN)
    least = mean(shares, TEN)
    rng = Random(5)

    for _ in range(5000):  # shares near by, moved along what keeps their sum
        spread = 10.0 ** rng.uniform(-4, -1)
        other = [max(0.0, share + rng.gauss(0.0, spread)) for share in shares]
        other = [share / sum(other) for share in other]
        if effective(other) >= exits:
            assert mean(other, TEN) >= least * (1.0 - 1e-9)


def test_it_is_an_eighth_faster_than_inverse_weighting_of_the_same_diversity() -> None:
    inverse = [1.0 / latency for latency in TEN]
    inverse = [weight / sum(inverse) for weight in inverse]

    shares = shares_below(ceiling(TEN, effective(inverse)), TEN)

    assert mean(inverse, TEN) / mean(shares, TEN) == pytest.approx(1.12, abs=0.005)


@given(LATENCIES, st.floats(min_value=1.0, max_value=50.0))
def test_whatever_the_latencies_as_many_are_used_as_are_wanted(
    latencies: list[float], exits: float
) -> None:
    latencies.sort()

    at = ceiling(latencies, exits)

    assert at > latencies[0]
    assert effective(shares_below(at, latencies)) >= min(exits, len(latencies)) * (1.0 - 1e-6)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_where_there_are_no_more_than_that_all_have_the_same_share(count: int) -> None:
    sampler = sampler_of(TEN[:count], 5.0)

    counts = Counter(sampler.sample() for _ in range(1000 * count))

    assert ceiling(TEN[:count], 5.0) == inf
    assert all(counts[item] == pytest.approx(1000, abs=150) for item in range(count))


def chi_square(counts: Counter[int], shares: list[float], draws: int) -> float:
    return sum(
        (counts[item] - draws * share) ** 2 / (draws * share)
        for item, share in enumerate(shares)
        if draws * share > 5
    )


@pytest.mark.parametrize("exits", [1.5, 2.0, 4.0, 6.0, 8.0])
def test_items_are_drawn_by_exactly_these_shares(exits: float) -> None:
    sampler = sampler_of(TEN, exits)
    draws = 50_000

    counts = Counter(sampler.sample() for _ in range(draws))

    shares = shares_below(ceiling(TEN, exits), TEN)
    assert chi_square(counts, shares, draws) < 33.7  # 9 degrees of freedom, one in 10,000
    assert all(counts[item] == 0 for item, share in enumerate(shares) if share == 0.0)


@pytest.mark.parametrize("exits", [5.0, 50.0, 400.0])
def test_a_large_pool_has_the_diversity_that_is_wanted(exits: float) -> None:
    rng = Random(3)
    latencies = [rng.uniform(40.0, 400.0) for _ in range(5000)]
    sampler = sampler_of(latencies, exits)
    draws = 40_000

    counts = Counter(sampler.sample() for _ in range(draws))

    shares = shares_below(ceiling(sorted(latencies), exits), latencies)
    assert effective([count / draws for count in counts.values()]) == pytest.approx(exits, rel=0.05)
    drawn = sum(latencies[item] * count for item, count in counts.items()) / draws
    assert drawn == pytest.approx(mean(shares, latencies), rel=0.01)


def test_it_is_exact_after_many_changes_additions_and_removals() -> None:
    rng = Random(4)
    sampler = sampler_of([], 4.0)
    latencies: dict[int, float] = {}
    for step in range(30_000):
        item = rng.randrange(60)
        if rng.random() < 0.1:
            sampler.discard(item)
            latencies.pop(item, None)
        else:
            latencies[item] = 40.0 * 10 ** rng.random()
            sampler.set(item, latencies[item])
        if step % 7 == 0 and latencies:
            sampler.sample()
    for item in sorted(latencies)[10:]:
        sampler.discard(item)
        del latencies[item]

    assert len(sampler) == len(latencies)
    assert all(item in sampler for item in latencies)
    draws = 40_000
    counts = Counter(sampler.sample() for _ in range(draws))
    items = sorted(latencies)
    values = [latencies[item] for item in items]
    shares = shares_below(ceiling(sorted(values), 4.0), values)
    numbered = Counter({items.index(item): count for item, count in counts.items()})
    assert chi_square(numbered, shares, draws) < 33.7


def test_what_is_gone_is_not_drawn() -> None:
    sampler = sampler_of([10.0 + item for item in range(200)], 60.0)
    sampler.sample()

    for item in range(5, 200):
        sampler.discard(item)
        assert sampler.sample() not in range(5, item + 1)


def test_what_became_faster_is_drawn_and_what_became_slow_is_not() -> None:
    sampler = sampler_of(TEN, 2.0)
    assert 9 not in {sampler.sample() for _ in range(1000)}

    sampler.set(9, 10.0)
    sampler.set(0, 1000.0)
    drawn = Counter(sampler.sample() for _ in range(1000))

    assert drawn[9] > 300
    assert 0 not in drawn


def test_how_many_are_wanted_may_change() -> None:
    sampler = sampler_of(TEN, 2.0)
    few = {sampler.sample() for _ in range(3000)}

    sampler.exits = 8.0
    many = {sampler.sample() for _ in range(3000)}

    assert len(few) < 4
    assert len(many) > 8


@pytest.mark.parametrize("count", [2, 40, 400])
def test_of_those_that_take_the_same_any_is_drawn(count: int) -> None:
    sampler = sampler_of([100.0] * count, 1.5)

    drawn = {sampler.sample() for _ in range(count * 30)}

    assert len(drawn) == count


@pytest.mark.parametrize(
    ("fits", "expected"),
    [
        (lambda item: item > 0, {1, 2}),
        (lambda item: item > 6, {7, 8}),  # none of those that are drawn where all fit
        (lambda item: item == 9, {9}),
        (lambda item: item < 5, {0, 1}),
    ],
)
def test_what_does_not_fit_is_not_drawn(fits: Callable[[int], bool], expected: set[int]) -> None:
    sampler = sampler_of(TEN, 1.7)

    drawn = Counter(sampler.sample_where(fits) for _ in range(300))

    assert {item for item, count in drawn.items() if count > 3} == expected


def test_of_many_that_do_not_fit_the_fastest_that_do_are_drawn() -> None:
    sampler = sampler_of([10.0 + item for item in range(2000)], 3.0)

    drawn = {sampler.sample_where(lambda item: item >= 1500) for _ in range(300)}

    assert drawn <= set(range(1500, 1510))
    assert len(drawn) >= 3


def test_where_nothing_fits_or_is_in_nothing_is_drawn() -> None:
    sampler = sampler_of(TEN, 3.0)

    assert sampler.sample_where(lambda item: False) is None
    for item in range(10):
        sampler.discard(item)
    sampler.discard(3)
    assert len(sampler) == 0
    with pytest.raises(IndexError):
        sampler.sample()
