"""How a request goes on other than through a proxy: back to the scheduler, or directly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_proxywhirl.credentials import forget_credentials
from scrapy_proxywhirl.note import NOTE, Note, earlier_note, forget_note, of_the_page
from scrapy_proxywhirl.pages import close_page

if TYPE_CHECKING:
    from scrapy import Request


def for_scheduler(request: Request, note: Note) -> Request:
    """Return a copy of *request*, with *note*, that the scheduler takes; see :func:`restore`."""
    copy = request.copy()
    copy.meta[NOTE] = {**note, "dont_filter": request.dont_filter}
    copy.dont_filter = True  # it has been seen, of course
    return copy


def restore(request: Request, earlier: Note) -> None:
    """Let *request*, which is sent once more, be what it was before its first attempt."""
    close_page(request)
    if "dont_filter" in earlier:  # else its redirects would not be filtered
        request.dont_filter = earlier["dont_filter"]
    if "is_start_request" in earlier:
        request.meta["is_start_request"] = earlier["is_start_request"]


def hand_back(request: Request, waited: float) -> Request:
    """
    Return a copy of *request*, which found no proxy, for the scheduler.

    Args:
        request: What asks for the page.
        waited: Seconds that it has waited in all, in which its domain gave nothing.
    """
    earlier = earlier_note(request)
    before: Note = request.meta.get(NOTE, {})
    note = of_the_page(earlier)
    note["url"] = request.url
    note["number"] = earlier["number"] if earlier else 0
    note["waited"] = waited
    if "proxy" in before:  # so that it is known for ours if it stands in meta
        note["proxy_id"], note["proxy"] = before["proxy_id"], before["proxy"]
    copy = for_scheduler(request, note)
    forget_credentials(copy)
    return copy


def send_directly(request: Request) -> None:
    """Let *request* go out without a proxy, and be known for ours when it comes again."""
    forget_credentials(request)
    forget_note(request)
    request.meta["proxy"] = None
    request.meta[NOTE] = Note(url=request.url, number=0, failed=[], proxy=None)
