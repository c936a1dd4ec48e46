"""The one proxy that a request must have, or should keep."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from scrapy_proxywhirl.core.health import HealthStatus

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.pool import ProxyPool
    from scrapy_proxywhirl.core.proxy import Proxy
    from scrapy_proxywhirl.core.wanted import Wanted


def bound_to(
    pool: ProxyPool, wanted: Wanted, excluded: Collection[str]
) -> tuple[Proxy | None, bool]:
    """Return the proxy that a request is bound to, where it can be had, and whether it is bound."""
    if wanted.proxy_id is not None:
        proxy = pool.get_proxy(wanted.proxy_id)
        if proxy is None or not proxy.is_available or proxy.id in excluded:
            return None, True
        return (proxy if wanted.fits(proxy) else None), True
    if wanted.session is not None and pool.sessions is not None:
        proxy = pool.get_proxy(pool.sessions.proxy_id(wanted.session) or "")
        if proxy and not proxy.is_resting and proxy.id not in excluded and wanted.fits(proxy):
            return (proxy if proxy.is_available else None), True  # what is but busy is waited for
    return None, False


def to_stay_on(
    pool: ProxyPool, proxy_id: str, wanted: Wanted | None, excluded: Collection[str]
) -> Proxy | None:
    """Return the proxy that a request should stay on, where it can; else None."""
    proxy = pool.get_proxy(proxy_id)
    if proxy is None or proxy_id in excluded or not proxy.is_available:
        return None
    if wanted is not None and not wanted.fits(proxy):
        return None
    return None if proxy.health_status is HealthStatus.UNHEALTHY else proxy
