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


class PoolGarbage:
    """
    Keeps the garbage collector from looking through a large pool again and again.

    A full collection visits every object there is, 100,000 proxies in 0.1 s, in which the crawl
    stands still; in a crawl there is one every second or so. Proxies are no garbage as long as they
    are in the pool, and need no collector when they leave it: so they are set aside
    (:func:`gc.freeze`), with all else that is there at that time. While many of them join the
    collector is off.

    Pools of less than 10,000 proxies do without.
    """

    def __init__(self) -> None:
        self._joined = 0
        self._cleaned = -_CLEANED_AFTER
        self._has_set_aside = False

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
        gc.freeze()
        self._has_set_aside = True

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
