from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from scrapy_proxywhirl import StrategyConfig


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        *[("ema_alpha", value, r"in \(0, 1\]") for value in (0, -0.1, 1.5, nan)],
        *[("weight_exponent", value, r"in \[0, 10\]") for value in (-1, 11, nan)],
        *[("failure_penalty", value, "at least 1") for value in (0.5, inf, nan)],
        ("warmup_proxies", -1, "at least 0"),
        *[("exploration", value, r"in \[0, 1\]") for value in (-0.1, 1.1, nan)],
        ("explored_at_a_time", -1, "at least 0"),
    ],
)
def test_a_figure_out_of_its_range_is_refused(name: str, value: Any, allowed: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is {value}; it must be .*{allowed}"):
        StrategyConfig(**{name: value})


def test_the_ends_of_the_ranges_are_allowed() -> None:
    assert StrategyConfig(1, 0, 1, 0, 0).ema_alpha == 1
    assert StrategyConfig(0.001, 10, 100, 10**6, 1, True).exploration == 1
