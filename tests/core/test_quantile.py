from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapy_proxywhirl.core.quantile import StreamingQuantile


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.random(),
        lambda rng: rng.expovariate(1.0),
        lambda rng: rng.lognormvariate(0.0, 1.0),
        lambda rng: rng.choice([0.1, 0.1, 0.1, 0.4]) + rng.random() / 100,
    ],
    ids=["uniform", "exponential", "lognormal", "two kinds"],
)
def test_the_estimate_is_near_the_quantile(share: float, draw: object) -> None:
    assert callable(draw)
    rng = Random(1)
    numbers = [draw(rng) for _ in range(20_000)]
    quantile = StreamingQuantile(share)

    for number in numbers:
        quantile.add(number)

    value = quantile.value
    assert value is not None
    rank = sum(number <= value for number in numbers) / len(numbers)
    assert rank == pytest.approx(share, abs=0.02 if share < 0.99 else 0.004)


def test_the_example_of_the_paper_comes_out() -> None:
    quantile = StreamingQuantile(0.5)
    for number in (
        *(0.02, 0.15, 0.74, 3.39, 0.83, 22.37, 10.15, 15.43, 38.62, 15.92),
        *(34.60, 10.28, 1.47, 0.40, 0.05, 11.39, 0.27, 0.42, 0.09, 11.37),
    ):
        quantile.add(number)

    assert quantile.value == pytest.approx(4.44, abs=0.005)


def test_few_numbers_are_known_exactly() -> None:
    quantile = StreamingQuantile(0.5)
    assert quantile.value is None

    values: list[float | None] = []
    for number in (3.0, 1.0, 2.0, 5.0, 4.0):
        quantile.add(number)
        values.append(quantile.value)

    assert values == [3.0, 3.0, 2.0, 3.0, 3.0]


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=200), st.floats(0.01, 0.99))
def test_the_estimate_is_within_what_has_come(numbers: list[float], share: float) -> None:
    quantile = StreamingQuantile(share)
    for number in numbers:
        quantile.add(number)

    value = quantile.value
    assert value is not None
    assert min(numbers) <= value <= max(numbers)
    assert quantile.count == len(numbers)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, float("nan")])
def test_what_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share is"):
        StreamingQuantile(share)
