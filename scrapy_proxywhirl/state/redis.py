"""What was learned, in a Redis server, for crawls on many machines."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from scrapy_proxywhirl.state.store import (
    LONGEST_MS,
    Answer,
    Store,
    StoreError,
    records_of,
    rests_of,
)

if TYPE_CHECKING:
    from scrapy_proxywhirl.core.journal import Change, Record, SharedRest

DEFAULT_NAMESPACE = "proxywhirl"

# The path of a URL.
_DATABASE = re.compile(r"/?|/[0-9]+", re.ASCII)

# Seconds for which the server is waited for, each time.
_TIMEOUT = 2.0

# What others have changed comes in parts of so many proxies: those changed first, first.
_AT_MOST = 1000

# So many proxies, at most, are told of and asked for in one call, so that none holds the server up.
_IN_ONE_CALL = 1000

# Seconds for which it is known which call of a crawl was heard last.
_HEARD = 3600

# What nobody has used for so many seconds is forgotten: 90 days, and an hour after its end a rest.
_FORGOTTEN_AFTER = 90 * 86400
_RESTS_FORGOTTEN_AFTER = 3600

# A proxy's figures stand in one text, its average to 17 digits, which is all of it. What is no such
# text is as good as nothing, and the next change overwrites it.
_FIGURES = 7
_SCRIPT = """
local proxies, changed, rests, rests_changed, about, heard = unpack(KEYS)
local told = cjson.decode(ARGV[1])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6

local epoch = redis.call('HGET', about, 'epoch')
if not epoch then
    epoch = told.epoch
    redis.call('HSET', about, 'epoch', epoch)
end
local number = tonumber(redis.call('HGET', about, 'number')) or 0

