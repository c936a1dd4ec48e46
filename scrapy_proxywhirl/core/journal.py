"""What a pool learns, for a store to keep or others to know, and what they have learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from scrapy_proxywhirl.core.health import HealthStatus, health_after_failure

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.proxy import Proxy
    from scrapy_proxywhirl.core.proxy_set import ProxySet


class Change(NamedTuple):
    """
    What was learned of a proxy since it was last told.

    An average is moved by ``ema = (1 - alpha) * ema + alpha * x``, an affine map, and affine maps
    compose: any number of moves is one pair of a factor and an offset, ``ema = factor * ema +
    offset``, which may be applied to what others have made of the average meanwhile.

    Attributes:
        proxy_id: Whose.
        factor: Of the moves.
        offset: Of the moves, in milliseconds.
        ema_ms: What the average is where nobody else has one; None where there is none. With a
            factor of 0 that is to be so for all, as long as there is but a guess.
        is_guess: Whether that is made of what failures were charged, and of nothing else.
        failing: Failures in a row, now.
        successes: More than before.
        bans: More than before.
        failures: More than before.
    """

    proxy_id: str
    factor: float
    offset: float
    ema_ms: float | None
    is_guess: bool
    failing: int
    successes: int
    bans: int
    failures: int


class Record(NamedTuple):
    """
    What is known of a proxy by all who have used it.

    Attributes:
        proxy_id: Whose.
        ema_ms: Its average, in milliseconds; None without one.
        is_guess: As of a :class:`Change`.
        failing: Failures in a row.
        successes: In all.
        bans: In all.
        failures: In all.
        age: Seconds since it was last used.
    """

    proxy_id: str
    ema_ms: float | None
    is_guess: bool
    failing: int
    successes: int
    bans: int
    failures: int
    age: float


class SharedRest(NamedTuple):
    """
    The time for which a proxy is to be left alone.

    Attributes:
        proxy_id: Which one.
        domain: By whom; None for everybody.
        seconds: How long from now; 0 where it is over.
        step: Failures in a row, each after a rest of its own.
    """

    proxy_id: str
    domain: str | None
    seconds: float
    step: int


@dataclass(slots=True)
class _Learned:
    factor: float = 1.0
    offset: float = 0.0
    successes: int = 0
    bans: int = 0
    failures: int = 0

    def move(self, factor: float, offset: float) -> None:
        """Come with another move behind what there is."""
        self.factor *= factor
        self.offset = factor * self.offset + offset


class PoolJournal:
    """
    What a pool learns, for a store to keep or others to know, and what they have learned.

    Not thread-safe: it is called with the pool's lock held.

    Args:
        clock: Gives the time in seconds; that of the pool's cooldowns.
        old: Seconds after which what is known of a proxy has no say any more once it answers.
    """

    def __init__(self, clock: Callable[[], float], old: float) -> None:
        self._clock = clock
        self._old = old
        self._changes: dict[Proxy, _Learned] = {}
        self._rests: set[tuple[Proxy, str | None]] = set()

    def moved(self, proxy: Proxy, factor: float, offset: float) -> None:
        """Note that the average of *proxy* is being moved: ``ema = factor * ema + offset``."""
        learned = self._of(proxy)
        if (
            not learned.factor and proxy._average.ema_ms is None
        ):  # what there was has been forgotten
            factor, offset = 0.0, offset / (1.0 - factor)
        learned.move(factor, offset)

    def forgot(self, proxy: Proxy) -> None:
        """Note that *proxy* has no average any more: it was a guess, and taken back."""
        self._of(proxy).move(0.0, 0.0)

    def succeeded(self, proxy: Proxy) -> None:
        """Count an answer."""
        self._of(proxy).successes += 1

    def failed(self, proxy: Proxy, banned: bool) -> None:
        """Count what was none."""
        learned = self._of(proxy)
        if banned:
            learned.bans += 1
        else:
            learned.failures += 1

    def rested(self, proxy: Proxy, domain: str | None) -> None:
        """Note that a rest of *proxy*, for *domain* or for all, has begun or ended."""
        self._rests.add((proxy, domain))

    def offer(self, pool: ProxySet) -> None:
        """Let all that is known of the proxies be told, to who may have forgotten it."""
        for proxy in pool.proxies:
            if proxy._average.ema_ms is not None:
                self._of(proxy)

    def take_changes(self) -> list[Change]:
        """Return what is to be told of proxies; it is regarded as told then."""
        taken, self._changes = self._changes, {}
        return [
            Change(
                proxy.id,
                learned.factor,
                learned.offset,
                proxy._average.ema_ms,
                proxy._average.is_guess,
                proxy.consecutive_failures,
                learned.successes,
                learned.bans,
                learned.failures,
            )
            for proxy, learned in taken.items()
        ]

    def take_rests(self) -> list[SharedRest]:
        """Return what is to be told of rests; it is regarded as told then."""
        taken, self._rests = self._rests, set()
        rests = []
        now = self._clock()
        for proxy, domain in taken:
            cooldowns = proxy._shared.cooldowns
            if cooldowns is None:  # it has left the pool, which says nothing of its rest
                continue
            rest = cooldowns.rest_of(proxy, domain)
            seconds = max(0.0, rest.until - now) if rest else 0.0
            rests.append(SharedRest(proxy.id, domain, seconds, rest.step if rest else 0))
        return rests

    def put_back(self, changes: Sequence[Change], pool: ProxySet) -> None:
        """Take back that *changes* were told: nobody has heard of them."""
        for change in changes:
            proxy = pool.get_proxy(change.proxy_id)
            if proxy is None:
                continue
            since = self._changes.get(proxy)
            learned = self._changes[proxy] = _Learned(
                change.factor, change.offset, change.successes, change.bans, change.failures
            )
            if since is not None:
                learned.move(since.factor, since.offset)
                learned.successes += since.successes
                learned.bans += since.bans
                learned.failures += since.failures

    def put_back_rests(self, rests: Sequence[SharedRest], pool: ProxySet) -> None:
        """Take back that *rests* were told."""
        for rest in rests:
            proxy = pool.get_proxy(rest.proxy_id)
            if proxy is not None:
                self._rests.add((proxy, rest.domain))

    def learn(self, record: Record, pool: ProxySet) -> Proxy | None:
        """
        Take in what is known of a proxy; what has not been told yet comes on top of it.

        Returns:
            The proxy; None where the pool has it not.
        """
        proxy = pool.get_proxy(record.proxy_id)
        if proxy is None:
            return None
        average = proxy._average
        untold = self._changes.get(proxy)
        if record.ema_ms is not None:
            if untold is None:
                average.learn(record.ema_ms, record.is_guess)
                average.is_stale = record.age > self._old
            else:
                average.learn(untold.factor * record.ema_ms + untold.offset, average.is_guess)
        if untold is None:
            proxy.consecutive_failures = record.failing
            proxy._health_status = _health_of(record)
        if not proxy.requests_started:
            proxy.earlier_successes = record.successes
            proxy.earlier_failures = record.bans + record.failures
        proxy._notify()
        return proxy

    def learn_rest(self, rest: SharedRest, pool: ProxySet) -> None:
        """Let a proxy rest, or do so no more, unless there is later news of that here."""
        proxy = pool.get_proxy(rest.proxy_id)
        if proxy is None or (proxy, rest.domain) in self._rests or proxy._shared.cooldowns is None:
            return
        proxy._shared.cooldowns.learn(proxy, rest.domain, rest.seconds, rest.step)
        self._rests.discard((proxy, rest.domain))  # it is no news to those who told of it
        proxy._notify()

    def _of(self, proxy: Proxy) -> _Learned:
        learned = self._changes.get(proxy)
        if learned is None:
            learned = self._changes[proxy] = _Learned()
        return learned


def _health_of(record: Record) -> HealthStatus:
    is_known = record.ema_ms is not None and not record.is_guess
    if record.failing:
        return health_after_failure(record.failing, is_known)
    return HealthStatus.HEALTHY if is_known else HealthStatus.UNKNOWN
