"""Which proxies of a pool a request may have."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.proxy import Proxy


class ProxyFilter(NamedTuple):
    """
    Which proxies of a pool a request may have: those that fit all of this.

    Attributes:
        country: Code of the country that they come out in, in capitals; None for any.
        region: The part of it, as it stands with the proxies; None for any.
        tags: What they all must be tagged with.
        max_cost: What a page may cost by them, with 100,000 bytes; None for any.
    """

    country: str | None = None
    region: str | None = None
    tags: frozenset[str] = frozenset()
    max_cost: float | None = None

    def __str__(self) -> str:
        """Return it in words, as *of the country 'DE', tagged 'fast'*."""
        words = []
        if self.country is not None:
            words.append(f"of the country {self.country!r}")
        if self.region is not None:
            words.append(f"of the region {self.region!r}")
        if self.tags:
            words.append("tagged " + " and ".join(map(repr, sorted(self.tags))))
        if self.max_cost is not None:
            words.append(f"such that a page costs at most {self.max_cost:g}")
        return ", ".join(words) or "any"

    def fits(self, proxy: Proxy) -> bool:
        """Tell whether *proxy* is one of them."""
        return (
            (self.country is None or proxy.country == self.country)
            and (self.region is None or proxy.region == self.region)
            and (not self.tags or self.tags.issubset(proxy.tags))
            and (self.max_cost is None or proxy.cost() <= self.max_cost)
        )
