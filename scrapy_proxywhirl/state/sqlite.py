"""What was learned, in a file of SQLite."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from itertools import islice
from pathlib import Path
from time import strftime, time
from typing import TYPE_CHECKING, Any

from scrapy_proxywhirl.state.store import (
    LONGEST_MS,
    Answer,
    Store,
    StoreError,
    records_of,
    rests_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scrapy_proxywhirl.core.journal import Change, Record, SharedRest

logger = logging.getLogger(__name__)

# Of the tables below. A file of another version is not read.
_VERSION = 1

# "pwhl": the file is one of ours.
_APPLICATION = 0x7077686C

# Seconds for which somebody else's exchange is waited for.
_BUSY = 5.0

# What was not used for so many seconds is forgotten: 90 days.
_FORGOTTEN_AFTER = 90 * 86400.0

# So many ids in one statement.
_AT_ONCE = 500

_TABLES = """
CREATE TABLE proxies (
    id TEXT PRIMARY KEY,  -- a hash
    ema_ms REAL,
    is_guess INTEGER NOT NULL,
    failing INTEGER NOT NULL,
    successes INTEGER NOT NULL,
    bans INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    used REAL NOT NULL,  -- seconds since 1970 began
    number INTEGER NOT NULL  -- of the exchange that was the last to change it
) WITHOUT ROWID;
CREATE INDEX proxies_by_number ON proxies (number);
CREATE TABLE rests (
    id TEXT NOT NULL,
    domain TEXT NOT NULL,  -- empty for all
    until REAL NOT NULL,  -- seconds since 1970 began
    step INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (id, domain)
) WITHOUT ROWID;
CREATE INDEX rests_by_number ON rests (number);
CREATE TABLE exchanges (number INTEGER NOT NULL);
INSERT INTO exchanges VALUES (0);
"""

# The factor and the offset are of what others have made of the average meanwhile. What cannot be
# one, as a text, which is more than any number, is overwritten.
_CHANGE = """
INSERT INTO proxies
VALUES (:id, :ema_ms, :is_guess, :failing, :successes, :bans, :failures, :now, :number)
ON CONFLICT (id) DO UPDATE SET
    ema_ms = CASE
        WHEN ema_ms IS NULL OR NOT (ema_ms >= 0 AND ema_ms < :longest) THEN excluded.ema_ms
        WHEN excluded.ema_ms IS NOT NULL THEN :factor * ema_ms + :offset
        WHEN is_guess AND :factor = 0 THEN NULL
        ELSE ema_ms
    END,
    is_guess = excluded.is_guess,
    failing = excluded.failing,
    successes = successes + excluded.successes,
    bans = bans + excluded.bans,
    failures = failures + excluded.failures,
    used = excluded.used,
    number = excluded.number
"""

_REST = """
INSERT INTO rests VALUES (:id, :domain, :until, :step, :number)
ON CONFLICT (id, domain) DO UPDATE SET
    until = excluded.until, step = excluded.step, number = excluded.number
