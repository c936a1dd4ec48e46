"""Random sampling that keeps a given diversity at the least mean latency."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from math import frexp, inf, sqrt
from operator import itemgetter
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")

# Bands to each power of two of the latency: 300 items in each where a million differ tenfold.
_BANDS = 1024

# What the ceiling is above the mean latency at least, as a share of it: those that take the same
# weigh something, and the same.
_LEAST_HEIGHT = 1e-9

# The ceiling is computed anew after as many changes as one in so many of the items below it.
_PART = 8


def ceiling(latencies: Iterable[float], exits: float) -> float:
    """
    Return the latency at which shares reach zero, so that they have a given diversity.

    Shares in proportion to ``max(0, ceiling - latency)`` have the least mean latency of all those
    whose inverse Simpson index ``1 / sum(share ** 2)`` is as high: of the *k* fastest, whose mean
    is *m* and variance *v*, it is ``k * d**2 / (d**2 + v)`` for a ceiling of ``m + d``. (The index:
    E. H. Simpson, "Measurement of Diversity", Nature 163, 1949; that no other shares do better
    follows from Lagrange's conditions.)

    Args:
        latencies: In ascending order.
        exits: The index that is to be reached, at least 1.

    Returns:
        The ceiling; infinity where there are no more than *exits*: then all are to have the same
        share.
    """
    sums = _Sums(exits)
    for latency in latencies:
        if sums.ceiling() <= latency:
            break
        sums.add(latency)
    return sums.ceiling()


class _Sums:
    """What the ceiling above some latencies is computed from."""

    def __init__(self, exits: float) -> None:
        self._exits = exits
        self._count = 0
        self._sum = 0.0
        self._squares = 0.0

    def add(self, latency: float) -> None:
        """Take in one more."""
        self._count += 1
        self._sum += latency
        self._squares += latency * latency

    def ceiling(self) -> float:
        """Return the ceiling above them."""
        count, exits = self._count, self._exits
        if count <= exits:
            return inf
        mean = self._sum / count
        variance = max(0.0, self._squares / count - mean * mean)
        return mean + max(sqrt(exits * variance / (count - exits)), _LEAST_HEIGHT * mean)


class FrontierSampler(Generic[T]):
    """
    Draws items so that as many of them as wanted are used, at the least mean latency.

    An item's share is in proportion to ``max(0, ceiling - latency)``: see :func:`ceiling`.

    Adding, changing and removing an item take constant time, a draw time in proportion to the
    logarithm of how many items are below the ceiling. That is computed anew after as many changes
    as an eighth of these, which comes to constant time for each change.

    Not thread-safe: its owner holds a lock.

    Args:
        rng: The source of chance.
        exits: How many items the draws are to look like, at least 1: the inverse Simpson index of
            their shares.

    Attributes:
        exits: May be changed.
    """

    def __init__(self, rng: Random, exits: float) -> None:
        self._rng = rng
        self._random = rng.random
        self.exits = exits
        self._bands: dict[int, dict[T, float]] = {}  # latencies, with those that differ little
        self._order: list[int] = []  # of the bands that there are, the fastest first
        self._band_of: dict[T, int] = {}
        self._changes = 0
        self._solved_for = 0.0
        self._ceiling = inf
        self._below: list[T] = []  # what is drawn from
        self._cumulative: list[float] = []  # its weights, summed up

    def __len__(self) -> int:
        return len(self._band_of)

    def __contains__(self, item: object) -> bool:
        return item in self._band_of

    @property
    def ceiling(self) -> float:
        """The latency at which shares reach zero; infinity where all have the same."""
        self._keep_up()
        return self._ceiling

    def set(self, item: T, latency: float) -> None:
        """
        Add *item*, or change its latency.

        Args:
            item: What to draw; hashable.
            latency: Above 0 and finite.
        """
        mantissa, exponent = frexp(latency)
        key = exponent * _BANDS + int(mantissa * (2 * _BANDS)) - _BANDS
        self._changes += 1
        before = self._band_of.get(item)
        if before != key:
            if before is not None:
                self._take_out(item, before)
            if key not in self._bands:
                self._bands[key] = {}
                insort(self._order, key)
            self._band_of[item] = key
        self._bands[key][item] = latency

    def discard(self, item: T) -> None:
        """Remove *item*; do nothing where it is not in."""
        key = self._band_of.pop(item, None)
        if key is not None:
            self._changes += 1
            self._take_out(item, key)

    def sample(self) -> T:
        """
        Draw an item; it stays in.

        Raises:
            IndexError: There is nothing to draw from.
        """
        item = self._draw()
        if item is None:
            raise IndexError("there is nothing to draw from")
        return item

    def sample_where(self, fits: Callable[[T], bool]) -> T | None:
        """
        Draw one of the items that fit; they all stay in.

        Where one is drawn that does not, another is of those that do, by shares that have the
        diversity among these.

        Args:
            fits: Tells whether an item does.

        Returns:
            The item; None where none fits.
        """
        item = self._draw()
        if item is None or fits(item):
            return item
        _, below, cumulative = self._frontier(fits)
        return self._draw_of(below, cumulative) if below else None

    def _draw(self) -> T | None:
        if not self._band_of:
            return None
        self._keep_up()
        item = self._draw_of(self._below, self._cumulative)
        if item not in self._band_of:
            self._solve()
            item = self._draw_of(self._below, self._cumulative)
        return item

    def _draw_of(self, items: list[T], cumulative: list[float]) -> T:
        place = bisect_right(cumulative, self._random() * cumulative[-1])
        return items[min(place, len(items) - 1)]

    def _keep_up(self) -> None:
        if self._changes * _PART > len(self._below) or self._solved_for != self.exits:
            self._solve()

    def _solve(self) -> None:
        self._changes = 0
        self._solved_for = self.exits
        self._ceiling, self._below, self._cumulative = self._frontier(None)

    def _frontier(self, fits: Callable[[T], bool] | None) -> tuple[float, list[T], list[float]]:
        """Return the ceiling, the items below it, and their weights, summed up."""
        sums = _Sums(self.exits)
        below, latencies = [], []
        at = inf
        for item, latency in self._ascending():
            if at <= latency:
                break
            if fits is None or fits(item):
                sums.add(latency)
                at = sums.ceiling()
                below.append(item)
                latencies.append(latency)
        weights = (at - latency if at < inf else 1.0 for latency in latencies)
        return at, below, list(accumulate(weights))

    def _ascending(self) -> Iterator[tuple[T, float]]:
        for key in self._order:
            band = self._bands[key]
            yield from band.items() if len(band) == 1 else sorted(band.items(), key=itemgetter(1))

    def _take_out(self, item: T, key: int) -> None:
        band = self._bands[key]
        del band[item]
        if not band:
            del self._bands[key]
            del self._order[bisect_left(self._order, key)]
