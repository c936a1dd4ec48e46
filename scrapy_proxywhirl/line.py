"""A line of pages that wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scrapy.http.request import NO_CALLBACK

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response
    from twisted.internet.defer import Deferred

    from scrapy_proxywhirl.choice import Demand


def is_scheduled(request: Request) -> bool:
    """Tell whether *request* has come from the scheduler: nobody waits for what comes of it."""
    return request.callback is not NO_CALLBACK


@dataclass(slots=True, eq=False)
class Waiter:
    """
    One page that waits.

    Attributes:
        request: What asks for it.
        line: Where it stands.
        came: Fires when it goes on: with None once it has a proxy, else with what is in its place.
        began: When it came, by a monotonic clock in seconds.
        not_before: When it is to go on at the earliest.
        dry_before: What :attr:`Line.dry` was, less what the page has waited before.
        put_back: Puts it back to what is being downloaded; None where it has not been taken out.
    """

    request: Request
    line: Line
    came: Deferred[Request | Response | None]
    began: float
    not_before: float
    dry_before: float
    put_back: Callable[[], None] | None = None

    @property
    def waited(self) -> float:
        """Seconds that the page has waited in all, in which its domain gave nothing."""
        return self.line.dry - self.dry_before

    @property
    def is_scheduled(self) -> bool:
        """Whether its request has come from the scheduler, which can have it back."""
        return is_scheduled(self.request)

    def leave(self) -> None:
        """Leave the line, and be downloaded or what else there is."""
        for waiters in (self.line.waiters, self.line.pausing):
            if self in waiters:
                waiters.remove(self)
        if self.put_back is not None:
            self.put_back()
            self.put_back = None


@dataclass(slots=True, eq=False)
class Line:
    """
    Those that wait for proxies of one kind, with pages of one domain.

    Attributes:
        demand: What they are asked for with.
        checked: When it was last looked at, by a monotonic clock in seconds.
        gave: When such a proxy last brought a page of the domain, or one of these got a proxy.
        dry: Seconds so far in which neither was so.
        waiters: Those whose turn it is to come, the first first.
        pausing: Those that come to stand behind them later.
    """

    demand: Demand
    checked: float
    gave: float
    dry: float = 0.0
    waiters: deque[Waiter] = field(default_factory=deque)
    pausing: list[Waiter] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.waiters) + len(self.pausing)

    def __iter__(self) -> Iterator[Waiter]:
        """Iterate over those that stand or pause now, whoever leaves meanwhile."""
        return iter([*self.waiters, *self.pausing])
