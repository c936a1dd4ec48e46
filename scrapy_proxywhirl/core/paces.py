"""How slow proxies are whatever sites they serve, and how slow sites are whatever serves them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from math import exp, inf, log
from typing import TYPE_CHECKING

from scrapy_proxywhirl.core.average import Move, MovingAverage

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.proxy import Proxy

# What any response takes at least: a microsecond. There is no logarithm of 0.
_LEAST_MS = 0.001

# So many domains' levels are remembered, those of the latest responses.
_LEVELS = 65536

# A level follows what comes by so much of the share that a pace does: each domain is seen through
# many proxies, and each response moves it.
_SHARE_OF_LEVEL = 0.125

# After so many responses of a domain its level is known well enough for paces to be moved by half
# of their share.
_SETTLING = 4


@dataclass(slots=True)
class _Level:
    """
    How slow a domain is.

    Attributes:
        log_value: As a logarithm.
        responses: How many it was learned from.
    """

    log_value: float
    responses: int = 1


class _Pace(MovingAverage):
    """A moving average of logarithms."""

    __slots__ = ()

    least_ms = -inf


class Paces:
    """
    How slow proxies are whatever sites they serve, and how slow sites are whatever serves them.

    What a response takes is the level of its domain times the pace of its proxy. The logarithms of
    both are moving averages, each of what the other leaves unexplained: an analysis of variance in
    two ways, as it comes in (R. A. Fisher, "Statistical Methods for Research Workers", 1925). Of
    the logarithms, since the means of ratios would have levels and paces drift, one up without end
    and the other down. The level of the first domain begins at 1, so that a pace is in milliseconds
    of that.

    A domain that has been seen through no proxy with a pace has no level, and gives no pace.

    Each operation takes constant time. Not thread-safe: it is called with the pool's lock held.
    """

    def __init__(self) -> None:
        self._paces: dict[Proxy, _Pace] = {}
        self._levels: OrderedDict[str | None, _Level] = OrderedDict()

    def expected_ms(self, proxy: Proxy, domain: str | None) -> float | None:
        """
        Return what a response of *domain* is to take by *proxy*; None where that has no pace.

        Where *domain* has no level it is taken to be as the first domain was.
        """
        pace = self._paces.get(proxy)
        if pace is None or pace.ema_ms is None:
            return None
        level = self._levels.get(domain)
        return exp(pace.ema_ms + (level.log_value if level else 0.0))

    def took(self, proxy: Proxy, domain: str | None, response_time_ms: float, alpha: float) -> None:
        """Learn from a response, of whose proxy the share *alpha* is news."""
        value = log(max(response_time_ms, _LEAST_MS))
        pace = self._paces.get(proxy)
        before = None if pace is None or pace.is_guess else pace.ema_ms
        level = self._levels.get(domain)
        if level is None:
            if self._levels:
                if before is not None:
                    self._remember(domain, value - before)
                return
            level = self._remember(domain, 0.0)
        self._levels.move_to_end(domain)
        if pace is None:
            pace = self._paces[proxy] = _Pace()
        left = value - level.log_value
        if before is not None:
            share = max(1.0 / (1 + level.responses), _SHARE_OF_LEVEL * alpha)
            level.log_value += share * (left - before)
            alpha *= level.responses / (level.responses + _SETTLING)
        pace.take_in(left, alpha)
        level.responses += 1

    def charge(
        self, proxy: Proxy, domain: str | None, charge_ms: float, alpha: float
    ) -> tuple[MovingAverage, Move]:
        """Slow *proxy* down by what a failure is charged; return what that did to what."""
        pace = self._paces.get(proxy)
        if pace is None:
            pace = self._paces[proxy] = _Pace()
        level = self._levels.get(domain)
        charged = log(max(charge_ms, _LEAST_MS)) - (level.log_value if level else 0.0)
        if pace.ema_ms is not None:
            charged = max(charged, pace.ema_ms)
        return pace, pace.charge(charged, alpha)

    def forget(self, proxy: Proxy) -> None:
        """Know nothing of *proxy* any more."""
        self._paces.pop(proxy, None)

    def _remember(self, domain: str | None, log_value: float) -> _Level:
        level = self._levels[domain] = _Level(log_value)
        if len(self._levels) > _LEVELS:
            self._levels.popitem(last=False)
        return level
