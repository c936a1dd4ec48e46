"""Lists that are here: in the settings, or in a file."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from scrapy_proxywhirl.sources.base import Source, SourceError
from scrapy_proxywhirl.sources.formats import format_of, read_entries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy.crawler import Crawler

    from scrapy_proxywhirl.core import Proxy
    from scrapy_proxywhirl.sources.formats import Entries
    from scrapy_proxywhirl.sources.gateway import Gateway

# What tells one state of a file from another.
_Stamp: TypeAlias = "tuple[int, int, int] | None"


class LocalSource(Source):
    """A source that can be read at once, before the crawl runs too."""

    @abstractmethod
    def read_now(self) -> Entries:
        """
        Return what it has, entry by entry.

        Raises:
            SourceError: As for :meth:`read`.
        """

    async def read(self, crawler: Crawler) -> Entries:
        """
        Return what it has.

        Raises:
            SourceError: As for any source.
        """
        return self.read_now()


class ListSource(LocalSource):
    """
    Proxies that are given as they are.

    Args:
        name: What holds the list.
        proxies: Those.
    """

    def __init__(self, name: str, proxies: Sequence[Proxy | Gateway]) -> None:
        self.name = name
        self._proxies = proxies

    def read_now(self) -> Entries:
        """Return them."""
        return ((f"[{place}]", proxy) for place, proxy in enumerate(self._proxies))


class FileSource(LocalSource):
    """
    A file, in one of the formats of :mod:`scrapy_proxywhirl.sources.formats`, told by its name.

    Args:
        path: Where it is.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self.name = str(path)
        self._read: _Stamp = None
        self._seen: _Stamp = None

    def read_now(self) -> Entries:
        """
        Return what it has.

        Raises:
            SourceError: It cannot be read.
        """
        self._read = self._seen = self._stamp()
        try:
            content = self._path.read_bytes()
        except OSError as error:
            raise SourceError(f"cannot be read: {error.strerror or error}") from None
        return read_entries(content, format_of(self._path.name))

    def has_changed(self) -> bool:
        """Tell whether it is another than was read, and was so before: nobody is writing it."""
        stamp = self._stamp()
        is_settled = stamp == self._seen
        self._seen = stamp
        return is_settled and stamp != self._read

    def _stamp(self) -> _Stamp:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size, stat.st_ino
