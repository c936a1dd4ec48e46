"""What the last attempts say of a proxy."""

from __future__ import annotations

from enum import Enum

# Failures in a row that make a proxy unhealthy which has answered before.
UNHEALTHY_AFTER = 3


class HealthStatus(Enum):
    """What the last attempts say of a proxy."""

    UNKNOWN = "unknown"  #: nothing yet
    HEALTHY = "healthy"  #: the last attempt succeeded
    DEGRADED = "degraded"  #: it failed since it last answered
    UNHEALTHY = "unhealthy"  #: it failed three times in a row, or has never answered


def health_after_failure(failures: int, has_answered: bool) -> HealthStatus:
    """
    Return how a proxy is after a failure.

    Args:
        failures: Those in a row, this one included.
        has_answered: Whether it has ever answered. One that never has is given no second chance
            before others: among many dead proxies each would cost three attempts.
    """
    if has_answered and failures < UNHEALTHY_AFTER:
        return HealthStatus.DEGRADED
    return HealthStatus.UNHEALTHY
