"""The figures that a strategy works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from scrapy_proxywhirl.core.penalty import DEFAULT_FAILURE_PENALTY
from scrapy_proxywhirl.core.proxy import DEFAULT_EMA_ALPHA

DEFAULT_EXITS = 10.0

# What each figure may be, and how that is said.
RANGES: dict[str, tuple[Callable[[float], bool], str]] = {
    "ema_alpha": (lambda n: 0 < n <= 1, "in (0, 1]"),
    "weight_exponent": (lambda n: 0 <= n <= 10, "in [0, 10]"),
    "failure_penalty": (lambda n: 1 <= n < inf, "of at least 1"),
    "warmup_proxies": (lambda n: 0 <= n < inf, "of at least 0"),
    "exploration": (lambda n: 0 <= n <= 1, "in [0, 1]"),
    "exits": (lambda n: 1 <= n < inf, "of at least 1"),
    "explored_at_a_time": (lambda n: 0 <= n < inf, "of at least 0"),
}


@dataclass(frozen=True, slots=True)
class StrategyConfig:
    """
    The figures that a strategy works with, checked.

    As they are by default, :class:`PerformanceBasedStrategy` selects among proxies with an EMA and
    no others: the caller warms the pool up.

    Attributes:
        ema_alpha: Share of a new response time in the EMA, in (0, 1]. A proxy that has an
            ``ema_alpha`` of its own keeps it.
        weight_exponent: A proxy's weight is ``(1 / ema) ** weight_exponent``; in [0, 10]. 0 selects
            uniformly, 1 is plain inverse weighting, more leans harder on the fastest.
        failure_penalty: What a failed attempt is charged, in medians of the pool's response times;
            at least 1.
        warmup_proxies: While fewer than this many proxies have an EMA, those never tried are
            selected first; at least 0.
        exploration: Share of the selections that looks for a proxy that is new or long unseen, in
            [0, 1]. With 0, what is known is never questioned.
        load_aware: Whether a proxy weighs less for each attempt in flight on it: its EMA counts
            ``1 + in-flight`` times.
        explored_at_a_time: How many proxies may be under exploration, so that those of them which
            never answer cost no more than so many requests at a time; at least 0, 0 for any number.
        exits: How many proxies the selections of :class:`FrontierStrategy` are to look like, at
            least 1: the inverse Simpson index of their shares.
        ema_restarts: Whether an EMA begins anew where two response times in a row contradict it:
            see :class:`MovingAverage`. Without, ``ema_alpha`` alone says how fast it follows.

    Raises:
        ValueError: A figure is out of its range.
    """

    ema_alpha: float = DEFAULT_EMA_ALPHA
    weight_exponent: float = 1.0
    failure_penalty: float = DEFAULT_FAILURE_PENALTY
    warmup_proxies: int = 0
    exploration: float = 0.0
    load_aware: bool = False
    explored_at_a_time: int = 0
    exits: float = DEFAULT_EXITS
    ema_restarts: bool = False

    def __post_init__(self) -> None:
        for name, (fits, allowed) in RANGES.items():
            value = getattr(self, name)
            if not fits(value):
                raise ValueError(f"{name} is {value!r}; it must be a number {allowed}")
