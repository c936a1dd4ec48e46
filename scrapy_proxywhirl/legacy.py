"""The settings of scrapy-rotating-proxies, for a project that comes from there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from warnings import warn

from scrapy.settings import BaseSettings

# What its middlewares' modules begin with.
PACKAGE = "rotating_proxies."

_LIST = "ROTATING_PROXY_LIST"
_PATH = "ROTATING_PROXY_LIST_PATH"


def take_over(settings: BaseSettings) -> BaseSettings:
    """
    Go by the settings of scrapy-rotating-proxies where there are none of ours in their place.

    Warns of each, with the name of the one that takes its place.

    Args:
        settings: Of the crawl; they stay as they are.

    Returns:
        The same, or a copy that has ours.
    """
    present = [name for name in (*_TAKEN_OVER, *_LEFT) if settings.get(name) is not None]
    if not present:
        return settings
    taken = BaseSettings(settings)  # with their priorities, and not frozen
    for name in present:
        if name in _LEFT:
            _warn(name, "is not heeded", _LEFT[name])
            continue
        ours, convert = _TAKEN_OVER[name]
        if name == _LIST and _PATH in present:
            _warn(name, "is not heeded", f"{_PATH} goes before it; {ours} takes its place")
        elif settings.get(ours) is not None:
            _warn(name, "is not heeded", f"{ours}, which is set, takes its place")
        else:
            taken.set(ours, convert(settings, name), settings.getpriority(name) or 0)
            _warn(name, "is heeded still", f"put it into {ours}")
    return taken


def _warn(name: str, what: str, instead: str) -> None:
    message = f"{name}, a setting of scrapy-rotating-proxies, {what}: {instead}"
    warn(message, UserWarning, stacklevel=4)


def _proxies(settings: BaseSettings, name: str) -> list[str]:
    """Return what it would use: each once, without comments."""
    lines = (line.strip() for line in settings.getlist(name))
    return list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))


def _files(settings: BaseSettings, name: str) -> list[Path]:
    return [Path(settings.get(name))]


def _closes(settings: BaseSettings, name: str) -> str:
    return "close" if settings.getbool(name) else "wait"


def _as_it_is(settings: BaseSettings, name: str) -> Any:
    return settings.get(name)


_TAKEN_OVER: dict[str, tuple[str, Callable[[BaseSettings, str], Any]]] = {
    _LIST: ("PROXYWHIRL_PROXIES", _proxies),
    _PATH: ("PROXYWHIRL_SOURCES", _files),
    "ROTATING_PROXY_PAGE_RETRY_TIMES": ("PROXYWHIRL_RETRY_TIMES", _as_it_is),
    "ROTATING_PROXY_CLOSE_SPIDER": ("PROXYWHIRL_ON_EMPTY", _closes),
    "ROTATING_PROXY_BAN_POLICY": ("PROXYWHIRL_BAN_POLICY", _as_it_is),
}

_LEFT = {
    "ROTATING_PROXY_BACKOFF_BASE": (
        "PROXYWHIRL_COOLDOWN takes its place, with 2 seconds, since one request at a time tries a"
        " proxy that has rested"
    ),
    "ROTATING_PROXY_BACKOFF_CAP": "PROXYWHIRL_COOLDOWN_MAX takes its place, with 300 seconds",
    "ROTATING_PROXY_LOGSTATS_INTERVAL": (
        "the figures are in the stats, of PROXYWHIRL_STATS_PROXIES proxies; Scrapy's PERIODIC_LOG"
        " settings log them"
    ),
}