-- What others have changed since, but for what is being changed.
local seen = told.seen
local is_known = told.seen >= 0 and told.seen <= number
local found = {}
local function find(key)
    local some = {}
    if is_known and number > seen then
        some = redis.call(
            'ZRANGEBYSCORE', key, '(' .. seen, '+inf', 'WITHSCORES', 'LIMIT', 0, told.at_most)
    end
    local names = {}
    for place = 1, #some, 2 do
        names[#names + 1] = some[place]
    end
    local is_all = #names < told.at_most
    return names, is_all and number or tonumber(some[#some])
end
local others, others_to = find(changed)
local others_rests, rests_to = find(rests_changed)
local is_all = others_to == number and rests_to == number

local function read(text)
    local values = {}
    for value in string.gmatch(text or '', '[^|]+') do
        local figure = tonumber(value)
        if figure and not (figure >= 0 and figure < told.longest) then
            return nil  -- NaN too, which is neither
        end
        if not figure and (value ~= '-' or #values > 0) then
            return nil
        end
        values[#values + 1] = figure or false
    end
    return #values == 7 and values or nil
end
local function write(value)
    return value and string.format('%.17g', value) or '-'
end

-- A call whose answer was lost is made again, and changes nothing then.
if redis.call('GET', heard) == told.turn then
    told.changes, told.rests = {}, {}
end
for _, change in ipairs(told.changes) do
    local id, factor, offset, ema, guess, failing, successes, bans, failures = unpack(change)
    local before = read(redis.call('HGET', proxies, id))
    if ema == cjson.null then
        ema = nil
    end
    if before and before[1] then
        if ema then
            ema = factor * before[1] + offset
        elseif not (before[2] == 1 and factor == 0) then
            ema = before[1]
        end
    end
    before = before or {0, 0, 0, 0, 0, 0, 0}
    number = number + 1
    redis.call('HSET', proxies, id, table.concat({
        write(ema), guess, failing, write(before[4] + successes), write(before[5] + bans),
        write(before[6] + failures), write(now)}, '|'))
    redis.call('ZADD', changed, number, id)
end
for _, rest in ipairs(told.rests) do
    local name, seconds, step = unpack(rest)
    number = number + 1
    redis.call('HSET', rests, name, write(now + seconds) .. '|' .. step)
    redis.call('ZADD', rests_changed, number, name)
end
redis.call('SET', heard, told.turn, 'EX', told.heard)
redis.call('HSET', about, 'number', number)

-- What was used last of all goes when it is old, and all of it where nobody comes any more.
for _, id in ipairs(redis.call('ZRANGE', changed, 0, 1)) do
    local before = read(redis.call('HGET', proxies, id))
    if not before or now - before[7] > told.forgotten then
        redis.call('HDEL', proxies, id)
        redis.call('ZREM', changed, id)
    end
end
for _, name in ipairs(redis.call('ZRANGE', rests_changed, 0, 1)) do
    local until_ = tonumber(string.match(redis.call('HGET', rests, name) or '', '^[^|]+')) or 0
    if now - until_ > told.forgotten_rests then
        redis.call('HDEL', rests, name)
        redis.call('ZREM', rests_changed, name)
    end
end
for place = 1, 5 do
    redis.call('EXPIRE', KEYS[place], told.forgotten)
end

local function get(key, names)
    local values = {}
    for first = 1, #names, 1000 do
        local last = math.min(first + 999, #names)
        for place, value in ipairs(redis.call('HMGET', key, unpack(names, first, last))) do
            if value then
                values[#values + 1] = names[first + place - 1]
                values[#values + 1] = value
            end
        end
    end
    return values
end
local listed = {}
for _, id in ipairs(others) do
    listed[id] = true
end
for _, id in ipairs(told.wanted) do
    if not listed[id] then
        others[#others + 1] = id
    end
end
local to = is_all and number or math.min(others_to, rests_to)
return {epoch, to, write(now), get(proxies, others), get(rests, others_rests),
    told.wants_rests and redis.call('HGETALL', rests) or {}}
"""


class RedisStore(Store):
    """
    Keeps what was learned in a Redis server, for crawls on many machines.

    Moves of averages are applied, by a script in the server, to what others have made of them
    meanwhile. What was told is kept until it has been heard, and counts once even where the answer
    to a call was lost.

    Args:
        url: ``redis://[username:password@]host[:port][/database][?namespace=name]``, or
            ``rediss://`` for TLS; with any other option that redis-py knows.

    Raises:
        ValueError: *url* is none.
    """

    patience = 1.5 * _TIMEOUT

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            options = dict(parse_qsl(parts.query))
            namespace = options.pop("namespace", DEFAULT_NAMESPACE)
            self._redis = Redis.from_url(
                parts._replace(query=urlencode(options)).geturl(),
                socket_timeout=_TIMEOUT,
                socket_connect_timeout=_TIMEOUT,
                retry=Retry(NoBackoff(), 0),
            )
            pool = self._redis.connection_pool
            pool.connection_class(**pool.connection_kwargs)  # which does not connect
            host = f"{parts.hostname or 'localhost'}:{parts.port or 6379}"
        except (TypeError, ValueError):  # whose text may have the URL in it
            raise ValueError("the URL of Redis is not one that redis-py can read") from None
        if not _DATABASE.fullmatch(parts.path):  # redis-py takes what is no number for 0
            raise ValueError("the database in the URL of Redis must be a number: redis://host/0")
        self.name = f"{parts.scheme}://{host}{parts.path}?namespace={namespace}"
        client = uuid4().hex
        names = ("proxies", "changed", "rests", "rests_changed", "about", f"heard:{client}")
        # In braces, so that a cluster has them all in one place.
        self._keys = [f"{{{namespace}}}:{name}" for name in names]
        self._script = self._redis.register_script(_SCRIPT)
        self._epoch: str | None = None  # of the server's memory
        self._seen = -1  # up to which change, of those of that epoch
        self._calls: deque[dict[str, Any]] = deque()  # to be made
        self._turns = count(1)
        self._records: list[Record] = []  # of calls that were made, and have not been answered for
        self._rests: list[SharedRest] = []
        self._has_forgotten = False

    def exchange(
        self,
        changes: Sequence[Change],
        rests: Sequence[SharedRest],
        wanted: Sequence[str],
    ) -> Answer:
        """
        Take in what was learned here; return what others have.

        Raises:
            StoreError: It could not, and keeps it for the next time.
        """
        self._calls += self._calls_for(changes, rests, wanted)
        try:
            while self._calls:
                self._make(self._calls[0])
                self._calls.popleft()
        except RedisError as error:
            reason = f"cannot be used: {type(error).__name__}: {error}"
            raise StoreError(reason, is_kept=True) from None
        answer = Answer(self._records, self._rests, self._has_forgotten)
        self._records, self._rests, self._has_forgotten = [], [], False
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def _calls_for(
        self, changes: Sequence[Change], rests: Sequence[SharedRest], wanted: Sequence[str]
    ) -> Iterator[dict[str, Any]]:
        size = max(1, len(changes), len(rests), len(wanted))
        for first in range(0, size, _IN_ONE_CALL):
            part = slice(first, first + _IN_ONE_CALL)
            yield {
                "turn": str(next(self._turns)),
                "changes": [[*one[:4], int(one.is_guess), *one[5:]] for one in changes[part]],
                "rests": [[_name_of(rest), rest.seconds, rest.step] for rest in rests[part]],
                "wanted": wanted[part],
                "wants_rests": bool(wanted) and not first,
                "at_most": _AT_MOST,
                "forgotten": _FORGOTTEN_AFTER,
                "forgotten_rests": _RESTS_FORGOTTEN_AFTER,
                "heard": _HEARD,
                "longest": LONGEST_MS,
            }

    def _make(self, call: dict[str, Any]) -> None:
        told = {**call, "epoch": uuid4().hex, "seen": self._seen}
        answer: list[Any] = self._script(keys=self._keys, args=[json.dumps(told)])
        epoch, seen, now_text, records, changed_rests, all_rests = answer
        now = float(now_text)
        if self._epoch not in (None, epoch) or int(seen) < self._seen:
            self._has_forgotten = True
            self._seen = 0  # so that the next call tells of all that others have told since
        else:
            self._seen = int(seen)
        self._epoch = epoch
        self._records += _read_records(records, now)
        self._rests += _read_rests(changed_rests, now)
        self._rests += (rest for rest in _read_rests(all_rests, now) if rest.seconds)


def _name_of(rest: SharedRest) -> str:
    return f"{rest.proxy_id} {rest.domain or ''}"


def _pairs(items: Sequence[bytes]) -> Iterator[tuple[str, str]]:
    for name, value in zip(items[::2], items[1::2], strict=True):
        yield name.decode("utf-8", "replace"), value.decode("utf-8", "replace")


def _read_records(items: Sequence[bytes], now: float) -> Iterator[Record]:
    return records_of(_rows(items), now)


def _rows(
    items: Sequence[bytes],
) -> Iterator[tuple[str, str | None, bool, Sequence[str], str]]:
    for proxy_id, text in _pairs(items):
        figures = text.split("|")
        if len(figures) == _FIGURES:
            ema, guess, *counts, used = figures
            yield proxy_id, None if ema == "-" else ema, guess == "1", counts, used


def _read_rests(items: Sequence[bytes], now: float) -> Iterator[SharedRest]:
    pairs = ((*name.partition(" "), *text.partition("|")) for name, text in _pairs(items))
    rows = ((proxy_id, domain, until, step) for proxy_id, _, domain, until, _, step in pairs)
    return rests_of(rows, now)
