"""A list that code of the user's makes."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from inspect import isawaitable, isclass
from typing import TYPE_CHECKING, Any

from scrapy.utils.misc import build_from_crawler
from scrapy.utils.python import global_object_name

from scrapy_proxywhirl.sources.base import Source, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scrapy.crawler import Crawler

    from scrapy_proxywhirl.sources.formats import Entries


class CodeSource(Source):
    """
    A list that code of the user's makes.

    Args:
        code: A function that takes the crawler, or a class with a method ``get_proxies()``, which
            is built as Scrapy builds its components. What either returns is an iterable of entries
            as in PROXYWHIRL_PROXIES, an asynchronous one, or an awaitable of one.
    """

    def __init__(self, code: Any) -> None:
        self.name = global_object_name(code)
        self._code = code
        self._get: Callable[[], Any] | None = None

    async def read(self, crawler: Crawler) -> Entries:
        """
        Call it.

        Raises:
            SourceError: It raised an error, or returned something else than a list.
        """
        try:
            if self._get is None:
                self._get = self._build(crawler)
            given = self._get()
            if isawaitable(given):
                given = await given
            if isinstance(given, AsyncIterable):
                given = [entry async for entry in given]
            elif isinstance(given, Iterable) and not isinstance(given, (str, bytes, dict)):
                given = list(given)
            else:
                raise TypeError(f"it has returned a {type(given).__name__}, which is no list")
        except Exception as error:  # whatever it may be: the crawl goes on
            raise SourceError(f"has failed: {type(error).__name__}: {error}") from error
        return ((f"[{place}]", entry) for place, entry in enumerate(given))

    def _build(self, crawler: Crawler) -> Callable[[], Any]:
        if isclass(self._code):
            built: Any = build_from_crawler(self._code, crawler)
            return built.get_proxies  # type: ignore[no-any-return]
        return lambda: self._code(crawler)
