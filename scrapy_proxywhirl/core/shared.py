"""What the proxies of a pool share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.domains import PoolDomains
    from scrapy_proxywhirl.core.indexed_set import IndexedSet
    from scrapy_proxywhirl.core.journal import PoolJournal
    from scrapy_proxywhirl.core.limits import PoolLimits
    from scrapy_proxywhirl.core.pool_cooldowns import PoolCooldowns
    from scrapy_proxywhirl.core.proxy import Proxy
    from scrapy_proxywhirl.core.proxy_set import PoolWatcher


@dataclass(slots=True, eq=False)
class Shared:
    """
    What the proxies of a pool share: one object for all of them, as each counts in a large pool.

    Those that are in no pool have nothing but a lock.

    Attributes:
        lock: Makes their methods safe to call from many threads.
        watchers: Are told of their changes.
        answered: Those that have answered.
        cooldowns: Let them rest.
        domains: Know them domain by domain.
        journal: Notes what is learned of them.
        limits: Keep them from being used too much.
    """

    lock: Lock
    watchers: Sequence[PoolWatcher] = ()
    answered: IndexedSet[Proxy] | None = None
    cooldowns: PoolCooldowns | None = None
    domains: PoolDomains | None = None
    journal: PoolJournal | None = None
    limits: PoolLimits | None = None
