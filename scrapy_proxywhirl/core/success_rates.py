"""How often the pages of a domain arrive by proxies of a kind."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K")

# So many domains are remembered, those asked for last.
_DOMAINS = 1024


class SuccessRates(Generic[K]):
    """
    How often the pages of a domain arrive by proxies of a kind, rather than be refused.

    Exponential moving averages, which begin at 1. Safe to use from many threads.

    Args:
        alpha: The share of one answer in a rate, in (0, 1].
    """

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha
        self._lock = Lock()
        self._domains: OrderedDict[str | None, dict[K, float]] = OrderedDict()

    def of(self, domain: str | None) -> dict[K, float]:
        """Return the rates of the kinds that *domain* has refused a page to; of others it is 1."""
        return self._domains.get(domain, {})

    def record(self, domain: str | None, kind: K, success: bool) -> None:
        """Take in what came of an attempt at a page of *domain*."""
        rates = self._domains.get(domain)
        if success and (rates is None or kind not in rates):
            return
        with self._lock:
            rates = self._domains.setdefault(domain, {})
            self._domains.move_to_end(domain)
            before = rates.get(kind, 1.0)
            rates[kind] = before + self._alpha * (success - before)
            if len(self._domains) > _DOMAINS:
                self._domains.popitem(last=False)
