"""What keeps what was learned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scrapy_proxywhirl.core.journal import Change, Record, SharedRest


class StoreError(Exception):
    """
    A store could not do what it should, now. Its text shows no secret.

    Attributes:
        is_kept: Whether the store keeps what it was told, and sees to it the next time: then it is
            not to be told again, nor anything else before that has been done.
    """

    def __init__(self, message: str, is_kept: bool = False) -> None:
        super().__init__(message)
        self.is_kept = is_kept


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What others have learned.

    Attributes:
        records: Of proxies that were asked for, or that others have used since the last exchange.
        rests: Which they told of since, and those of the proxies that were asked for.
        has_forgotten: Whether the store knows nothing of what it was told before: it is another, or
            was emptied.
    """

    records: Sequence[Record] = field(default=())
    rests: Sequence[SharedRest] = field(default=())
    has_forgotten: bool = False


class Store(ABC):
    """
    Keeps what was learned.

    Its methods may take their time; they are called in a thread of their own, one after the other.

    Attributes:
        name: As logs show it, without secrets.
        patience: Seconds that a crawl waits for it when it starts, and when it ends.
    """

    name: str
    patience: float

    @abstractmethod
    def exchange(
        self,
        changes: Sequence[Change],
        rests: Sequence[SharedRest],
        wanted: Sequence[str],
    ) -> Answer:
        """
        Take in what was learned here, all of it or nothing; return what others have.

        Args:
            changes: Of proxies.
            rests: That began or ended.
            wanted: The ids of proxies of which everything is to be told.

        Raises:
            StoreError: It could not. What was learned is to be told again, unless the store keeps
                it itself.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of what it holds."""
