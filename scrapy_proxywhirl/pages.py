"""Pages of scrapy-playwright's browser, and how they are closed."""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from scrapy.utils.misc import load_object

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Awaitable, Callable

    from scrapy import Request

PAGE = "playwright_page"
INIT = "playwright_page_init_callback"

# A page that is not closed after so many seconds is told to close once more, so many times.
_PATIENCE = 2.0
_TIMES = 3

_under_way: set[Future[None]] = set()


async def init_page(own: Any, page: Any, request: Request) -> None:
    """
    Have *page*, which is new, told to close again where it does not; then do what is done besides.

    Chromium forgets that a page is to be closed where it commits a navigation just then
    (https://issues.chromium.org/issues/536385539): one that has timed out a moment before, or a
    page's own redirect. Playwright waits for ever, and the crawl with it.

    Args:
        own: The request's own ``playwright_page_init_callback``: a callable or its path; None for
            nothing.
        page: As scrapy-playwright has made it.
        request: What it is for.
    """
    page.close = partial(_close, page, page.close)
    if own:
        await load_object(own)(page, request)


async def _close(page: Any, close: Callable[..., Awaitable[None]], **options: Any) -> None:
    closing = asyncio.ensure_future(close(**options))
    for _ in range(_TIMES):
        closed, _open = await asyncio.wait([closing], timeout=_PATIENCE)
        if closed:
            break
        _let_run(_close_again(page))
    await closing


async def _close_again(page: Any) -> None:
    """Tell the browser itself; Playwright asks it once, however often it is asked."""
    from playwright.async_api import Error

    try:
        session = await page.context.new_cdp_session(page)
        await session.send("Page.close")
    except Error:  # it is closed by now, or the browser is none that speaks CDP
        pass


def close_page(request: Request) -> None:
    """
    Close the page that *request* kept open (``playwright_include_page``): it is sent once more.

    On Windows, where the browser is another thread's, the page stays open to the crawl's end.
    """
    page = request.meta.pop(PAGE, None)
    if page is None or page.is_closed() or sys.platform == "win32":
        return
    _let_run(page.close())


def _let_run(work: Awaitable[None]) -> None:
    task = asyncio.ensure_future(work)
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)
