"""
Values out of Scrapy's settings, checked.

Each raises a :exc:`ValueError` that has the name, the value and what is allowed, where it is not.
The short name of a setting is without the prefix that all have.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from typing import TYPE_CHECKING, Any

from scrapy.utils.misc import load_object

from scrapy_proxywhirl.defaults import DEFAULTS, PREFIX

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings


def get(settings: BaseSettings, name: str) -> Any:
    """Return what stands there, or the default; unchecked, and by the whole name."""
    value = settings.get(name)
    return DEFAULTS[name] if value is None else value


def number(
    settings: BaseSettings, short_name: str, fits: Callable[[float], bool], allowed: str
) -> float:
    """
    Return a number.

    Args:
        settings: Scrapy's.
        short_name: Of the setting.
        fits: Tells whether a number is allowed; it is asked of NaN for what is none.
        allowed: What is, in words that follow "a number".
    """
    name = PREFIX + short_name
    value = get(settings, name)
    try:
        read = float(value)
    except (TypeError, ValueError):
        read = nan
    if isinstance(value, bool) or not fits(read):
        raise ValueError(f"{name} is {value!r}; it must be a number {allowed}")
    return read


def whole_number(settings: BaseSettings, short_name: str) -> int:
    """Return a number without a fraction, of at least 0."""
    return int(
        number(
            settings,
            short_name,
            lambda n: 0 <= n < inf and n == int(n),
            "without a fraction, of at least 0",
        )
    )


def yes_or_no(settings: BaseSettings, short_name: str) -> bool:
    """Return True or False, which may be written as Scrapy reads them."""
    name = PREFIX + short_name
    try:
        return settings.getbool(name, DEFAULTS[name])
    except ValueError as error:
        value = settings.get(name)
        raise ValueError(f"{name} is {value!r}; it must be True or False") from error


def one_of(settings: BaseSettings, short_name: str, allowed: tuple[str, ...]) -> str:
    """Return one of the *allowed* words."""
    name = PREFIX + short_name
    value = get(settings, name)
    for word in allowed:
        if value == word:
            return word
    words = " or ".join(map(repr, allowed))
    raise ValueError(f"{name} is {value!r}; it must be {words}")


def seconds(settings: BaseSettings, short_name: str) -> float:
    """Return a finite number of seconds, of at least 0."""
    return number(settings, short_name, lambda n: 0 <= n < inf, "of seconds, of at least 0")


def loaded(settings: BaseSettings, short_name: str) -> Any:
    """Return the class or other object that is named by its import path, or is there itself."""
    name = PREFIX + short_name
    value = get(settings, name)
    try:
        return load(value)
    except ValueError as error:
        raise ValueError(f"{name} is {error}") from error


def load(value: Any) -> Any:
    """Return what *value*, an import path or a class, stands for; the error goes on from it."""
    try:
        return load_object(value)
    except (ImportError, NameError, TypeError, ValueError) as error:
        raise ValueError(f"{value!r}, which cannot be loaded: {error}") from error
