"""How long an attempt may take."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from scrapy.http.request import NO_CALLBACK

from scrapy_proxywhirl.core.quantile import StreamingQuantile
from scrapy_proxywhirl.note import NOTE, Note

if TYPE_CHECKING:
    from scrapy import Request

# The share of the responses that are in time, times a factor, at the first try.
_SHARE = 0.99

# So many responses of a domain are waited for before anything is made of them, and after so many
# the estimate begins anew, so that it follows a domain that becomes faster or slower.
_KNOWN_AFTER = 50
_ANEW_AFTER = 2000

# In seconds: no try has less.
_LEAST = 1.0

# So many domains are remembered, the latest.
_DOMAINS = 1024


class Timeouts:
    """
    Sets each attempt's ``download_timeout``.

    Args:
        limit: Seconds for a request that has no more than Scrapy's default; None for that.
        default: Scrapy's, in seconds.
        factor: In how many times the 99th percentile of what a domain's responses take a GET or
            HEAD must be answered at its first try; 0 for its own time-out.
        tries: Which try has its own time-out whatever others take; each one before has twice that
            of the one before it.

    Attributes:
        are_adaptive: Whether attempts may have less than the request's own.
    """

    def __init__(self, limit: float | None, default: float, factor: float, tries: int) -> None:
        self._limit = limit
        self._default = default
        self._factor = factor
        self.are_adaptive = bool(factor)
        self._tries = tries
        self._domains: OrderedDict[str | None, _Domain] = OrderedDict()

    def set_for(self, request: Request, note: Note, domain: str | None) -> None:
        """
        Set the time-out of an attempt.

        Args:
            request: What is sent, with the time-out that is its own.
            note: Its note, which is told of a shorter one.
            domain: Whose page it asks for.
        """
        meta = request.meta
        own = meta.get("download_timeout", self._default)
        # Scrapy's own default of three minutes is how long a proxy that closes a connection during
        # CONNECT blocks a request.
        if self._limit is not None and own == self._default:
            own = meta["download_timeout"] = self._limit
        is_page = request.method in ("GET", "HEAD") and request.callback is not NO_CALLBACK
        if not self.are_adaptive or not is_page:
            return
        tries = note.get("failures", 0)
        known = self._domains.get(domain)
        if known is None or tries + 1 >= self._tries or meta.get("dont_retry"):
            return
        usual = known.usual
        if usual is None:
            return
        timeout = max(_LEAST, self._factor * usual) * 2.0**tries
        if timeout < own or own == 0:
            note["own_timeout"] = own
            note["timeout"] = meta["download_timeout"] = timeout

    def took(self, domain: str | None, seconds: float) -> None:
        """Learn from a response of *domain*, which was complete after *seconds*."""
        known = self._domains.get(domain)
        if known is None:
            known = self._domains[domain] = _Domain()
            if len(self._domains) > _DOMAINS:
                self._domains.popitem(last=False)
        known.add(seconds)


class _Domain:
    """What the responses of a domain take."""

    __slots__ = ("_before", "_now")

    def __init__(self) -> None:
        self._now = StreamingQuantile(_SHARE)
        self._before: float | None = None

    @property
    def usual(self) -> float | None:
        """What all but a few take, in seconds; None while that is not known."""
        return self._now.value if self._now.count >= _KNOWN_AFTER else self._before

    def add(self, seconds: float) -> None:
        """Take a response into account."""
        if self._now.count >= _ANEW_AFTER:
            self._before = self._now.value
            self._now = StreamingQuantile(_SHARE)
        self._now.add(seconds)


def restore_timeout(request: Request) -> None:
    """Give *request* the time-out back that was its own before an attempt had a shorter one."""
    note: Note = request.meta.get(NOTE, {})
    if "timeout" in note and request.meta.get("download_timeout") == note["timeout"]:
        request.meta["download_timeout"] = note["own_timeout"]
