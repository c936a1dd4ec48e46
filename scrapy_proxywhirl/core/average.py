"""A moving average of response times, of which failures can be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import ClassVar

# Whoever goes by an average is told of it anew when it is so many times what it was, or what it was
# is so many times as much.
NEAR = 1.1

# What is less by rounding alone is as much.
_AS_MUCH = 1.0 - 1e-9

# So much of what was taken out of an average is remembered.
_TAKEN_OUT = 64

# What contradicts an average is so many times as long or as short, and off by more than so many
# times what others were, the mean absolute deviation. That falls by so much of what it rises by: a
# site whose pages take 0.05 s or 1 s by chance has several alike in a row now and then.
_TIMES = 2.0
_DEVIATIONS = 2.0
_FALLS = 0.25


@dataclass(frozen=True, slots=True)
class Move:
    """
    What a failure has moved an average by.

    Attributes:
        charged_ms: By how much.
        before_ms: What it was before.
        alpha: The share that it was moved with.
        is_guess: Whether there was no average but by it.
        number: How often the average had been moved then, by this too.
    """

    charged_ms: float
    before_ms: float
    alpha: float
    is_guess: bool
    number: int


@dataclass(frozen=True, slots=True)
class _TakenOut:
    """
    What was taken out of an average with a move that was taken back.

    Attributes:
        number: The move's; or that of one taken back earlier, of which more would have been left
            then but for this move.
        is_move: Whether it is the move's.
        moves: How often the average had been moved by then.
        ms: How much it was.
    """

    number: int
    is_move: bool
    moves: int
    ms: float


class MovingAverage:
    """
    A moving average of response times: ``ema = alpha * x + (1 - alpha) * ema``.

    One that is doubted restarts at the second of two times in a row that contradict it: both more
    than twice as long or both less than half as long, and off by more than twice what times usually
    are. A proxy that is slow, and so selected rarely, would take long else to be known to have
    become fast. (After D. C. Whybark, "A Comparison of Adaptive Forecasting Techniques", 1973,
    where two large errors in a row raise alpha.)

    Not thread-safe: it is called with the pool's lock held.

    Attributes:
        least_ms: What no response can take less than.
        ema_ms: The average, in milliseconds; None where nothing is known.
        told_ms: What it was when it was last news; it is at most NEAR times as much or as little.
        is_guess: Whether it is made of what failures were charged, and of nothing else.
        is_stale: Whether the next response time is to stand in its place.
    """

    least_ms: ClassVar[float] = 0.0

    __slots__ = (
        "_contradicted",
        "_deviation",
        "_faded",
        "_moves",
        "_replaced",
        "_taken_out",
        "ema_ms",
        "is_guess",
        "is_stale",
        "told_ms",
    )

    def __init__(self) -> None:
        self.ema_ms: float | None = None
        self.told_ms = inf
        self.is_guess = False
        self.is_stale = False
        self._contradicted = 0  # by the last time: 1 from above, -1 from below
        self._deviation = 0.0  # moving average of what times are off by
        self._moves = 0
        self._replaced = 0  # how many moves there were when it was last set outright
        self._faded = 0  # and when others had made less of it
        self._taken_out: tuple[_TakenOut, ...] = ()  # the latest

    def doubt(self, response_time_ms: float, alpha: float) -> None:
        """
        Become stale where a response contradicts it, as the one before did.

        To be called before that is taken in. An average for which it is not does not restart.
        """
        ema = self.ema_ms
        if ema is None:
            return
        off = abs(response_time_ms - ema)
        side = 0
        if off > _DEVIATIONS * self._deviation:
            if response_time_ms > _TIMES * ema:
                side = 1
            elif _TIMES * response_time_ms < ema:
                side = -1
            if side and side == self._contradicted:
                self.is_stale = True
                return
        self._contradicted = side
        if off < self._deviation:
            alpha *= _FALLS
        self._deviation += alpha * (off - self._deviation)

    def replace(self, ema_ms: float | None) -> None:
        """Let it be what somebody says, with nothing left in it of what it was."""
        self._replaced = self._moves
        self._set(ema_ms)

    def learn(self, ema_ms: float, is_guess: bool) -> None:
        """
        Let it be what others have made of it.

        Where that is less than it was, they have seen responses, nobody knows how many. What they
        have left of what it was charged before is taken to be what it is above what it was by then.
        """
        if self.ema_ms is not None and ema_ms < self.ema_ms * _AS_MUCH:
            self._faded = self._moves
        self._set(ema_ms, is_guess)

    def take_in(self, response_time_ms: float, alpha: float) -> bool:
        """
        Move it by the time of a response, with the share *alpha* of that.

        Returns:
            Whether it is still near what it was when it was last news.
        """
        ema = self.ema_ms
        if ema is not None and not self.is_stale:
            self.ema_ms = ema = alpha * response_time_ms + (1.0 - alpha) * ema
            self.is_guess = False
        else:
            self.ema_ms = ema = float(response_time_ms)
            self.is_guess = self.is_stale = False
            self._replaced = self._moves
        self._moves += 1
        told = self.told_ms
        if told <= ema * NEAR and ema <= told * NEAR:
            return True
        self.told_ms = ema
        return False

    def charge(self, charge_ms: float, alpha: float) -> Move:
        """Move it by what a failure is charged, and return what that did."""
        self._moves += 1
        ema = self.ema_ms
        if ema is None or self.is_guess:
            self._set(charge_ms, is_guess=True)
            return Move(0.0, 0.0, 1.0, True, self._moves)
        charged_ms = alpha * (charge_ms - ema)
        self._set(ema + charged_ms)
        return Move(charged_ms, ema, alpha, False, self._moves)

    def take_back(self, move: Move) -> None:
        """
        Undo what is left of a move, so that the average is what it would be without.

        That is known as long as *alpha* is the same each time, and nobody else moves the average.
        What it was moved by before anything else was known only fades.
        """
        if move.number <= self._replaced:
            return  # nothing is left of it
        lefts_ms = {move.number: 0.0}
        if move.is_guess:
            if self.is_guess and not self._moves_since(move.number):
                self._set(None)
        elif self.ema_ms is not None:
            lefts_ms = self._lefts_ms(move)
            ema = self.ema_ms - sum(lefts_ms.values())
            if move.number <= self._faded or ema < self.least_ms:  # moves differ in alpha
                ema = max(ema, min(self.ema_ms, move.before_ms))
            self._set(ema, self.is_guess)
        for number, left_ms in lefts_ms.items():
            self._taken_out = (
                *self._taken_out[1 - _TAKEN_OUT :],
                _TakenOut(number, number == move.number, self._moves, left_ms),
            )

    def _set(self, ema_ms: float | None, is_guess: bool = False) -> None:
        self.ema_ms = ema_ms
        self.told_ms = inf if ema_ms is None else ema_ms
        self.is_guess = is_guess

    def _lefts_ms(self, move: Move) -> dict[int, float]:
        """Return what is left of *move*, and what was taken out too little for it, by numbers."""
        stays = 1.0 - move.alpha
        lefts_ms = {move.number: move.charged_ms * stays ** self._moves_since(move.number)}
        for other in self._taken_out:
            if other.number < move.number <= other.moves and stays:
                lacked_ms = other.ms / stays - other.ms
                left_ms = lacked_ms * stays ** self._moves_since(other.moves)
                lefts_ms[other.number] = lefts_ms.get(other.number, 0.0) + left_ms
        return lefts_ms

    def _moves_since(self, number: int) -> int:
        """Return how many moves there were after that *number*, without those taken back."""
        taken_back = sum(one.is_move and one.number > number for one in self._taken_out)
        return self._moves - number - taken_back
