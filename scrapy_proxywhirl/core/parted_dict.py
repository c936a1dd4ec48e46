"""A dictionary that never takes long to grow."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_PARTS = 32


class PartedDict(Generic[K, V]):
    """
    A dictionary in parts: what of a ``dict`` a pool needs.

    A ``dict`` that is full moves all its entries in one go, and 100,000 of them hold a crawl up.
    Here it is one part of 32 that moves.
    """

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: list[dict[K, V]] = [{} for _ in range(_PARTS)]

    def __contains__(self, key: K) -> bool:
        return key in self._parts[hash(key) % _PARTS]

    def __setitem__(self, key: K, value: V) -> None:
        self._parts[hash(key) % _PARTS][key] = value

    def get(self, key: K) -> V | None:
        """Return the value of *key*, or None."""
        return self._parts[hash(key) % _PARTS].get(key)

    def setdefault(self, key: K, value: V) -> V:
        """Return the value of *key*, which is *value* from now on where there was none."""
        return self._parts[hash(key) % _PARTS].setdefault(key, value)

    def pop(self, key: K) -> V | None:
        """Take *key* out, where it is in; return its value, or None."""
        return self._parts[hash(key) % _PARTS].pop(key, None)
