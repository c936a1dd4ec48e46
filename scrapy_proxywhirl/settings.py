"""The PROXYWHIRL_* settings: read once, checked, in one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from math import inf
from re import Pattern
from typing import Any
from warnings import warn

from scrapy.settings import SETTINGS_PRIORITIES, BaseSettings
from scrapy.utils.job import job_dir

from scrapy_proxywhirl import values
from scrapy_proxywhirl.core import Strategy, StrategyConfig
from scrapy_proxywhirl.core.config import RANGES
from scrapy_proxywhirl.defaults import DEFAULTS, PREFIX
from scrapy_proxywhirl.legacy import take_over
from scrapy_proxywhirl.sources import Source
from scrapy_proxywhirl.sources.local import ListSource
from scrapy_proxywhirl.sources.setting import proxies_from_setting, sources_from_setting
from scrapy_proxywhirl.state import store_for
from scrapy_proxywhirl.state.store import Store
from scrapy_proxywhirl.strategies import strategy_class

# Scrapy's own slots, one for each domain; one for each proxy; one for each pair.
SLOTS = ("domain", "proxy", "domain+proxy")

# What is done with a page for which no proxy may be selected.
ON_EMPTY = ("wait", "drop", "close", "direct")

# What is done with one for which the pool has no proxy that is what it wants.
ON_NO_MATCH = ("error", "any")


# What the response times of a proxy are averaged over: the crawl, or each domain by itself.
SCOPES = ("crawl", "domain")

# False as PROXYWHIRL_STATE has it from the command line, where all is text.
_FALSE = ("False", "false", "0", "")


@dataclass(frozen=True, slots=True)
class ProxyWhirlSettings:
    """
    The settings of one crawl, checked.

    Attributes:
        sources: Where proxies come from, the settings themselves and what they name.
        refresh_interval: Seconds between two looks at what sources have; 0 to look once.
        strategy: The class that selects.
        strategy_config: The figures that it goes by.
        cooldown: What the first rest of a proxy that failed may be, in seconds.
        cooldown_max: What none is longer than, in seconds.
        concurrency_per_proxy: The most attempts in flight on one proxy; 0 for any number.
        delay_per_proxy: The least seconds between two attempts on one.
        has_adaptive_delay: Whether a site that bans proxies which ask too often is asked less
            often.
        budget: What the crawl may cost, in the currency of the proxies' costs; None for any sum.
        ban_policy: The class that tells bans from answers.
        on_empty: What is done with a page for which no proxy may be selected: one of
            :data:`ON_EMPTY`.
        takes_any: Whether a page for which there is no proxy that is what it wants goes through
            another.
        wait_timeout: How long it waits for one, in seconds.
        retry_times: How often a page that a proxy failed is sent again through another.
        measures_body: Whether a response time goes to the end of the body, not to the headers.
        tells_domains_apart: Whether each target domain has response times of its own.
        session_ttl: How long a sticky session may be idle, in seconds.
        has_sticky_cookiejars: Whether each of Scrapy's cookie jars is a session.
        slots: Which downloader slot a request gets: one of :data:`SLOTS`.
        timeout: Seconds that a proxied request may take where nobody else has set its time-out;
            None where the user has.
        adaptive_timeout: In how many times what a domain's responses take at most, but for one in a
            hundred, a page must come at its first try; 0 for its own time-out.
        state: Where what is learned is kept; None where it is forgotten with the crawl.
        state_age: Seconds after which what was known of a proxy has no say once it answers.
        state_interval: Seconds between two exchanges with the state.
        stats_proxies: How many proxies get stats of their own.
        keeps_requests: Whether those that are scheduled may be kept elsewhere than in memory.
    """

    sources: tuple[Source, ...]
    refresh_interval: float
    strategy: type[Strategy]
    strategy_config: StrategyConfig
    cooldown: float
    cooldown_max: float
    concurrency_per_proxy: int
    delay_per_proxy: float
    has_adaptive_delay: bool
    budget: float | None
    ban_policy: Any
    on_empty: str
    takes_any: bool
    wait_timeout: float
    retry_times: int
    measures_body: bool
    tells_domains_apart: bool
    session_ttl: float
    has_sticky_cookiejars: bool
    slots: str
    timeout: float | None
    adaptive_timeout: float
    state: Store | None
    state_age: float
    state_interval: float
    stats_proxies: int
    keeps_requests: bool

    @classmethod
    def from_settings(cls, settings: BaseSettings) -> ProxyWhirlSettings:
        """
        Read and check.

        Warns of names that begin like ours and are not known, and of those of
        scrapy-rotating-proxies.

        Raises:
            ValueError: A value is not allowed. The message names the setting, the value and what is
                allowed; of proxies, the place and no credentials.
        """
        _warn_of_unknown_names(settings)
        settings = take_over(settings)
        return cls(
            sources=_sources(settings),
            refresh_interval=values.seconds(settings, "REFRESH_INTERVAL"),
            strategy=_strategy(settings),
            strategy_config=_strategy_config(settings),
            cooldown=_cooldown(settings),
            cooldown_max=_cooldown_max(settings),
            concurrency_per_proxy=values.whole_number(settings, "CONCURRENCY_PER_PROXY"),
            delay_per_proxy=values.seconds(settings, "DELAY_PER_PROXY"),
            has_adaptive_delay=values.yes_or_no(settings, "ADAPTIVE_DELAY"),
            budget=_budget(settings),
            ban_policy=values.loaded(settings, "BAN_POLICY"),
            on_empty=values.one_of(settings, "ON_EMPTY", ON_EMPTY),
            takes_any=values.one_of(settings, "ON_NO_MATCH", ON_NO_MATCH) == "any",
            wait_timeout=values.seconds(settings, "WAIT_TIMEOUT"),
            retry_times=values.whole_number(settings, "RETRY_TIMES"),
            measures_body=values.one_of(settings, "MEASURE", ("latency", "total")) == "total",
            tells_domains_apart=values.one_of(settings, "SCOPE", SCOPES) == "domain",
            session_ttl=values.seconds(settings, "SESSION_TTL"),
            has_sticky_cookiejars=values.yes_or_no(settings, "STICKY_COOKIEJARS"),
            slots=values.one_of(settings, "SLOTS", SLOTS),
            timeout=_timeout(settings),
            adaptive_timeout=values.number(
                settings,
                "ADAPTIVE_TIMEOUT",
                lambda n: n == 0 or 1 <= n < inf,
                "of at least 1, or 0",
            ),
            state=_state(settings),
            state_age=values.seconds(settings, "STATE_AGE"),
            state_interval=values.number(
                settings, "STATE_INTERVAL", lambda n: 0 < n < inf, "of seconds, above 0"
            ),
            stats_proxies=values.whole_number(settings, "STATS_PROXIES"),
            keeps_requests=bool(settings["JOBDIR"]) or _is_users(settings, "SCHEDULER"),
        )


def is_enabled(settings: BaseSettings) -> bool:
    """Tell whether the middleware is to do anything."""
    return values.yes_or_no(settings, "ENABLED")


def _sources(settings: BaseSettings) -> tuple[Source, ...]:
    proxies = proxies_from_setting(
        values.get(settings, "PROXYWHIRL_PROXIES"),
        encoding=settings.get("HTTPPROXY_AUTH_ENCODING") or "latin-1",
    )
    listed = (ListSource("PROXYWHIRL_PROXIES", proxies),) if proxies else ()
    return (*listed, *sources_from_setting(values.get(settings, "PROXYWHIRL_SOURCES")))


def _state(settings: BaseSettings) -> Store | None:
    name = "PROXYWHIRL_STATE"
    url = settings.get(name)
    if url is None:
        folder = job_dir(settings)
        url = f"sqlite:///{folder}/proxywhirl.sqlite" if folder else False
    if url is False or url in _FALSE:
        return None
    if not isinstance(url, str):
        raise ValueError(f"{name} is of the type {type(url).__name__}; it must be a URL, or False")
    try:
        return store_for(url)
    except ValueError as error:
        raise ValueError(f"{name}: {error}, or False to keep nothing") from None


def _strategy_config(settings: BaseSettings) -> StrategyConfig:
    exploration = values.number(settings, "EXPLORATION", *RANGES["exploration"])
    concurrency = max(0, settings.getint("CONCURRENT_REQUESTS"))  # Scrapy takes 0 for no limit
    return StrategyConfig(
        ema_alpha=values.number(settings, "EMA_ALPHA", *RANGES["ema_alpha"]),
        ema_restarts=values.yes_or_no(settings, "EMA_RESTARTS"),
        weight_exponent=values.number(settings, "WEIGHT_EXPONENT", *RANGES["weight_exponent"]),
        failure_penalty=values.number(settings, "FAILURE_PENALTY", *RANGES["failure_penalty"]),
        warmup_proxies=_warmup_proxies(settings, concurrency),
        exploration=exploration,
        load_aware=values.yes_or_no(settings, "LOAD_AWARE"),
        exits=values.number(settings, "EXITS", *RANGES["exits"]),
        explored_at_a_time=max(1, round(exploration * concurrency)) if concurrency else 0,
    )


def _warmup_proxies(settings: BaseSettings, concurrency: int) -> int:
    if settings.get("PROXYWHIRL_WARMUP_PROXIES") is not None:
        return values.whole_number(settings, "WARMUP_PROXIES")
    return 4 * concurrency or 2**31  # without a limit the pool is the limit


def _cooldown(settings: BaseSettings) -> float:
    return values.number(settings, "COOLDOWN", lambda n: 0 < n < inf, "of seconds, above 0")


def _cooldown_max(settings: BaseSettings) -> float:
    longest = values.seconds(settings, "COOLDOWN_MAX")
    first = _cooldown(settings)
    if longest < first:
        raise ValueError(
            f"PROXYWHIRL_COOLDOWN_MAX is {longest!r}; it must be at least PROXYWHIRL_COOLDOWN,"
            f" which is {first!r}"
        )
    return longest


def _budget(settings: BaseSettings) -> float | None:
    if settings.get("PROXYWHIRL_BUDGET") is None:
        return None
    return values.number(settings, "BUDGET", lambda n: 0 < n < inf, "above 0")


def _timeout(settings: BaseSettings) -> float | None:
    timeout = values.seconds(settings, "TIMEOUT")
    return None if _is_users(settings, "DOWNLOAD_TIMEOUT") or timeout == 0 else timeout


def _is_users(settings: BaseSettings, name: str) -> bool:
    """Tell whether somebody has set a setting of Scrapy's."""
    return (settings.getpriority(name) or 0) > SETTINGS_PRIORITIES["default"]


