"""A moving average of response times, of which failures can be taken back."""

from __future__ import annotations

from dataclasses import dataclass

# So many moves that were taken back are remembered, the latest.
_TAKEN_BACK = 16

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
        alpha: The share that it was moved with.
        is_guess: Whether there was no average but by it.
        number: How often the average had been moved then, by this too.
    """

    charged_ms: float
    alpha: float
    is_guess: bool
    number: int

    def left_after(self, moves: int) -> float:
        """Return what is left of it in the average after *moves* others."""
        return self.charged_ms * (1.0 - self.alpha) ** moves


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
        ema_ms: The average, in milliseconds; None where nothing is known.
        is_guess: Whether it is made of what failures were charged, and of nothing else.
        is_stale: Whether the next response time is to stand in its place.
    """

    __slots__ = (
        "_contradicted",
        "_deviation",
        "_moves",
        "_replaced",
        "_taken_back",
        "ema_ms",
        "is_guess",
        "is_stale",
    )

    def __init__(self) -> None:
        self.ema_ms: float | None = None
        self.is_guess = False
        self.is_stale = False
        self._contradicted = 0  # by the last time: 1 from above, -1 from below
        self._deviation = 0.0  # moving average of what times are off by
        self._moves = 0
        self._replaced = 0  # how many moves there were when it was last set outright
        self._taken_back: tuple[Move, ...] = ()

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

    def take_in(self, response_time_ms: float, alpha: float) -> None:
        """Move it by the time of a response, with the share *alpha* of that."""
        ema = self.ema_ms
        if ema is not None and not self.is_stale:
            self.ema_ms = alpha * response_time_ms + (1.0 - alpha) * ema
            self.is_guess = False
        else:
            self.ema_ms = float(response_time_ms)
            self.is_guess = self.is_stale = False
            self._replaced = self._moves
        self._moves += 1

    def charge(self, charge_ms: float, alpha: float) -> Move:
        """Move it by what a failure is charged, and return what that did."""
        self._moves += 1
        ema = self.ema_ms
        if ema is None or self.is_guess:
            self.ema_ms = charge_ms
            self.is_guess = True
            return Move(0.0, 1.0, True, self._moves)
        charged_ms = alpha * (charge_ms - ema)
        self.ema_ms = ema + charged_ms
        return Move(charged_ms, alpha, False, self._moves)

    def take_back(self, move: Move) -> None:
        """
        Undo what is left of a move, so that the average is what it would be without.

        What it was moved by before anything else was known only fades.
        """
        if move.number <= self._replaced:
            return  # nothing is left of it
        if move.is_guess:
            if self.is_guess and not self._moves_since(move):
                self.ema_ms = None
                self.is_guess = False
        elif self.ema_ms is not None:
            self.ema_ms -= move.left_after(self._moves_since(move))
            for earlier in self._taken_back:
                if earlier.number < move.number:  # this move has made less of that one's
                    moves = self._moves_since(earlier)
                    self.ema_ms -= earlier.left_after(moves - 1) - earlier.left_after(moves)
        self._taken_back = (*self._taken_back[1 - _TAKEN_BACK :], move)

    def _moves_since(self, move: Move) -> int:
        moves = self._moves - move.number
        return moves - sum(one.number > move.number for one in self._taken_back)
