"""Pages for which no proxy may be selected: they wait, and hold up nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakSet

from scrapy.utils.asyncio import call_later, create_looping_call
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.defer import Deferred

from scrapy_proxywhirl.dispatch import hand_back
from scrapy_proxywhirl.exceptions import NoProxyForRequestError
from scrapy_proxywhirl.line import Line, Waiter, is_scheduled
from scrapy_proxywhirl.note import NOTE, waited_before
from scrapy_proxywhirl.places import Places

if TYPE_CHECKING:
    from typing import TypeAlias

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from scrapy.utils.asyncio import AsyncioLoopingCall
    from twisted.internet.task import LoopingCall

    from scrapy_proxywhirl.choice import Demand
    from scrapy_proxywhirl.core import Proxy, ProxyPool
    from scrapy_proxywhirl.stats import CrawlStats
    from scrapy_proxywhirl.throttle import Throttle

    Answer: TypeAlias = "Response | Exception"

# Seconds between two looks at whether one may go on; there is another where an attempt ends.
_TICK = 0.05

# Seconds after which one that found no place to wait in goes back to the scheduler.
_PATIENCE = 1.0


class WaitingRoom:
    """
    Where pages wait until a proxy may be selected for them.

    They stand in a line for each demand: a domain, and what is wanted of a proxy. While they wait
    they are taken out of what the engine counts as being downloaded, or sixteen of them would stop
    the crawl of another site; those that are too many for that go back to the scheduler after a
    while, but for what has not come from there (robots.txt, media, page objects' requests). When
    the crawl stops all do.

    Args:
        crawler: Whose crawl it is.
        serve: Gives a request its proxy, or returns False where none may be selected.
        refuse: Makes the error of a request that has waited too long or must not wait.
        pool: The proxies.
        stats: Of the crawl.
        throttle: Tells which pages are to wait for others.
        longest: Seconds that a page waits, those not counted in which its domain gives others, it
            waits for others, a proxy is but busy, or the domain has said when it takes one again.
        pause: Seconds that the domain has given nothing for, after which a page that it gives ends
            all pauses.

    Attributes:
        lines: Those that wait, by their demand.
    """

    def __init__(
        self,
        crawler: Crawler,
        serve: Callable[[Request], bool],
        refuse: Callable[[Request, str], Exception],
        pool: ProxyPool,
        stats: CrawlStats,
        throttle: Throttle,
        longest: float,
        pause: float,
    ) -> None:
        self._crawler = crawler
        self._serve = serve
        self._refuse = refuse
        self._pool = pool
        self._stats = stats
        self._throttle = throttle
        self._longest = longest
        self._pause = pause
        self.lines: dict[Demand, Line] = {}
        self._answers: WeakKeyDictionary[Request, Answer] = WeakKeyDictionary()
        self._returned: WeakSet[Request] = WeakSet()  # to the scheduler, since the crawl stops
        self._places = Places(crawler)
        self._ticking: AsyncioLoopingCall | LoopingCall | None = None
        self._is_about_to_look = False

    def __len__(self) -> int:
        return sum(map(len, self.lines.values()))

    def has_to_wait(self, request: Request, demand: Demand) -> bool:
        """Tell whether *request* is to let others pass, or would push in front of them."""
        if is_scheduled(request) and self._throttle.holds_back(demand.domain):
            return self._places.has_room()  # without a place it would stand in their way
        line = self.lines.get(demand) if self.lines else None
        return line is not None and bool(line.waiters)

    def remember(self, request: Request, answer: Answer) -> None:
        """Keep what came last for the page that *request* asks for again, should nothing better."""
        self._answers[request] = answer

    async def wait(
        self, request: Request, demand: Demand, pause: float = 0.0
    ) -> Request | Response | None:
        """
        Wait until *request* has its proxy.

        Args:
            request: What asks for the page.
            demand: What it asks with.
            pause: Seconds that it waits in any case.

        Returns:
            None where it has; else what is in its place: what the page has come to before, or a
            copy of *request* for the scheduler.

        Raises:
            Exception: What the page has come to before, where that was one.
            NoProxyForRequestError: It has waited too long and come to nothing.
        """
        waiter = self._enter(request, demand, pause)
        if self._is_closing():
            self.look_soon()
        try:
            return await maybe_deferred_to_future(waiter.came)
        finally:
            waiter.leave()

    def succeeded(self, proxy: Proxy, domain: str | None) -> None:
        """Note that *proxy* has brought a page of *domain*."""
        now = monotonic()
        for line in self.lines.values():
            if not line.demand.is_met_by(proxy, domain):
                continue
            if now - line.gave > self._pause:
                for waiter in line.pausing:
                    waiter.not_before = now
            line.gave = now

    def look_soon(self, seconds: float = 0.0) -> None:
        """Look in *seconds* whether one may go on: an attempt has ended, or a delay will."""
        if self.lines and not self._is_about_to_look:
            self._is_about_to_look = True
            call_later(seconds, self._look)

    def close(self) -> None:
        """Stop the clock."""
        if self._ticking is not None and self._ticking.running:
            self._ticking.stop()

    def _enter(self, request: Request, demand: Demand, pause: float) -> Waiter:
        now = monotonic()
        line = self.lines.get(demand)
        if line is None:
            line = self.lines[demand] = Line(demand, checked=now, gave=now)
        waited = waited_before(request)
        if waited is None:
            self._stats.waiting()
        waiter = Waiter(request, line, Deferred(), now, now + pause, line.dry - (waited or 0.0))
        waiter.put_back = self._places.take(request)
        if pause:
            line.pausing.append(waiter)
        else:
            line.waiters.append(waiter)
        if self._ticking is None:
            self._ticking = create_looping_call(self._look)
        if not self._ticking.running:
            self._ticking.start(_TICK, now=False)
        return waiter

    def _look(self) -> None:
        """Let those go on that may."""
        self._is_about_to_look = False
        is_closing = self._is_closing()
        now = monotonic()
        for line in list(self.lines.values()):
            if is_closing:
                self._clear(line)
            else:
                self._serve_line(line, now)
            if not line:
                del self.lines[line.demand]
        if not self.lines:
            self.close()
        else:
            free = self._pool.next_free()
            if free < _TICK:
                self.look_soon(max(free, 0.0))

    def _clear(self, line: Line) -> None:
        for waiter in line:
            # No scheduler gives anything out by now: who is back came by engine.download_async().
            goes_back = waiter.is_scheduled and waiter.request not in self._returned
            self._end(waiter, self._return if goes_back else self._stop)

    def _serve_line(self, line: Line, now: float) -> None:
        due = [waiter for waiter in line.pausing if waiter.not_before <= now]
        if due:
            line.pausing = [waiter for waiter in line.pausing if waiter.not_before > now]
            line.waiters.extend(due)
        while self._serve_first(line, now):
            pass
        is_held_back = self._throttle.holds_back(line.demand.domain) or self._is_crowded(line)
        if not (
            line.gave > line.checked
            or is_held_back
            or self._pool.has_busy(*line.demand)
            or self._pool.has_told(*line.demand)
        ):
            line.dry += now - line.checked
        line.checked = now
        for waiter in line:
            if waiter.waited > self._longest:
                self._end(waiter, self._give_up)
            elif waiter.put_back is None and now - waiter.began > _PATIENCE and waiter.is_scheduled:
                self._end(waiter, self._hand_back)

    def _serve_first(self, line: Line, now: float) -> bool:
        """
        Let the first of *line* that is not held back go on with a proxy, or with an error.

        Returns:
            Whether one does.
        """
        waiter = self._first(line)
        if waiter is None or self._is_crowded(line):
            return False
        try:
            if not self._serve(waiter.request):
                return False
        except Exception as error:  # noqa: BLE001 (the request's, which gets it)
            waiter.leave()
            waiter.came.errback(error)
            return True
        line.gave = now
        # It has just been made for the request, and is nobody else's yet.
        waiter.request.meta[NOTE]["waited"] = waiter.waited
        waiter.leave()
        waiter.came.callback(None)
        return True

    def _first(self, line: Line) -> Waiter | None:
        if not line.waiters or not self._throttle.holds_back(line.demand.domain):
            return next(iter(line.waiters), None)
        return next((waiter for waiter in line.waiters if not waiter.is_scheduled), None)

    def _is_crowded(self, line: Line) -> bool:
        """Tell whether as many are being downloaded as Scrapy's settings allow."""
        waiter = next(iter(line.waiters), None)
        if waiter is None:
            return False
        return not self._places.may_go_on(waiter.request, self._throttle.under_way)

    def _end(self, waiter: Waiter, come_to: Callable[[Waiter], Request | Response]) -> None:
        """Let *waiter* go on without a proxy, with what *come_to* returns or raises for it."""
        waiter.leave()
        try:
            came = come_to(waiter)
        except Exception as error:  # noqa: BLE001 (the request's, which gets it)
            waiter.came.errback(error)
        else:
            waiter.came.callback(came)

    def _hand_back(self, waiter: Waiter) -> Request:
        copy = hand_back(waiter.request, waiter.waited)
        answer = self._answers.get(waiter.request)
        if answer is not None:
            self._answers[copy] = answer
        return copy

    def _return(self, waiter: Waiter) -> Request:
        copy = self._hand_back(waiter)
        self._returned.add(copy)
        return copy

    def _give_up(self, waiter: Waiter) -> Response:
        error = self._refuse(
            waiter.request, f"it has waited {self._longest:g} s (PROXYWHIRL_WAIT_TIMEOUT) for one"
        )
        answer = self._answers.get(waiter.request)
        if answer is None or not isinstance(error, NoProxyForRequestError):
            raise error
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _stop(self, waiter: Waiter) -> Response:
        raise self._refuse(waiter.request, "the crawl stops")

    def _is_closing(self) -> bool:
        assert self._crawler.engine
        slot = self._crawler.engine._slot  # Scrapy says in no other way that a crawl stops
        return slot is None or slot.closing is not None