def read_ban_statuses(settings: BaseSettings) -> frozenset[int]:
    """
    Read PROXYWHIRL_BAN_STATUSES.

    Raises:
        ValueError: It has something else than HTTP statuses.
    """
    name = "PROXYWHIRL_BAN_STATUSES"
    value = values.get(settings, name)
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, Iterable):
        raise ValueError(f"{name} is {value!r}; it must be a list of HTTP statuses")
    statuses = set()
    for status in value:
        try:
            number = int(status)
        except (TypeError, ValueError):
            number = 0
        if not 100 <= number <= 599:
            raise ValueError(f"{name} has {status!r}; it must hold HTTP statuses from 100 to 599")
        statuses.add(number)
    return frozenset(statuses)


def read_ban_texts(settings: BaseSettings) -> tuple[str | Pattern[str], ...]:
    """
    Read PROXYWHIRL_BAN_TEXT: one text or compiled regular expression, or several in a list.

    Raises:
        ValueError: It has something else, or an empty text, which every page has in it.
    """
    name = "PROXYWHIRL_BAN_TEXT"
    value = values.get(settings, name)
    texts = [value] if isinstance(value, (str, Pattern)) else value
    if not isinstance(texts, Iterable):
        raise ValueError(f"{name} is {value!r}; it must be a list of texts")
    texts = tuple(texts)
    for text in texts:
        is_pattern = isinstance(text, Pattern) and isinstance(text.pattern, str)
        if not is_pattern and not (isinstance(text, str) and text):
            raise ValueError(
                f"{name} has {text!r}; it must hold texts that are not empty, or regular"
                " expressions that re.compile has made of texts"
            )
    return texts


def _strategy(settings: BaseSettings) -> type[Strategy]:
    name = "PROXYWHIRL_STRATEGY"
    try:
        return strategy_class(values.get(settings, name))
    except ValueError as error:
        raise ValueError(f"{name} is {error}") from error


def _warn_of_unknown_names(settings: BaseSettings) -> None:
    for name in settings:
        if isinstance(name, str) and name.startswith(PREFIX) and name not in DEFAULTS:
            nearest = get_close_matches(name, DEFAULTS, n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            warn(f"There is no setting {name}{hint}", UserWarning, stacklevel=2)
