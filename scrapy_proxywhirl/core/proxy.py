"""One proxy: who it is, and what its attempts have shown."""

from __future__ import annotations

from copy import copy
from math import inf
from threading import Lock
from typing import Any

from scrapy_proxywhirl.core.average import MovingAverage
from scrapy_proxywhirl.core.health import HealthStatus, health_after_failure
from scrapy_proxywhirl.core.identity import ProxyIdentity
from scrapy_proxywhirl.core.incident import Incident
from scrapy_proxywhirl.core.penalty import DEFAULT_FAILURE_PENALTY, charge_for_failure
from scrapy_proxywhirl.core.shared import Shared

DEFAULT_EMA_ALPHA = 0.2

_IN_NO_POOL = Shared(Lock())

# Looking them up in their class takes several times as long.
_HEALTHY = HealthStatus.HEALTHY
_UNKNOWN = HealthStatus.UNKNOWN

# What a proxy has of its pool and no copy takes along.
_OF_ITS_POOL = ("_is_barred", "_is_busy", "_is_resting", "_shared")


class Proxy(ProxyIdentity):
    """
    One way out: a scheme, host and port and, with credentials, one identity there.

    Two identities on one host and port are two proxies. A proxy belongs to one pool at most, and
    the pool's lock makes its methods safe to call from many threads. What it shows of itself
    (:attr:`url`, :attr:`label`, ``repr``) never holds a username or a password.

    Args:
        url: As :func:`parse_proxy_url` reads it, with or without credentials.
        username: In place of one in *url*; not percent-encoded.
        password: With *username*.
        label: The proxy's public name; ``host:port`` where none is given.
        country: ISO 3166-1 code of two letters of where it comes out.
        region: Part of the country, in words of your own.
        tags: Any words, to filter by.
        group: Whatever fails together, as the name of who sells it; by default the network of its
            address, a /24 or the /48 of an IPv6 address, and none for a host that is a name.
        tier: 1 for those that :class:`TieredStrategy` tries first, 2 for the next, and so on.
        cost_per_request: For each that is answered, above 0, in any currency; None for nothing.
        cost_per_gb: For each 10**9 bytes up and down, above 0; None for nothing.
        ema_alpha: Share of a new response time in this proxy's EMA, in (0, 1]; None for the
            strategy's.
        weight: What it weighs with :class:`WeightedStrategy`, in [1e-9, 1e9]; None for how likely
            it is to succeed, a number in (0, 1).
        expires: When it is not to be used any more, in seconds since 1970 began (UTC); who keeps
            the pool heeds it. None for never.

    Raises:
        InvalidProxyError: *url* is not a proxy's, or has credentials besides *username*.
        ValueError: *country* is none, *tags* are no words, or a number is out of its range.

    Attributes:
        id: The first 16 hex digits of a SHA-256 of the identity; the same in every run.
        url_with_credentials: What a request needs to go out through this proxy. Secret.
        username: None without credentials.
        password: Secret.
        label: Unique in its pool.
        requests_started: Attempts that it was selected for.
        requests_completed: Those that have ended, in whatever way.
        total_successes: Attempts that were answered.
        total_bans: Attempts that a site refused.
        total_failures: Attempts that came to nothing for another reason.
        consecutive_failures: Bans and failures since it was last answered.
        earlier_successes: Attempts before these, in earlier crawls, that were answered.
        earlier_failures: Those that were not.
        last_response_time_ms: Of the last success, in milliseconds; None before the first.
        total_answers: Those that :meth:`answered` was told of.
        bytes_down: What came with them.
        bytes_up: What was sent for them.
    """

    __slots__ = (
        "__weakref__",
        "_average",
        "_health_status",
        "_is_barred",
        "_is_busy",
        "_is_resting",
        "_shared",
        "bytes_down",
        "bytes_up",
        "consecutive_failures",
        "earlier_failures",
        "earlier_successes",
        "last_response_time_ms",
        "requests_completed",
        "requests_started",
        "total_answers",
        "total_bans",
        "total_failures",
        "total_successes",
    )

    def _begin(self) -> None:
        self.requests_started = 0
        self.requests_completed = 0
        self.total_successes = 0
        self.total_bans = 0
        self.total_failures = 0
        self.consecutive_failures = 0
        self.earlier_successes = 0
        self.earlier_failures = 0
        self.last_response_time_ms: float | None = None
        self.total_answers = 0
        self.bytes_down = 0
        self.bytes_up = 0
        self._average = MovingAverage()
        self._health_status = _UNKNOWN
        self._belong_to_no_pool()

    def __repr__(self) -> str:
        ema_ms = self._average.ema_ms
        ema = "no EMA" if ema_ms is None else f"EMA {ema_ms:.1f} ms"
        return (
            f"<Proxy {self.label!r} [{self._health_status.value}, {ema},"
            f" {self.requests_active} in flight]>"
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return all but what belongs to its pool: Scrapy copies what its settings hold."""
        slots = (*ProxyIdentity.__slots__, *Proxy.__slots__)
        names = set(slots) - {"__weakref__", *_OF_ITS_POOL}
        state = {name: getattr(self, name) for name in names}
        # The attempts in flight, which are not a copy's, and an average of its own.
        own = {"requests_completed": self.requests_started, "_average": copy(self._average)}
        return {**state, **own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        self._belong_to_no_pool()

    def _belong_to_no_pool(self) -> None:
        self._shared = _IN_NO_POOL  # with the others of its pool, which sets it
        self._is_resting = False  # or an attempt tries whether it works again
        self._is_busy = False
        self._is_barred = False  # for one reason or the other

    @property
    def requests_active(self) -> int:
        """Attempts in flight."""
        return self.requests_started - self.requests_completed

    @property
    def ema_response_time_ms(self) -> float | None:
        """
        Exponential moving average of the response times, in milliseconds; None where none is known.

        May be set by hand, to a finite number of at least 0 or None; the next selection heeds it.
        """
        return self._average.ema_ms

    @ema_response_time_ms.setter
    def ema_response_time_ms(self, value: float | None) -> None:
        if value is not None:
            _check_time("ema_response_time_ms", value)
        with self._shared.lock:
            self._average.replace(value)
            if self._shared.journal is not None and value is not None:
                self._shared.journal.moved(self, 0.0, value)
            if self._shared.domains is not None:
                self._shared.domains.forget(self)
            self._notify()

    @property
    def health_status(self) -> HealthStatus:
        """What the last attempts say; may be set by hand."""
        return self._health_status

    @health_status.setter
    def health_status(self, value: HealthStatus) -> None:
        with self._shared.lock:
            self._health_status = HealthStatus(value)
            self._notify()

    @property
    def is_resting(self) -> bool:
        """Whether it is left alone everywhere, or an attempt tries whether it works again."""
        return self._is_resting

    @property
    def is_available(self) -> bool:
        """Whether it may be selected: it does not rest, and is not as busy as it may be."""
        return not self._is_barred

    def start_request(self) -> None:
        """Count an attempt as in flight, as a strategy's ``select`` does for what it returns."""
        with self._shared.lock:
            self.requests_started += 1
            if self._shared.limits is not None:
                self._shared.limits.started(self)
            self._notify()

    def complete_request(
        self,
        success: bool,
        response_time_ms: float | None = None,
        alpha: float = DEFAULT_EMA_ALPHA,
        failure_penalty: float = DEFAULT_FAILURE_PENALTY,
        banned: bool = False,
        domain: str | None = None,
        started: float | None = None,
        lasting: bool = False,
        may_restart: bool = False,
        retry_after: float = 0.0,
    ) -> Incident | None:
        """
        End an attempt with what it says of the proxy.

        A success moves the EMA to ``alpha * response_time_ms + (1 - alpha) * ema``, or sets it
        where there is none, or where exploration has found the proxy long unseen. A failure never
        lowers it, however fast it was: it is charged the largest of *failure_penalty* times the
        pool's median response time, *response_time_ms* and the EMA as it is, and the EMA moves by
        that. While a proxy has never answered its EMA is that charge itself, and there is none
        while no other of the pool has answered either.

        Args:
            success: Whether the proxy brought what was asked for.
            response_time_ms: Milliseconds, finite and at least 0. For a failure, what it is known
                to have cost, as the time-out that it ran into: the proxy rests for longer by as
                much. None where it was not measured.
            alpha: In (0, 1]; heeded where the proxy has no ``ema_alpha`` of its own.
            failure_penalty: What a failure is charged, in medians of what the pool's proxies last
                took to answer.
            banned: Whether a failure was the site's refusal.
            domain: Whose page it was. Where the pool's proxies rest, a ban by a domain says nothing
                of the proxy but that it is to be left alone for that domain.
            started: When the attempt began, by the pool's clock; None for now. The attempts that
                were under way when a proxy failed say nothing new by failing too.
            lasting: Whether a failure will be the same the next time, as with wrong credentials:
                the proxy rests as long as one may then.
            may_restart: Whether a success may set the EMA, as the second in a row that contradicts
                it: see :class:`MovingAverage`.
            retry_after: Seconds for which the domain has asked, with a ban, to be left alone by the
                proxy; at least 0. The proxy rests for it no shorter than that, and no longer than
                one may.

        Returns:
            What a failure did to the proxy, for :meth:`take_back`; None for a success.

        Raises:
            ValueError: *response_time_ms* is negative, infinite or NaN; nothing is changed then.
        """
        if response_time_ms is not None and not 0.0 <= response_time_ms < inf:
            _check_time("response_time_ms", response_time_ms)
        if self.ema_alpha is not None:
            alpha = self.ema_alpha
        lock = self._shared.lock
        lock.acquire()  # half the price of a with statement, in the busiest place there is
        try:
            shared = self._shared  # it may have left the pool meanwhile
            self.requests_completed += 1
            if self.requests_completed > self.requests_started:  # recorded without a selection
                self.requests_started += 1
            slightly = False
            if success:
                self.total_successes += 1
                was_well = self._health_status is _HEALTHY and not self.consecutive_failures
                if not was_well:
                    self._health_status = _HEALTHY
                    self.consecutive_failures = 0
                if shared.journal is not None:
                    shared.journal.succeeded(self)
                if response_time_ms is not None:
                    average = self._average
                    if may_restart:
                        average.doubt(response_time_ms, alpha)
                    if shared.journal is not None:
                        share = 1.0 if average.is_stale else alpha
                        shared.journal.moved(self, 1.0 - share, share * response_time_ms)
                    slightly = average.take_in(response_time_ms, alpha) and was_well
                    if self.last_response_time_ms is None and shared.answered is not None:
                        shared.answered.add(self)
                    self.last_response_time_ms = response_time_ms
                    if shared.domains is not None:
                        shared.domains.succeeded(self, domain, response_time_ms, alpha, may_restart)
                if shared.cooldowns is not None and not shared.cooldowns.is_idle:
                    shared.cooldowns.succeeded(self, domain, started)
                incident = None
            else:
                if banned:
                    self.total_bans += 1
                else:
                    self.total_failures += 1
                if shared.journal is not None:
                    shared.journal.failed(self, banned)
                incident = Incident(self, domain, lasting, response_time_ms or 0.0, retry_after)
                is_failing = self._is_failing(incident, banned, started)
                if shared.domains is not None and (is_failing or incident.rests):
                    shared.domains.failed(incident, alpha, failure_penalty, is_failing)
                if is_failing:
                    self._failed(incident, alpha, failure_penalty)
            if shared.limits is not None:
                shared.limits.ended(self)
            if shared.domains is not None:
                shared.domains.ended(self, domain)
            for watcher in shared.watchers:
                if not slightly or watcher.hears_of_slight_changes:
                    watcher.changed(self, slightly)
            return incident
        finally:
            lock.release()

    def take_back(self, incident: Incident) -> None:
        """
        Undo what is left of what a failure did, which turned out not to be the proxy's fault.

        A rest that it began and that stands is ended. Of what it moved the EMA by, ``(1 - alpha) **
        n`` is left after *n* other moves: the EMA is what it would be without, save where the
        failure came before all else that is known of the proxy, which only fades.

        Args:
            incident: As :meth:`complete_request` returned it.
        """
        with self._shared.lock:
            if self._shared.cooldowns is not None:
                self._shared.cooldowns.take_back(incident)
            self._take_back(incident)
            self._notify()

    def abandon_request(self, domain: str | None = None, started: float | None = None) -> None:
        """
        End an attempt, one that :meth:`start_request` has counted, that says nothing.

        Args:
            domain: As for :meth:`complete_request`.
            started: As there.
        """
        with self._shared.lock:
            self.requests_completed += 1
            if self._shared.cooldowns is not None:
                self._shared.cooldowns.abandoned(self, domain, started)
            if self._shared.limits is not None:
                self._shared.limits.ended(self)
            if self._shared.domains is not None:
                self._shared.domains.ended(self, domain)
            self._notify()

    def answered(self, down: int, up: int) -> None:
        """Count an answer that is billed, with the bytes that came and those that were sent."""
        with self._shared.lock:
            self.total_answers += 1
            self.bytes_down += down
            self.bytes_up += up

    @property
    def spent(self) -> float:
        """What its answers have cost."""
        return self.cost(self.total_answers, self.bytes_down + self.bytes_up)

    def _is_failing(self, incident: Incident, banned: bool, started: float | None) -> bool:
        """Let the proxy rest; return whether its failure counts against it, and for all."""
        cooldowns = self._shared.cooldowns
        if cooldowns is None:
            return True
        domain = incident.domain
        if banned and domain is not None:
            rest, is_failing = cooldowns.banned(incident, domain, started)
            incident.rests = (rest,) if rest else ()
            if not is_failing:
                return False
        rest = cooldowns.failed(incident, started)
        if rest is None:
            return False
        incident.rests += (rest,)
        return True

    def _rest(self, is_resting: bool) -> None:
        self._is_resting = is_resting
        self._bar(is_resting or self._is_busy)

    def _be_busy(self, is_busy: bool) -> None:
        self._is_busy = is_busy
        self._bar(is_busy or self._is_resting)

    def _bar(self, is_barred: bool) -> None:
        if is_barred is not self._is_barred:
            self._is_barred = is_barred
            self._notify()

    def _failed(self, incident: Incident, alpha: float, failure_penalty: float) -> None:
        self.consecutive_failures += 1
        incident.failures = self.consecutive_failures
        incident.health_before = self._health_status
        average = self._average
        is_known = average.ema_ms is not None and not average.is_guess
        self._health_status = health_after_failure(self.consecutive_failures, is_known)
        answered = self._shared.answered.items if self._shared.answered else ()
        charge = charge_for_failure(average.ema_ms, incident.cost_ms, failure_penalty, answered)
        if charge is not None:
            if self._shared.journal is not None:
                share = alpha if is_known else 1.0
                self._shared.journal.moved(self, 1.0 - share, share * charge)
            incident.moves += ((average, average.charge(charge, alpha)),)

    def _take_back(self, incident: Incident) -> None:
        # An outage that is over and the page that ran into it may both do so.
        moves, incident.moves = incident.moves, ()
        health_before, incident.health_before = incident.health_before, None
        before_ms = self._average.ema_ms
        for average, move in moves:
            average.take_back(move)
        after_ms = self._average.ema_ms
        if self._shared.journal is not None and before_ms is not None:
            if after_ms is None:
                self._shared.journal.forgot(self)
            else:
                self._shared.journal.moved(self, 1.0, after_ms - before_ms)
        if self._shared.domains is not None:
            self._shared.domains.refigured(self, incident.domain)
        if health_before and self.consecutive_failures == incident.failures:
            self.consecutive_failures -= 1
            self._health_status = health_before

    def _notify(self) -> None:
        for watcher in self._shared.watchers:
            watcher.changed(self)


def _check_time(name: str, value: float) -> None:
    if not 0.0 <= value < inf:
        raise ValueError(f"{name} is {value!r}; it must be a finite number of at least 0")
