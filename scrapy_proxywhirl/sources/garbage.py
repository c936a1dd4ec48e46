"""Large pools, and Python's garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

# Of fewer proxies the collector takes little notice.
_LARGE = 10_000

# Seconds after which garbage is collected that was set aside with what is none.
_CLEANED_AFTER = 3600.0

# Seconds after which what was made of proxies that have joined is set aside too, for the first
# time; then after twice as many, and so on.
_AGAIN_AFTER = 1.0


class PoolGarbage:
    """
    Keeps the garbage collector from looking through a large pool again and again.

    A full collection visits every object there is, 100,000 proxies in 0.1 s, in which the crawl
    stands still; in a crawl there is one every second or so. Proxies are no garbage as long as they
    are in the pool, and need no collector when they leave it: so they are set aside
    (:func:`gc.freeze`), with all else that is there at that time, and what of that is garbage is
    collected when others join an hour later. While many of them join the collector is off.

    A collection looks through the lists that strategies make of them, too, from the first
    selection on: these are set aside soon after, and what is made later is, ever more seldom.

    Pools of less than 10,000 proxies do without.
    """

    def __init__(self) -> None:
        self._joined = 0
        self._cleaned = monotonic()
        self._has_set_aside = False
        self._again_after = _AGAIN_AFTER
        self._set_aside_at = 0.0

    def joined(self, number: int) -> None:
        """Take note of proxies that have joined; set them aside where they are many."""
        self._joined += number
        if self._joined < _LARGE:
            return
        self._joined = 0
        if monotonic() - self._cleaned >= _CLEANED_AFTER:
            self._cleaned = monotonic()
            gc.unfreeze()
            gc.collect()
        self._again_after = _AGAIN_AFTER
        self._set_aside()

    def settle(self) -> None:
        """Set aside what has been made of many proxies since; to be called now and then."""
        if self._has_set_aside and monotonic() - self._set_aside_at >= self._again_after:
            self._again_after *= 2.0
            self._set_aside()

    def _set_aside(self) -> None:
        gc.freeze()
        self._has_set_aside = True
        self._set_aside_at = monotonic()

    @contextmanager
    def spared(self) -> Iterator[None]:
        """Let the collector rest meanwhile."""
        is_enabled = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if is_enabled:
                gc.enable()

    def end(self) -> None:
        """Leave everything to the collector again."""
        if self._has_set_aside:
            self._has_set_aside = False
            gc.unfreeze()
