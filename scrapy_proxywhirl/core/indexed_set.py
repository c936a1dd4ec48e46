"""A set whose members can also be reached by position."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class IndexedSet(Generic[T]):
    """
    A set whose members can also be reached by position, each operation in constant time.

    Attributes:
        items: The members, in the order in which they were added until one is removed: then the
            last one takes its place. To be read only.
    """

    __slots__ = ("_positions", "items")

    def __init__(self) -> None:
        self.items: list[T] = []
        self._positions: dict[T, int] = {}

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __contains__(self, item: object) -> bool:
        return item in self._positions

    def add(self, item: T) -> None:
        """Add *item*; do nothing where it is in."""
        if item not in self._positions:
            self._positions[item] = len(self.items)
            self.items.append(item)

    def discard(self, item: T) -> None:
        """Remove *item*; do nothing where it is not in."""
        position = self._positions.pop(item, None)
        if position is None:
            return
        last = self.items.pop()
        if position < len(self.items):
            self.items[position] = last
            self._positions[last] = position
