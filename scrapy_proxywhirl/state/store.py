"""What keeps what was learned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scrapy_proxywhirl.core.journal import Record, SharedRest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scrapy_proxywhirl.core.journal import Change

# In milliseconds: thirty years, which no response takes. Where a store has more, or less than
# nothing, it is not ours.
LONGEST_MS = 1e12


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


def records_of(
    rows: Iterable[tuple[str, float | str | None, bool, Sequence[int | str], float | str]],
    now: float,
) -> Iterator[Record]:
    """
    Make records of what a store has, which somebody else may have written, or a bad disk.

    Args:
        rows: Of each proxy its id; its average, in milliseconds, None without one; whether that is
            made of failures alone; failures in a row, successes, bans and failures; and when it was
            last used, in seconds since 1970 began.
        now: The same of now.

    Yields:
        A record for each row but those that nobody can have told.
    """
    for proxy_id, ema_ms, is_guess, counts, used in rows:
        try:
            average = None if ema_ms is None else float(ema_ms)
            failing, successes, bans, failures = map(int, counts)
            age = max(0.0, now - float(used))
        except (ArithmeticError, TypeError, ValueError):
            continue
        is_average = average is None or 0.0 <= average < LONGEST_MS
        if is_average and min(failing, successes, bans, failures) >= 0:
            yield Record(proxy_id, average, is_guess, failing, successes, bans, failures, age)


def rests_of(
    rows: Iterable[tuple[str, str, float | str, int | str]], now: float
) -> Iterator[SharedRest]:
    """
    Make rests of what a store has.

    Args:
        rows: Of each its proxy's id; the domain, empty for all; when it is over, in seconds since
            1970 began; and failures in a row.
        now: As for :func:`records_of`.

    Yields:
        A rest for each row but those that are none.
    """
    for proxy_id, domain, until, step in rows:
        try:
            rest = SharedRest(proxy_id, domain or None, max(0.0, float(until) - now), int(step))
        except (ArithmeticError, TypeError, ValueError):
            continue
        yield rest
