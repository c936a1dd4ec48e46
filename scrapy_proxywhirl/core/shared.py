"""What the proxies of a pool share."""

from __future__ import annotations

from collections.abc import Sequence
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


class Shared:
    """
    What the proxies of a pool share: one object for all of them, as each counts in a large pool.

    Those that are in no pool have nothing but a lock.

    Args:
        lock: Makes their methods safe to call from many threads.

    Attributes:
        watchers: Are told of their changes.
        answered: Those that have answered.
        cooldowns: Let them rest.
        domains: Know them domain by domain.
        journal: Notes what is learned of them.
        limits: Keep them from being used too much.
    """

    __slots__ = ("answered", "cooldowns", "domains", "journal", "limits", "lock", "watchers")

    def __init__(self, lock: Lock) -> None:
        self.lock = lock
        self.watchers: Sequence[PoolWatcher] = ()
        self.answered: IndexedSet[Proxy] | None = None
        self.cooldowns: PoolCooldowns | None = None
        self.domains: PoolDomains | None = None
        self.journal: PoolJournal | None = None
        self.limits: PoolLimits | None = None
