from __future__ import annotations

import pytest

from scrapy_proxywhirl.core.success_rates import SuccessRates


def test_a_rate_is_a_moving_average_that_begins_at_1() -> None:
    rates: SuccessRates[int] = SuccessRates(0.1)
    assert rates.of("a.example") == {}

    rates.record("a.example", 1, True)
    assert rates.of("a.example") == {}  # as it was
    rates.record("a.example", 1, False)
    rates.record("a.example", 1, False)
    rates.record("a.example", 2, True)
    assert rates.of("a.example") == {1: pytest.approx(0.81)}
    rates.record("a.example", 1, True)
    assert rates.of("a.example")[1] == pytest.approx(0.829)


def test_of_many_domains_those_with_the_latest_answers_are_remembered() -> None:
    rates: SuccessRates[int] = SuccessRates(0.1)
    rates.record("first.example", 1, False)
    rates.record("second.example", 1, False)
    for number in range(1022):
        rates.record(f"{number}.example", 1, False)
    rates.record("first.example", 1, False)

    rates.record("another.example", 1, False)

    assert rates.of("first.example")
    assert not rates.of("second.example")
