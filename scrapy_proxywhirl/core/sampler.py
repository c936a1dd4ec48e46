"""Weighted random sampling from a collection that changes all the time."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from math import floor, frexp, ldexp
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")

# Buckets to each power of two of the weight: with more of them a draw walks further, with fewer it
# rejects more.
_PARTS = 2

# A million of the heaviest add up to a finite number, and the bounds of a bucket of the lightest
# are not rounded.
_LIGHTEST = 1e-300
_HEAVIEST = 1e300

# How often an item that does not fit may be drawn before those that are drawn are set aside, and
# how many of them may be, before there is taken to be none that fits.
_REJECTIONS = 4
_SET_ASIDE = 1024


class WeightedSampler(Generic[T]):
    """
    Draws items with probability proportional to their weights, in constant expected time.

    Items are kept in buckets, two for each power of two of the weight, and each weighs there as
    much as one of its bucket may at most. A draw picks a bucket by its total, then an item in it by
    rejection: any item is accepted with a probability of at least two thirds, whatever the weights.
    Adding, changing and removing an item take constant time. A draw walks the non-empty buckets,
    of which there are two for each power of two that the weights span: twelve or so where the
    heaviest item weighs fifty times the lightest.

    The total of a bucket is exact, so that nothing drifts however many changes are made. As with
    ``random.choices`` it is the grain of a double, 2**-53, that probabilities are rounded to.

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
        self._buckets: dict[int, _Bucket[T]] = {}  # by number, the non-empty ones
        self._walk: list[_Bucket[T]] = []  # the same buckets, the heaviest weights first
        self._where: dict[T, tuple[_Bucket[T], int]] = {}
        self._ceiling = 0.0  # what a draw is scaled to: the total, but for rounding

    def __len__(self) -> int:
        return len(self._where)

    def __contains__(self, item: object) -> bool:
        return item in self._where

    def weight(self, item: T) -> float:
        """Return what was set for *item*; raise :exc:`KeyError` where it is not in."""
        bucket, position = self._where[item]
        return bucket.weights[position]

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
        for bucket in self._walk:
            bucket.go_by(certain)

    def set(self, item: T, weight: float) -> None:
        """
        Add *item*, or change its weight.

        Args:
            item: What to draw; hashable.
            weight: From 1e-300 to 1e300, and the most that it weighs until it is set again. Only
                its proportion to the other weights matters.

        Raises:
            ValueError: *weight* is out of its range; nothing is changed then.
        """
        where = self._where.get(item)
        if where is not None:
            bucket, position = where
            if bucket.least <= weight < bucket.bound:
                bucket.weights[position] = weight
                return
        if not _LIGHTEST <= weight <= _HEAVIEST:
            raise ValueError(f"a weight must be a number from 1e-300 to 1e300, not {weight!r}")
        if where is not None:
            self._take_out(*where)
        mantissa, exponent = frexp(weight)
        number = exponent * _PARTS + int(mantissa * (2 * _PARTS)) - _PARTS
        bucket = self._buckets.get(number) or self._open_bucket(number)
        self._where[item] = (bucket, len(bucket.items))
        bucket.items.append(item)
        bucket.weights.append(weight)
        bucket.total += bucket.bound
        self._ceiling += bucket.bound

    def discard(self, item: T) -> None:
        """Remove *item*; do nothing where it is not in."""
        where = self._where.pop(item, None)
        if where is not None:
            self._take_out(*where)

    def _take_out(self, bucket: _Bucket[T], position: int) -> None:
        bucket.total -= bucket.bound
        self._ceiling -= bucket.bound
        last_item, last_weight = bucket.items.pop(), bucket.weights.pop()
        if position < len(bucket.items):
            bucket.items[position] = last_item
            bucket.weights[position] = last_weight
            self._where[last_item] = (bucket, position)
        if not bucket.items:
            del self._buckets[bucket.number]
            self._walk.remove(bucket)
            # The ceiling gathers rounding errors where some weigh 2**30 times what others do. They
            # are nothing while the heaviest are there, and are dropped when these have gone.
            self._ceiling = sum(other.total for other in self._walk)

    def sample(self) -> T:
        """
        Draw an item; it stays in.

        Raises:
            IndexError: There is nothing to draw from.
        """
        if not self._walk:
            raise IndexError("there is nothing to draw from")
        while True:
            # One random number serves thrice: it falls into a bucket; of how many bounds of it that
            # is, the whole part is the position; and the fraction decides on acceptance.
            drawn = self._random() * self._ceiling
            for bucket in self._walk:
                if drawn < bucket.total:
                    break
                drawn -= bucket.total
            else:
                continue  # rounding has raised the ceiling
            drawn /= bucket.bound
            position = floor(drawn)
            height = drawn - position
            if height < bucket.surely:
                return bucket.items[position]
            height *= bucket.bound
            weight = bucket.weights[position]
            if height < weight:
                item = bucket.items[position]
                if height < weight * self._certain:
                    return item
                weight = self._weigh(item)
                if height < weight:
                    return item
                if not self._certain:
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

    def _open_bucket(self, number: int) -> _Bucket[T]:
        bucket = self._buckets[number] = _Bucket(number, self._certain)
        self._walk.append(bucket)
        self._walk.sort(key=lambda other: other.number, reverse=True)
        return bucket


class _Bucket(Generic[T]):
    """
    Items whose weights lie in one of the parts of a power of two.

    Args:
        number: Which part of which, counted from that which begins with 0.5: see ``_PARTS``.
        certain: The share of its weight that an item weighs at least.

    Attributes:
        number: As above; higher for heavier ones.
        least: What each of the items weighs at least.
        bound: What each weighs less than.
        total: The sum of their bounds.
        surely: The probability with which any of them is accepted at least.
    """

    __slots__ = ("bound", "items", "least", "number", "surely", "total", "weights")

    def __init__(self, number: int, certain: float) -> None:
        exponent, part = divmod(number, _PARTS)
        step = ldexp(0.5 / _PARTS, exponent)
        self.number = number
        self.least = (_PARTS + part) * step
        self.bound = self.least + step
        self.items: list[T] = []
        self.weights = array("d")
        self.total = 0.0
        self.go_by(certain)

    def go_by(self, certain: float) -> None:
        """Take the share *certain* of each weight as what the item weighs at least."""
        self.surely = certain * self.least / self.bound
