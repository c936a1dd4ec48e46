"""What a source of proxies is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from scrapy_proxywhirl.sources.formats import Entries


class SourceError(Exception):
    """A source has nothing to give now. Its text follows the source's name, and shows no secret."""


class Source(ABC):
    """
    Where proxies come from.

    Attributes:
        name: As logs show it, without secrets.
    """

    name: str

    @abstractmethod
    async def read(self, crawler: Crawler) -> Entries | None:
        """
        Return what it has, entry by entry; None where that is what it had the last time.

        Raises:
            SourceError: It has nothing to give now; so may the iterator that is returned.
        """

    def has_changed(self) -> bool:
        """Tell, without waiting, whether it is to be read at once."""
        return False
