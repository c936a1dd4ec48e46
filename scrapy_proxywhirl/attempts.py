"""The attempts under way, each found by its request."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Collection

    from scrapy import Request

    from scrapy_proxywhirl.core import Proxy, Strategy
    from scrapy_proxywhirl.note import Note


@dataclass(slots=True, eq=False)
class Attempt:
    """
    One request through one proxy, from selection to its outcome.

    Attributes:
        proxy: What the request goes through.
        strategy: What has selected it.
        note: What the request carries of it.
        started: When the proxy was selected, in seconds of a monotonic clock.
        domain: Whose page it is: the URL's hostname.
        headers_at: When the response's headers came, by that clock; None where that is not asked.
        body_seconds: From there to the end of its body.
        is_downloaded: Whether a download handler has brought a response.
        asked: What the judge's ``ask`` has said of that response; None where it was not called.
    """

    proxy: Proxy
    strategy: Strategy
    note: Note
    started: float
    domain: str | None
    headers_at: float | None = None
    body_seconds: float = 0.0
    is_downloaded: bool = False
    asked: Any = None


class OpenAttempts:
    """
    The attempts under way, each found by its request.

    They are kept beside the requests and not in their meta, where they would travel with copies and
    be pickled.

    An attempt is lost when its request is dropped while it is open. So end those of which neither
    hook of a downloader middleware hears: where a later middleware returns a Request, where one
    raises in its process_response, where a download is cancelled.
    """

    def __init__(self) -> None:
        self._by_request: dict[ref[Request], Attempt] = {}
        self._lost: deque[Attempt] = deque()

    def open(self, request: Request, attempt: Attempt) -> None:
        """Keep *attempt* until it is taken, or lost; one that *request* had before is lost."""
        before = self.take(request)
        if before is not None:
            self._lost.append(before)
        self._by_request[ref(request, self._request_is_gone)] = attempt

    def get(self, request: Request) -> Attempt | None:
        """Return the open attempt of *request*, or None."""
        return self._by_request.get(ref(request))

    def take(self, request: Request) -> Attempt | None:
        """Return the open attempt of *request*, or None, and keep it no longer."""
        return self._by_request.pop(ref(request), None)

    def take_lost(self, active: Collection[Request] | None = None) -> list[Attempt]:
        """
        Return the attempts that were lost since this was last asked.

        Args:
            active: The requests that are not, though somebody may keep others; None to take all
                that are kept for under way.
        """
        lost = []
        if active is not None:
            for reference in list(self._by_request):
                request = reference()
                if request is not None and request not in active:
                    lost.append(self._by_request.pop(reference))
        while self._lost:
            lost.append(self._lost.popleft())
        return lost

    def take_all(self) -> list[Attempt]:
        """Return all attempts that are open or were lost, and keep none."""
        attempts = list(self._by_request.values())
        self._by_request.clear()
        return self.take_lost() + attempts

    def _request_is_gone(self, reference: ref[Request]) -> None:
        # The garbage collector may call this in the middle of anything, a selection that holds the
        # pool's lock included: so it only takes note.
        attempt = self._by_request.pop(reference, None)
        if attempt is not None:
            self._lost.append(attempt)
