"""Sticky sessions: which proxy each stays on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from math import inf

# So many sessions are remembered, those used last: some 20 MB.
_SESSIONS = 65_536


class PoolSessions:
    """
    Which proxy of a pool each sticky session stays on.

    A session that is idle for long is forgotten, and so is the one that is idle longest where there
    are too many: it gets another proxy when it goes on. Each operation takes constant time.

    Not thread-safe: it is called with the pool's lock held.

    Args:
        idle: How long a session may be idle, in seconds; at least 0.
        clock: Gives the time in seconds.
        most: How many sessions are remembered; at least 1.

    Raises:
        ValueError: *idle* or *most* is out of its range.
    """

    def __init__(self, idle: float, clock: Callable[[], float], most: int = _SESSIONS) -> None:
        if not 0.0 <= idle < inf or most < 1:
            raise ValueError(
                f"idle is {idle!r} and most {most!r}; they must be a finite number of at least 0,"
                " and at least 1"
            )
        self._idle = idle
        self._clock = clock
        self._most = most
        self._sessions: OrderedDict[Hashable, tuple[str, float]] = OrderedDict()  # with last use

    def __len__(self) -> int:
        return len(self._sessions)

    def proxy_id(self, session: Hashable) -> str | None:
        """Return the id of the proxy that *session* stays on; None where it is new or was idle."""
        proxy_id, used = self._sessions.get(session, (None, 0.0))
        return proxy_id if used + self._idle >= self._clock() else None

    def keep(self, session: Hashable, proxy_id: str) -> None:
        """Let *session*, which is used now, stay on a proxy."""
        now = self._clock()
        sessions = self._sessions
        sessions[session] = (proxy_id, now)
        sessions.move_to_end(session)
        while len(sessions) > self._most or self._is_over(now):
            sessions.popitem(last=False)

    def _is_over(self, now: float) -> bool:
        """Tell whether the session that is idle longest has been idle for too long."""
        _, used = next(iter(self._sessions.values()))
        return used + self._idle < now
