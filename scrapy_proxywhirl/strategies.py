"""The strategies of a crawl: its own, and those that single requests ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_proxywhirl.core import STRATEGIES, Strategy
from scrapy_proxywhirl.values import load

if TYPE_CHECKING:
    from scrapy_proxywhirl.core import StrategyConfig


class Strategies:
    """
    The strategies of a crawl: its own, and those that single requests ask for.

    They are made when they are first asked for, all with the same figures to go by. What is learned
    is the proxies', so that each has it.

    Args:
        strategy: The class of the crawl's own.
        config: The figures that all go by.

    Attributes:
        current: What selects for requests that ask for none.
    """

    def __init__(self, strategy: type[Strategy], config: StrategyConfig) -> None:
        self._config = config
        self._made: dict[str | type[Strategy], Strategy] = {}
        self.current = self.get(strategy)

    def get(self, strategy: str | type[Strategy]) -> Strategy:
        """
        Return the strategy of a name, an import path or a class.

        Raises:
            ValueError: There is none.
        """
        made = self._made.get(strategy)
        if made is None:
            kind = strategy_class(strategy)
            made = self._made.get(kind) or kind(self._config)
            self._made[strategy] = self._made[kind] = made
        return made


def strategy_class(value: object) -> type[Strategy]:
    """
    Return the class of a strategy.

    Args:
        value: Its name, its import path, or itself.

    Raises:
        ValueError: It is none; the message says what *value* must be, and goes on from it.
    """
    if isinstance(value, str) and value in STRATEGIES:
        return STRATEGIES[value]
    if not isinstance(value, (str, type)) or (isinstance(value, str) and "." not in value):
        known = ", ".join(repr(name) for name in sorted(STRATEGIES))
        raise ValueError(f"{value!r}; it must be one of {known}, or a class of your own")
    strategy = load(value)
    if not (isinstance(strategy, type) and issubclass(strategy, Strategy)):
        raise ValueError(
            f"{value!r}; a class of your own must be a subclass of scrapy_proxywhirl.Strategy"
        )
    return strategy
