"""What a source gives, as far as it can be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from scrapy_proxywhirl.core import Proxy
from scrapy_proxywhirl.sources.entries import KINDS, fields_of, read_entry, read_fields
from scrapy_proxywhirl.sources.gateway import Gateway, Sessions, proxy_or_gateway

if TYPE_CHECKING:
    from scrapy_proxywhirl.core import ProxyPool
    from scrapy_proxywhirl.sources.formats import Entries

# So many entries that are wrong are told of one by one.
_TOLD_OF = 20


class Listing:
    """
    What a source gives, as far as it can be used.

    Args:
        source: Its name.
        pool: What the proxies are for.
        gateways: The sessions that are in use, by the ids of their gateways; those of gateways that
            come are added.
        check: Raises a ValueError for a proxy that the crawl cannot use.
        now: In seconds since 1970 began.

    Attributes:
        ids: Of all proxies that it has, in their order.
        joining: Those that the pool has not.
        changed: Those that the pool has, each with what is said of it now.
        errors: What is wrong with entries that cannot be used, of the first of them.
        wrong: How many there are.
        repeated: How many entries were there before.
        expired: How many are for proxies that have expired.
        ignored: The names of fields that mean nothing here.
    """

    def __init__(
        self,
        source: str,
        pool: ProxyPool,
        gateways: dict[str, Sessions],
        check: Callable[[Proxy], None],
        now: float,
    ) -> None:
        self._source = source
        self._pool = pool
        self._gateways = gateways
        self._check = check
        self._now = now
        self.ids: dict[str, None] = {}
        self.joining: list[Proxy] = []
        self.changed: list[tuple[Proxy, Proxy]] = []
        self.errors: list[str] = []
        self.wrong = 0
        self.repeated = 0
        self.expired = 0
        self.ignored: set[str] = set()

    def read(self, entries: Entries) -> Iterator[None]:
        """
        Read all, a proxy with each step.

        Raises:
            SourceError: The source can be read no further.
        """
        for place, entry in entries:
            try:
                one = self._read(entry)
                if isinstance(one, Gateway):
                    yield from self._read_sessions(one)
                else:
                    self._take(one)
                    yield
            except ValueError as error:
                self.wrong += 1
                if self.wrong <= _TOLD_OF:
                    self.errors.append(f"{self._source}{place}: {error}")
                yield

    def report(self) -> str:
        """Say what is wrong, in lines; nothing where nothing is."""
        more = self.wrong - len(self.errors)
        return "\n".join([*self.errors, f"and {more} more"] if more else self.errors)

    def _read(self, entry: Any) -> Proxy | Gateway:
        if isinstance(entry, (str, Proxy, Gateway)):
            return read_entry(entry)
        if isinstance(entry, Exception):
            raise entry
        fields = fields_of(entry)
        unknown = fields.keys() - KINDS.keys()
        self.ignored.update(map(str, unknown))
        return proxy_or_gateway(
            read_fields({name: fields[name] for name in fields.keys() - unknown})
        )

    def _read_sessions(self, gateway: Gateway) -> Iterator[None]:
        sessions = self._gateways.get(gateway.id)
        if sessions is None:
            sessions = self._gateways[gateway.id] = Sessions(gateway)
        for proxy in sessions.proxies(gateway):
            self._take(proxy)
            yield

    def _take(self, proxy: Proxy) -> None:
        self._check(proxy)
        if proxy.expires is not None and proxy.expires <= self._now:
            self.expired += 1
            return
        if proxy.id in self.ids:
            self.repeated += 1
            return
        self.ids[proxy.id] = None
        there = self._pool.get_proxy(proxy.id)
        if there is None:
            self.joining.append(proxy)
        elif not there.is_described_like(proxy):
            self.changed.append((there, proxy))
