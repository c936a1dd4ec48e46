"""What one request wants of its proxy."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from scrapy_proxywhirl.core.filter import ProxyFilter

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.proxy import Proxy


class Wanted(NamedTuple):
    """
    What one request wants of its proxy, whatever selects.

    Attributes:
        only: Which proxies it may be; None for any.
        exclude: Ids of those that it must not be.
        proxy_id: The one that it must be; None for any.
        session: The sticky session that the request is part of: it stays on one proxy of the pool
            until that fails, rests or leaves, and then on another. None where it is part of none.
    """

    only: ProxyFilter | None = None
    exclude: frozenset[str] = frozenset()
    proxy_id: str | None = None
    session: str | None = None

    def __str__(self) -> str:
        """Return it in words, without ids, which tell a reader nothing."""
        words = [] if self.only is None else [str(self.only)]
        if self.proxy_id is not None:
            words.append("the one that is named")
        if self.exclude:
            words.append(f"other than the {len(self.exclude)} that are excluded")
        return ", ".join(words) or "any"

    def fits(self, proxy: Proxy) -> bool:
        """Tell whether *proxy* may be selected, but for the session."""
        return (
            proxy.id not in self.exclude
            and (self.proxy_id is None or proxy.id == self.proxy_id)
            and (self.only is None or self.only.fits(proxy))
        )


def is_worth_waiting_for(proxy: Proxy, resting: Collection[str], wanted: Wanted | None) -> bool:
    """
    Tell whether *proxy*, which may not be selected now, could be but for that.

    Args:
        proxy: One that is busy, or has to wait.
        resting: Ids of proxies that could not.
        wanted: What else it has to be; None for any.
    """
    return (
        not proxy.is_resting and proxy.id not in resting and (wanted is None or wanted.fits(proxy))
    )
