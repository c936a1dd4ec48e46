"""Weighted random sampling from a collection that changes all the time."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from math import floor, frexp, ldexp
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")

# A weight's mantissa, in [0.5, 1), is rounded to a multiple of 2**-32, by less than one part in
# 10**9: added to 2**20 it loses the bits below. A double then sums up to 2**21 (two million) of
# them without rounding, so that a bucket's total is exact after any number of changes.
_ROUNDS_TO_32_BITS = 2.0**20

# A million weights of this add up to a finite number.
_TOO_HEAVY = 1e300

# How often an item that does not fit may be drawn before those that are drawn are set aside, and
# how many of them may be, before there is taken to be none that fits.
_REJECTIONS = 4
_SET_ASIDE = 1024


class WeightedSampler(Generic[T]):
    """
    Draws items with probability proportional to their weights, in constant expected time.

    Items are kept in buckets, one for each power of two of the weight. A draw picks a bucket by its
    total, then an item in it by rejection: any item is accepted with a probability of at least one
    half, whatever the weights. Adding, changing and removing an item take constant time. A draw
    walks the non-empty buckets, of which there are as many as the weights span powers of two: six
    where the heaviest item weighs fifty times the lightest.

    The total of a bucket is exact, so that nothing drifts however many changes are made.

    Not thread-safe: its owner holds a lock.

    Args:
        rng: The source of chance. A seeded one gives draws that can be repeated.

    Algorithm: Y. Matias, J. S. Vitter, W.-C. Ni, "Dynamic Generation of Discrete Random Variates",
    Theory of Computing Systems 36, 2003, with a walk over the buckets in place of its recursion.
    What is certain is a squeeze: G. Marsaglia, "The Squeeze Method for Generating Gamma Variates",
    Computers and Mathematics with Applications 3, 1977.
    """

    def __init__(self, rng: Random) -> None:
        self._weigh: Callable[[T], float] = self.weight
        self._certain = 1.0
        self._random = rng.random
        self._buckets: dict[int, _Bucket[T]] = {}  # by binary exponent, the non-empty ones
        self._walk: list[_Bucket[T]] = []  # the same buckets, the heaviest weights first
        self._where: dict[T, tuple[_Bucket[T], int]] = {}
        self._ceiling = 0.0  # what a draw is scaled to: the total, but for rounding

    def __len__(self) -> int:
        return len(self._where)

    def __contains__(self, item: object) -> bool:
        return item in self._where

    @property
    def total(self) -> float:
        """The sum of all weights."""
        return sum(bucket.total for bucket in self._walk)

    def weight(self, item: T) -> float:
        """Return what was set for *item*; raise :exc:`KeyError` where it is not in."""
        bucket, position = self._where[item]
        return bucket.mantissas[position] * bucket.scale

    def ask(self, weigh: Callable[[T], float], certain: float = 0.0) -> None:
        """
        Draw items by what *weigh* tells from now on, which may be less than what was set for them.

        It is asked about what is drawn, so that a weight that falls all the time costs nothing but
        where it matters.

        Args:
            weigh: Tells what an item weighs.
            certain: The share of what was set that an item weighs at least, in [0, 1]. Where that
                is enough for the item to be drawn, *weigh* is not asked. Where nothing is certain,
                what turns out to be lighter is set anew.
        """
        self._weigh = weigh
        self._certain = certain

    def set(self, item: T, weight: float) -> None:
        """
        Add *item*, or change its weight.

        Args:
            item: What to draw; hashable.
            weight: Above 0 and below 1e300, and the most that it weighs until it is set again.
                Only its proportion to the other weights matters.

        Raises:
            ValueError: *weight* is out of its range; nothing is changed then.
        """
        where = self._where.get(item)
        if where is not None:
            bucket, position = where
            mantissa = weight / bucket.scale
            if 0.5 <= mantissa < 1.0:  # what frexp() gives, for less
                mantissa = mantissa + _ROUNDS_TO_32_BITS - _ROUNDS_TO_32_BITS
                change = (mantissa - bucket.mantissas[position]) * bucket.scale
                bucket.mantissas[position] = mantissa
                bucket.total += change
                self._ceiling += change
                return
        if not 0.0 < weight < _TOO_HEAVY:
            raise ValueError(f"a weight must be a number above 0 and below 1e300, not {weight!r}")
        if where is not None:
            self._take_out(*where)
        mantissa, exponent = frexp(weight)
        mantissa = mantissa + _ROUNDS_TO_32_BITS - _ROUNDS_TO_32_BITS
        bucket = self._buckets.get(exponent) or self._open_bucket(exponent)
        self._where[item] = (bucket, len(bucket.items))
        bucket.items.append(item)
        bucket.mantissas.append(mantissa)
        bucket.total += mantissa * bucket.scale
        self._ceiling += mantissa * bucket.scale

    def discard(self, item: T) -> None:
        """Remove *item*; do nothing where it is not in."""
        where = self._where.pop(item, None)
        if where is not None:
            self._take_out(*where)

    def _take_out(self, bucket: _Bucket[T], position: int) -> None:
        weight = bucket.mantissas[position] * bucket.scale
        bucket.total -= weight
        self._ceiling -= weight
        last_item, last_mantissa = bucket.items.pop(), bucket.mantissas.pop()
        if position < len(bucket.items):
            bucket.items[position] = last_item
            bucket.mantissas[position] = last_mantissa
            self._where[last_item] = (bucket, position)
        if not bucket.items:
            del self._buckets[bucket.exponent]
            self._walk.remove(bucket)
            # The ceiling gathers rounding errors, as the totals of single buckets do not. In 10**8
            # changes of weights around w they come to some 10**-12 of w, which is nothing while w
            # is there: so they are dropped when weights of that size have gone.
            self._ceiling = self.total

    def sample(self) -> T:
        """
        Draw an item; it stays in.

        Raises:
            IndexError: There is nothing to draw from.
        """
        walk = self._walk
        if not walk:
            raise IndexError("there is nothing to draw from")
        random, certain = self._random, self._certain
        while True:
            remainder = random() * self._ceiling
            for bucket in walk:
                remainder -= bucket.total
                if remainder < 0.0:
                    break
            items = bucket.items
            mantissas = bucket.mantissas
            size = len(items)
            while True:
                # One random number serves twice: its whole part is the position, and its fraction,
                # which is independent of that, decides on acceptance.
                drawn = random() * size
                position = floor(drawn)
                height = drawn - position
                mantissa = mantissas[position]
                if height < certain * mantissa:
                    return items[position]
                if height < mantissa:
                    break
            item = items[position]
            weight = self._weigh(item)
            if height * bucket.scale < weight:
                return item
            if not certain:
                self.set(item, weight)

    def sample_where(self, fits: Callable[[T], bool]) -> T | None:
        """
        Draw one of the items that fit; they all stay in.

        Those that do not are set aside, 1,024 at most, which gives each of the others its exact
        probability.

        Args:
            fits: Tells whether an item does.

        Returns:
            The item; None where none fits, or too many do not.
        """
        for _ in range(_REJECTIONS):
            item = self.sample()
            if fits(item):
                return item
        aside: dict[T, float] = {}
        try:
            while len(self) and len(aside) < _SET_ASIDE:
                item = self.sample()
                if fits(item):
                    return item
                aside[item] = self.weight(item)
                self.discard(item)
            return None
        finally:
            for item, weight in aside.items():
                self.set(item, weight)

    def _open_bucket(self, exponent: int) -> _Bucket[T]:
        bucket = self._buckets[exponent] = _Bucket(exponent)
        self._walk.append(bucket)
        self._walk.sort(key=lambda other: other.exponent, reverse=True)
        return bucket


class _Bucket(Generic[T]):
    """Items whose weights lie in [2**(exponent - 1), 2**exponent)."""

    __slots__ = ("exponent", "items", "mantissas", "scale", "total")

    def __init__(self, exponent: int) -> None:
        self.exponent = exponent
        self.scale = ldexp(1.0, exponent)
        self.items: list[T] = []
        self.mantissas = array("d")  # in [0.5, 1]
        self.total = 0.0
