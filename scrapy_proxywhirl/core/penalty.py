"""What a failed attempt costs."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Protocol

DEFAULT_FAILURE_PENALTY = 4.0

# The median response time of a pool is exact up to this many proxies that have answered. Of more,
# so many are looked at, evenly spread: the rank is then off by 0.5 / sqrt(32), 9%, in one standard
# deviation.
_MEDIAN_SAMPLE = 32


class HasAnswered(Protocol):
    """What has a last response time: a proxy, or what is known of one for a domain."""

    last_response_time_ms: float | None


def charge_for_failure(
    ema_ms: float | None,
    cost_ms: float,
    failure_penalty: float,
    answered: Sequence[HasAnswered],
) -> float | None:
    """
    Return what a failure is charged, in milliseconds: never less than the EMA.

    How quickly an attempt failed says nothing of its proxy, so that it is charged by what others
    take: ``max(ema, failure_penalty * median, cost)``.

    Args:
        ema_ms: The proxy's EMA; None without one.
        cost_ms: What the failure is known to have cost, as the time-out that it ran into; else 0.
        failure_penalty: In medians of what the pool's proxies last took to answer.
        answered: Those of the pool, or of a domain, that have answered.

    Returns:
        The charge; None where nothing is known to measure it by.
    """
    # Of what the proxies last took to answer, and not of their EMAs: those hold penalties, and a
    # penalty that is measured by penalties grows without end where a quarter of all attempts fail.
    if not answered:
        return None if ema_ms is None else max(ema_ms, cost_ms)
    step = (len(answered) - 1) // _MEDIAN_SAMPLE + 1
    reference = median(one.last_response_time_ms or 0.0 for one in answered[::step])
    return max(ema_ms or 0.0, cost_ms, failure_penalty * reference)
