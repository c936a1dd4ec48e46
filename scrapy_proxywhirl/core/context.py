"""What one request wants of a selection."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from scrapy_proxywhirl.core.wanted import Wanted


class SelectionContext(NamedTuple):
    """
    What one request wants of a selection.

    Attributes:
        failed_proxy_ids: Ids of the proxies that must not be selected, as those that failed this
            request before. A few at most: each costs time in a selection that it is drawn in.
        stay_on_proxy_id: Id of the proxy to stay on, as after a redirect. It is selected where it
            is in the pool, is what is wanted, is not among the failed ones, is not unhealthy and
            does not rest; else another is.
        domain: What is asked for a page, so that proxies which it has banned are left alone.
        wanted: What the request wants of its proxy besides; None for nothing.
    """

    failed_proxy_ids: Collection[str] = ()
    stay_on_proxy_id: str | None = None
    domain: str | None = None
    wanted: Wanted | None = None
