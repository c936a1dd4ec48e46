"""Items in the order in which they came, each once."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class WaitingList(Generic[T]):
    """
    Items in the order in which they came, each once; each operation in constant time, amortised.

    One that is discarded and comes again may keep its place. Where many are discarded in the order
    in which they came, no operation takes long. (An ``OrderedDict`` takes more memory, and holds up
    the crawl when it grows.)
    """

    __slots__ = ("_members", "_queue")

    def __init__(self) -> None:
        self._queue: deque[T] = deque()
        self._members: set[T] = set()

    def __len__(self) -> int:
        return len(self._members)

    def add(self, item: T) -> None:
        """Put *item* at the end, unless it is there."""
        if item not in self._members:
            self._members.add(item)
            self._queue.append(item)

    def discard(self, item: T) -> None:
        """Take *item* out, if it is there."""
        self._members.discard(item)
        for _ in range(2):  # so that pop() has no more to pass over than it must
            if self._queue and self._queue[0] not in self._members:
                self._queue.popleft()
        if len(self._queue) > 2 * len(self._members) + 16:
            kept = dict.fromkeys(one for one in self._queue if one in self._members)
            self._queue = deque(kept)

    def pop(self) -> T:
        """
        Take the first one out.

        Raises:
            IndexError: There is none.
        """
        while True:
            item = self._queue.popleft()
            if item in self._members:
                self._members.remove(item)
                return item