"""

_COLUMNS = "id, ema_ms, is_guess, failing, successes, bans, failures, used"


class SqliteStore(Store):
    """
    Keeps what was learned in a file of SQLite, which several crawls may have open.

    Each exchange is a transaction of a write-ahead log, so that whatever ends the process leaves a
    file that has all exchanges but, at most, the last.

    A file that is damaged or of another version is put aside, under its name with the time behind
    it, and a new one begun. A database of somebody else's is left as it is, and nothing is kept.

    Args:
        path: Of the file.
    """

    patience = 2 * _BUSY

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self.name = str(path)
        self._connection: sqlite3.Connection | None = None
        self._seen = 0  # the number of the last exchange of ours

    def exchange(
        self,
        changes: Sequence[Change],
        rests: Sequence[SharedRest],
        wanted: Sequence[str],
    ) -> Answer:
        """
        Take in what was learned here, all of it or nothing; return what others have.

        Raises:
            StoreError: It could not.
        """
        try:
            try:
                return self._exchange(changes, rests, wanted)
            except sqlite3.DatabaseError as error:
                if not _is_damaged(error):
                    raise
                self._put_aside(str(error))
                return self._exchange(changes, rests, wanted)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"cannot be used: {error}") from None

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _exchange(
        self, changes: Sequence[Change], rests: Sequence[SharedRest], wanted: Sequence[str]
    ) -> Answer:
        try:
            is_new = self._connection is None and self._connect()
            assert self._connection is not None
            now = time()
            seen = self._seen
            with self._connection, closing(self._connection.cursor()) as cursor:
                cursor.execute("BEGIN IMMEDIATE")
                (number,) = cursor.execute("SELECT number + 1 FROM exchanges").fetchone()
                others = self._changed_since(cursor, seen, number)
                cursor.executemany(_CHANGE, _rows(changes, now, number))
                cursor.executemany(_REST, _rows_of_rests(rests, now, number))
                cursor.execute("UPDATE exchanges SET number = ?", (number,))
                records = list(self._records(cursor, {*others, *wanted}, now))
                shared = list(self._rests(cursor, wanted, seen, number, now))
        except BaseException:
            self.close()
            raise
        self._seen = number
        return Answer(records, shared, has_forgotten=is_new and seen > 0)

    def _changed_since(self, cursor: sqlite3.Cursor, seen: int, number: int) -> list[str]:
        if not seen or number == seen + 1:  # nobody else was here in between
            return []
        rows = cursor.execute("SELECT id FROM proxies WHERE number > ?", (seen,))
        return [proxy_id for (proxy_id,) in rows]

    def _records(self, cursor: sqlite3.Cursor, proxy_ids: set[str], now: float) -> Iterator[Record]:
        for some in _chunks(proxy_ids):
            query = f"SELECT {_COLUMNS} FROM proxies WHERE id IN ({_marks(some)})"
            rows = (
                (proxy_id, ema_ms, bool(is_guess), counts, used)
                for proxy_id, ema_ms, is_guess, *counts, used in cursor.execute(query, some)
            )
            yield from records_of(rows, now)

    def _rests(
        self, cursor: sqlite3.Cursor, wanted: Sequence[str], seen: int, number: int, now: float
    ) -> Iterator[SharedRest]:
        found: dict[tuple[str, str], tuple[float, int]] = {}
        columns = "SELECT id, domain, until, step FROM rests"
        rows: list[Any] = []
        if number > seen + 1 and seen:
            rows += cursor.execute(f"{columns} WHERE number > ? AND number < ?", (seen, number))
        for some in _chunks(wanted):
            query = f"{columns} WHERE until > ? AND id IN ({_marks(some)})"
            rows += cursor.execute(query, (now, *some))
        found = {(proxy_id, domain): (until, step) for proxy_id, domain, until, step in rows}
        yield from rests_of(((*of, *rest) for of, rest in found.items()), now)

    def _connect(self) -> bool:
        """Open the file, or begin it; return whether it is new."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = connection = sqlite3.connect(
            self._path, timeout=_BUSY, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA synchronous = NORMAL")
        if _is_blank(connection):
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            is_new = _is_blank(connection)  # else somebody else has begun it meanwhile
            if is_new:
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute("COMMIT")
            return is_new
        ((application,),) = connection.execute("PRAGMA application_id")
        ((version,),) = connection.execute("PRAGMA user_version")
        if application != _APPLICATION:
            raise StoreError("is a database of somebody else's; name another file")
        if version != _VERSION:
            raise _UnreadableError(f"it is of version {version} and this is version {_VERSION}")
        ((state,),) = connection.execute("PRAGMA quick_check(1)")
        if state != "ok":
            raise _UnreadableError(f"it is damaged: {state}")
        forgotten = time() - _FORGOTTEN_AFTER
        connection.execute("DELETE FROM proxies WHERE used < ?", (forgotten,))
        connection.execute("DELETE FROM rests WHERE until < ?", (forgotten,))
        return False

    def _put_aside(self, reason: str) -> None:
        aside = f"{self._path}.{strftime('%Y%m%dT%H%M%S')}"
        for ending in ("", "-wal", "-shm"):
            path = Path(f"{self._path}{ending}")
            if path.exists():
                path.replace(f"{aside}{ending}")
        logger.warning(
            "What was learned before cannot be read from %s: %s. The file is kept as %s, and a new"
            " one begun.",
            self._path,
            reason,
            aside,
        )


class _UnreadableError(sqlite3.DatabaseError):
    """The file is one of ours, and cannot be read."""


def _is_blank(connection: sqlite3.Connection) -> bool:
    """Tell whether nothing is in the file yet."""
    ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_master")
    return not tables


def _is_damaged(error: Exception) -> bool:
    """Tell whether the file is to blame, and not that it is in use, or a disk that is full."""
    if isinstance(error, _UnreadableError):
        return True
    if type(error) is sqlite3.DatabaseError:  # "malformed", "not a database"
        return True
    return isinstance(error, sqlite3.OperationalError) and "no such" in str(error)


def _rows(changes: Iterable[Change], now: float, number: int) -> Iterator[dict[str, Any]]:
    for change in changes:
        row = change._asdict()
        row["id"] = row.pop("proxy_id")
        yield {**row, "now": now, "number": number, "longest": LONGEST_MS}


def _rows_of_rests(
    rests: Iterable[SharedRest], now: float, number: int
) -> Iterator[dict[str, Any]]:
    for rest in rests:
        yield {
            "id": rest.proxy_id,
            "domain": rest.domain or "",
            "until": now + rest.seconds if rest.seconds else 0.0,
            "step": rest.step,
            "number": number,
        }


def _chunks(items: Iterable[str]) -> Iterator[list[str]]:
    left = iter(items)
    while some := list(islice(left, _AT_ONCE)):
        yield some


def _marks(some: Sequence[str]) -> str:
    return ", ".join("?" * len(some))
