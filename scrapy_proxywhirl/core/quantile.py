"""A quantile of what comes by, without keeping it."""

from __future__ import annotations


class StreamingQuantile:
    """
    An estimate of a quantile of a stream of numbers, in constant time and memory.

    The P-square algorithm: five markers, moved along a parabola through their neighbours as numbers
    come (R. Jain, I. Chlamtac, "The P2 Algorithm for Dynamic Calculation of Quantiles and
    Histograms Without Storing Observations", Communications of the ACM 28 (10), 1985).

    Args:
        share: Which quantile, in (0, 1): 0.99 for the 99th percentile.

    Raises:
        ValueError: *share* is out of its range.

    Attributes:
        count: How many numbers have come.
    """

    __slots__ = ("_heights", "_positions", "_share", "_wanted", "_wanted_more", "count")

    def __init__(self, share: float) -> None:
        if not 0.0 < share < 1.0:
            raise ValueError(f"share is {share!r}; it must be in (0, 1)")
        self._share = share
        self.count = 0
        self._heights: list[float] = []
        self._positions = [0, 1, 2, 3, 4]
        self._wanted = [0.0, 2.0 * share, 4.0 * share, 2.0 + 2.0 * share, 4.0]
        self._wanted_more = (0.0, share / 2.0, share, (1.0 + share) / 2.0, 1.0)

    @property
    def value(self) -> float | None:
        """The estimate; None before the first number."""
        heights = self._heights
        if self.count > 5:
            return heights[2]
        if not heights:
            return None
        return sorted(heights)[min(int(self._share * self.count), self.count - 1)]

    def add(self, number: float) -> None:
        """Take *number* into account."""
        self.count += 1
        heights, positions = self._heights, self._positions
        if self.count <= 5:
            heights.append(number)
            if self.count == 5:
                heights.sort()
            return
        heights[0] = min(heights[0], number)
        heights[4] = max(heights[4], number)
        cell = 0
        while cell < 3 and number >= heights[cell + 1]:
            cell += 1
        for place in range(cell + 1, 5):
            positions[place] += 1
        for place, more in enumerate(self._wanted_more):
            self._wanted[place] += more
        for place in (1, 2, 3):
            self._adjust(place)

    def _adjust(self, place: int) -> None:
        """Move a marker by one towards where it should be, if it is off by one or more."""
        heights, positions = self._heights, self._positions
        off = self._wanted[place] - positions[place]
        before = positions[place] - positions[place - 1]
        after = positions[place + 1] - positions[place]
        if off >= 1.0 and after > 1:
            step = 1
        elif off <= -1.0 and before > 1:
            step = -1
        else:
            return
        rise_before = (heights[place] - heights[place - 1]) / before
        rise_after = (heights[place + 1] - heights[place]) / after
        height = heights[place] + step / (before + after) * (
            (before + step) * rise_after + (after - step) * rise_before
        )
        if not heights[place - 1] < height < heights[place + 1]:  # along a line then
            height = heights[place] + step * (rise_after if step > 0 else rise_before)
        heights[place] = height
        positions[place] += step
