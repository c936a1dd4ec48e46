"""What a request carries of its attempts, under ``meta["_proxywhirl"]``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, TypedDict, cast
from urllib.parse import SplitResult

from scrapy.utils.httpobj import urlparse_cached

from scrapy_proxywhirl.contexts import take_back
from scrapy_proxywhirl.core.identity import id_of

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

    from scrapy_proxywhirl.core import Proxy

NOTE = "_proxywhirl"

_OF_FAILURES = ("failures", "incidents", "at_fault", "exhausted", "waited", "shortest_timeout")


class Note(TypedDict, total=False):
    """
    What of an attempt must travel with the request.

    Plain values only, since meta is pickled with JOBDIR, and never changed once it is there, since
    copies of a request share it.
    """

    proxy_id: str
    proxy: str | None  # as HttpProxyMiddleware leaves it in meta["proxy"]: without credentials
    url: str  # of the request
    number: int  # of attempts at this page
    failed: list[str]  # ids of the proxies that failed this page
    failures: int  # attempts that did
    incidents: list[int]  # the numbers of what they did to their proxies
    at_fault: bool  # the page is to blame for them
    exhausted: bool  # it has had its retries
    timeout: float  # what an attempt has, in seconds, where that is less than the request's own
    own_timeout: float  # the request's own then
    shortest_timeout: float  # what the first of those had that were too short
    pause: float  # seconds that it is to wait
    waited: float  # seconds that it has, in which its domain gave nothing
    dont_filter: bool  # the request's own, while it is on its way through the scheduler again
    is_start_request: bool  # so, where Scrapy was not to put it behind all that it starts with
    slot: str  # the downloader slot, where we chose it
    label: str
    country: str | None
    tags: list[str]
    session: str | None
    response_time_ms: float  # there once the proxy has brought a response


def new_note(
    request: Request, proxy: Proxy, earlier: Note | None, session: str | None = None
) -> Note:
    """
    Return the note of an attempt that begins.

    Args:
        request: What is sent.
        proxy: What it is sent through.
        earlier: The note of the attempt before at the same page.
        session: The sticky session that the page is part of; None for none.
    """
    note = Note(
        proxy_id=proxy.id,
        proxy=proxy.url,
        url=request.url,
        number=1,
        failed=[],
        label=proxy.label,
        country=proxy.country,
        tags=list(proxy.tags),
        session=session,
    )
    if earlier:
        note.update(of_the_page(earlier))
        note["number"] = earlier["number"] + 1
    return note


def waited_before(request: Request) -> float | None:
    """Return how many seconds the page has waited; None where it has not had to."""
    earlier = earlier_note(request)
    return earlier.get("waited") if earlier else None


def forget_failures(note: Note) -> Note:
    """Return *note* as it is once the page has been had."""
    kept = {name: value for name, value in note.items() if name not in _OF_FAILURES}
    return cast("Note", kept)


def of_the_page(note: Note | None) -> Note:
    """Return what the next attempt at the same page has to know."""
    kept: Note = {"failed": []}
    for name in ("failed", *_OF_FAILURES):
        if note and name in note:
            kept[name] = note[name]  # type: ignore[literal-required]
    return kept


@dataclass(frozen=True, slots=True)
class UsedProxy:
    """
    The proxy that a response came through; false where it came through none of the pool.

    Attributes:
        label: Its public name; empty where there was none.
        country: ISO 3166 code, where it was given with the proxy.
        tags: Those given with the proxy.
        session: The sticky session that the page is part of; None where it is part of none.
        attempt: 1 for the first attempt at the page; 0 where no proxy was tried.
        response_time_ms: From sending the request to the response's headers, in milliseconds; to
            the end of its body with ``PROXYWHIRL_MEASURE = "total"``; 0 where no proxy was used.
    """

    label: str = ""
    country: str | None = None
    tags: tuple[str, ...] = ()
    session: str | None = None
    attempt: int = 0
    response_time_ms: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.label)


def used_proxy(response: Response) -> UsedProxy | None:
    """
    Tell which proxy *response* came through.

    Args:
        response: As a callback or a page object has it.

    Returns:
        The proxy; None where the response came through none of the pool, as from the cache.
    """
    return used_proxy_of(response.request) if response.request else None


def used_proxy_of(request: Request) -> UsedProxy | None:
    """Tell which proxy the response to *request* came through; None for none of the pool."""
    note: Note = request.meta.get(NOTE, {})
    if "response_time_ms" not in note:
        return None
    return UsedProxy(
        label=note["label"],
        country=note["country"],
        tags=tuple(note["tags"]),
        session=note.get("session"),
        attempt=note["number"],
        response_time_ms=note["response_time_ms"],
    )


def is_ours_to_assign(request: Request) -> bool:
    """
    Tell whether the proxy of *request* is for us to choose.

    It is not where the user has said ``meta["proxywhirl"] = False`` or has chosen a proxy, or none
    (``meta["proxy"] = None``). What an earlier attempt of ours, or Scrapy from the environment, has
    left in ``meta["proxy"]`` of a request that was copied since is no choice of the user's.
    """
    meta = request.meta
    if meta.get("proxywhirl") is False or not request.url.startswith(("http:", "https:")):
        return False
    if "proxy" not in meta or "_scheme_proxy" in meta:
        return True
    note: Note = meta.get(NOTE, {})
    if not note:
        return False
    if "proxy" in note and meta["proxy"] == note["proxy"]:
        return True
    # A request that never got as far as HttpProxyMiddleware has its credentials still; the proxy
    # may have left the pool since.
    proxy = meta["proxy"]
    return isinstance(proxy, str) and id_of(proxy) == note.get("proxy_id")


def earlier_note(request: Request) -> Note | None:
    """Return the note of an earlier attempt at the same page; None for what a copy brought."""
    note: Note | None = request.meta.get(NOTE)
    return note if note and note["url"] == request.url else None


def proxy_to_stay_on(request: Request) -> str | None:
    """Return the id of the proxy that redirected to *request*; None where none did well."""
    note: Note | None = request.meta.get(NOTE)
    urls = request.meta.get("redirect_urls")
    if not note or not urls or urls[-1] != note["url"]:
        return None
    proxy_id = note.get("proxy_id")
    return None if proxy_id in note["failed"] else proxy_id


def domain_of(request: Request) -> str | None:
    """Return whose page *request* asks for: the hostname of its URL."""
    return _hostname(urlparse_cached(request).netloc)


@lru_cache(1024)
def _hostname(netloc: str) -> str | None:
    return SplitResult("", netloc, "", "", "").hostname


def forget_note(request: Request) -> None:
    """Take from *request*, which is not ours to assign, what a copy has brought of our attempts."""
    take_back(request)
    note: Note = request.meta.pop(NOTE, {})
    if "slot" in note and request.meta.get("download_slot") == note["slot"]:
        del request.meta["download_slot"]


def choose_slot(request: Request, proxy: Proxy, slots: str) -> str | None:
    """
    Put *request* into the downloader slot of *proxy*.

    Args:
        request: With the note of the attempt before, if there was one.
        proxy: What it is sent through.
        slots: ``"proxy"`` for one slot for each proxy, ``"domain+proxy"`` for one for each pair.

    Returns:
        The slot; None where the user has chosen one, which stays.
    """
    note: Note = request.meta.get(NOTE, {})
    chosen = request.meta.get("download_slot")
    if chosen is not None and chosen != note.get("slot"):
        return None
    # By the id, not the label: with JOBDIR the name of a slot becomes a directory's.
    slot = proxy.id if slots == "proxy" else f"{domain_of(request)}|{proxy.id}"
    request.meta["download_slot"] = slot
    return slot
