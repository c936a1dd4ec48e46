from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from scrapy.settings import Settings

from scrapy_proxywhirl import BanPolicy, PerformanceBasedStrategy, RandomStrategy, Strategy
from scrapy_proxywhirl.core import STRATEGIES
from scrapy_proxywhirl.defaults import DEFAULTS
from scrapy_proxywhirl.settings import (
    ProxyWhirlSettings,
    is_enabled,
    read_ban_statuses,
    read_ban_texts,
)
from scrapy_proxywhirl.sources.local import ListSource

PROXIES = {"PROXYWHIRL_PROXIES": ["http://h:1"]}


class MyStrategy(RandomStrategy):
    """A user's own."""


def read(**values: Any) -> ProxyWhirlSettings:
    return ProxyWhirlSettings.from_settings(Settings({**PROXIES, **values}))


def test_the_defaults() -> None:
    settings = read()

    assert settings.strategy is PerformanceBasedStrategy
    assert settings.strategy_config.ema_alpha == 0.2
    assert settings.strategy_config.ema_restarts
    assert settings.strategy_config.weight_exponent == 1.0
    assert settings.strategy_config.failure_penalty == 4.0
    assert settings.strategy_config.exploration == 0.05
    assert settings.strategy_config.warmup_proxies == 64  # four times CONCURRENT_REQUESTS
    assert settings.strategy_config.explored_at_a_time == 1  # a twentieth of them
    assert settings.ban_policy is BanPolicy
    assert settings.timeout == 60.0
    assert settings.stats_proxies == 100
    assert settings.session_ttl == 300.0
    assert settings.budget is None
    assert settings.refresh_interval == 60.0
    assert settings.state is None
    assert (settings.state_age, settings.state_interval) == (3600.0, 1.0)
    assert not settings.takes_any
    assert not settings.tells_domains_apart
    assert not settings.has_sticky_cookiejars
    assert listed(settings) == ["http://h:1"]
    assert read_ban_statuses(Settings()) == {403, 429, 502, 503, 504}
    assert is_enabled(Settings())


def listed(settings: ProxyWhirlSettings) -> list[str]:
    (source,) = settings.sources
    assert isinstance(source, ListSource)
    return [proxy.url for _, proxy in source.read_now()]


@pytest.mark.parametrize(("concurrency", "at_a_time"), [(200, 10), (2, 1), (0, 0)])
def test_exploration_takes_its_share_of_the_requests_at_a_time(
    concurrency: int, at_a_time: int
) -> None:
    config = read(CONCURRENT_REQUESTS=concurrency).strategy_config

    assert config.explored_at_a_time == at_a_time


def test_values_may_come_as_text_from_the_command_line() -> None:
    settings = read(
        PROXYWHIRL_PROXIES="http://a:1, http://b:2",
        PROXYWHIRL_EMA_ALPHA="0.5",
        PROXYWHIRL_EMA_RESTARTS="0",
        PROXYWHIRL_WARMUP_PROXIES="7",
        PROXYWHIRL_TIMEOUT="5",
        PROXYWHIRL_STATS_PROXIES="0",
        PROXYWHIRL_STRATEGY="random",
    )

    assert listed(settings) == [
        "http://a:1",
        "http://b:2",
    ]
    assert settings.strategy_config.ema_alpha == 0.5
    assert not settings.strategy_config.ema_restarts
    assert settings.strategy_config.warmup_proxies == 7
    assert settings.timeout == 5.0
    assert settings.stats_proxies == 0
    assert settings.strategy is RandomStrategy
    assert read_ban_statuses(Settings({"PROXYWHIRL_BAN_STATUSES": "403, 503"})) == {403, 503}
    assert not is_enabled(Settings({"PROXYWHIRL_ENABLED": "0"}))


@pytest.mark.parametrize("strategy", [MyStrategy, f"{__name__}.MyStrategy"])
def test_a_strategy_may_be_a_users_own(strategy: type[Strategy] | str) -> None:
    assert read(PROXYWHIRL_STRATEGY=strategy).strategy is MyStrategy


def test_warm_up_takes_the_whole_pool_where_concurrency_has_no_limit() -> None:
    assert read(CONCURRENT_REQUESTS=0).strategy_config.warmup_proxies > 10**9


def test_load_is_heeded_where_it_is_asked_for() -> None:
    assert read(PROXYWHIRL_LOAD_AWARE="1").strategy_config.load_aware is True
    assert read().strategy_config.load_aware is False


def test_a_users_own_timeout_stands() -> None:
    assert read(DOWNLOAD_TIMEOUT=180).timeout is None
    assert read(PROXYWHIRL_TIMEOUT=0).timeout is None


def test_requests_are_kept_elsewhere_by_a_jobdir_or_another_scheduler(tmp_path: Path) -> None:
    assert not read().keeps_requests
    assert read(JOBDIR=str(tmp_path)).keeps_requests
    assert read(SCHEDULER="project.RedisScheduler").keeps_requests


BAD_ALPHAS: tuple[Any, ...] = (0, -1, 1.5, "x", "nan", float("nan"), [], True)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        *[("PROXYWHIRL_EMA_ALPHA", value, r"a number in \(0, 1\]") for value in BAD_ALPHAS],
        ("PROXYWHIRL_WEIGHT_EXPONENT", -1, r"a number in \[0, 10\]"),
        ("PROXYWHIRL_WEIGHT_EXPONENT", 11, r"a number in \[0, 10\]"),
        ("PROXYWHIRL_FAILURE_PENALTY", 0.5, "a number of at least 1"),
        ("PROXYWHIRL_FAILURE_PENALTY", "inf", "a number of at least 1"),
        ("PROXYWHIRL_EXPLORATION", 1.1, r"a number in \[0, 1\]"),
        ("PROXYWHIRL_WARMUP_PROXIES", 1.5, "without a fraction, of at least 0"),
        ("PROXYWHIRL_WARMUP_PROXIES", -1, "without a fraction, of at least 0"),
        ("PROXYWHIRL_COOLDOWN", 0, "a number of seconds, above 0"),
        ("PROXYWHIRL_COOLDOWN", "inf", "a number of seconds, above 0"),
        ("PROXYWHIRL_COOLDOWN_MAX", 1.0, "at least PROXYWHIRL_COOLDOWN, which is 2.0"),
        ("PROXYWHIRL_COOLDOWN_MAX", "x", "a number of seconds, of at least 0"),
        ("PROXYWHIRL_LOAD_AWARE", "perhaps", "True or False"),
        ("PROXYWHIRL_MEASURE", "body", "'latency' or 'total'"),
        ("PROXYWHIRL_MEASURE", ["total"], "'latency' or 'total'"),
        ("PROXYWHIRL_RETRY_TIMES", -1, "without a fraction, of at least 0"),
        ("PROXYWHIRL_ON_EMPTY", "go", r"'wait' or 'drop' or 'close' or 'direct'"),
        ("PROXYWHIRL_ON_NO_MATCH", "go", r"'error' or 'any'"),
        ("PROXYWHIRL_SCOPE", "site", r"'crawl' or 'domain'"),
        ("PROXYWHIRL_SESSION_TTL", -1, "a number of seconds, of at least 0"),
        ("PROXYWHIRL_STICKY_COOKIEJARS", "perhaps", "True or False"),
        ("PROXYWHIRL_REFRESH_INTERVAL", -1, "a number of seconds, of at least 0"),
        ("PROXYWHIRL_STATE_AGE", "old", "a number of seconds, of at least 0"),
        ("PROXYWHIRL_STATE_INTERVAL", 0, "a number of seconds, above 0"),
        ("PROXYWHIRL_EXITS", 0.5, "a number of at least 1"),
        ("PROXYWHIRL_BUDGET", 0, "a number above 0"),
        ("PROXYWHIRL_BUDGET", "nan", "a number above 0"),
        ("PROXYWHIRL_WAIT_TIMEOUT", -1, "a number of seconds, of at least 0"),
        ("PROXYWHIRL_CONCURRENCY_PER_PROXY", 1.5, "a number without a fraction, of at least 0"),
        ("PROXYWHIRL_DELAY_PER_PROXY", "soon", "a number of seconds, of at least 0"),
        ("PROXYWHIRL_ADAPTIVE_TIMEOUT", 0.5, "a number of at least 1, or 0"),
        ("PROXYWHIRL_SLOTS", "ip", r"'domain' or 'proxy' or 'domain\+proxy'"),
        ("PROXYWHIRL_STATS_PROXIES", -1, "without a fraction, of at least 0"),
        ("PROXYWHIRL_STATS_PROXIES", "many", "without a fraction, of at least 0"),
        ("PROXYWHIRL_TIMEOUT", -1, "a number of seconds, of at least 0"),
        ("PROXYWHIRL_TIMEOUT", "inf", "a number of seconds, of at least 0"),
        ("PROXYWHIRL_STRATEGY", "fastest", "'least-used', 'performance', 'random', 'ro"),
        ("PROXYWHIRL_STRATEGY", "no.such.Strategy", "cannot be loaded: No module named 'no'"),
        ("PROXYWHIRL_STRATEGY", "os.path.join", "must be a subclass"),
        ("PROXYWHIRL_STRATEGY", dict, "must be a subclass"),
        ("PROXYWHIRL_STRATEGY", 7, "must be one of 'adaptive'"),
        ("PROXYWHIRL_BAN_POLICY", "scrapy_proxywhirl.outcomes.NoSuch", "cannot be loaded"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_with_what_is(
    name: str, value: Any, allowed: str
) -> None:
    with pytest.raises(ValueError, match=f"{name} is .*{allowed}") as caught:
        read(**{name: value})

    assert repr(value) in str(caught.value)


def test_whether_it_is_enabled_is_yes_or_no() -> None:
    with pytest.raises(ValueError, match=r"PROXYWHIRL_ENABLED is 'perhaps'; .* True or False"):
        is_enabled(Settings({"PROXYWHIRL_ENABLED": "perhaps"}))


@pytest.mark.parametrize("value", [["x"], [99], [600], "403,x", [None]])
def test_ban_statuses_are_http_statuses(value: Any) -> None:
    with pytest.raises(ValueError, match=r"PROXYWHIRL_BAN_STATUSES has .* from 100 to 599"):
        read_ban_statuses(Settings({"PROXYWHIRL_BAN_STATUSES": value}))


def test_ban_statuses_are_a_list() -> None:
    with pytest.raises(ValueError, match="PROXYWHIRL_BAN_STATUSES is 403; it must be a list"):
        read_ban_statuses(Settings({"PROXYWHIRL_BAN_STATUSES": 403}))


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (None, ()),
        ("one, and only one", ("one, and only one",)),
        (["one", re.compile("two")], ("one", re.compile("two"))),
        (re.compile("one"), (re.compile("one"),)),
    ],
)
def test_ban_texts_are_texts_or_expressions(value: Any, texts: tuple[Any, ...]) -> None:
    assert read_ban_texts(Settings({"PROXYWHIRL_BAN_TEXT": value})) == texts


@pytest.mark.parametrize("value", ["", [""], [b"x"], [7], [None], [re.compile(b"x")]])
def test_an_empty_text_and_what_is_no_text_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"PROXYWHIRL_BAN_TEXT has .* texts that are not empty"):
        read_ban_texts(Settings({"PROXYWHIRL_BAN_TEXT": value}))


def test_ban_texts_are_a_list() -> None:
    with pytest.raises(ValueError, match="PROXYWHIRL_BAN_TEXT is 7; it must be a list"):
        read_ban_texts(Settings({"PROXYWHIRL_BAN_TEXT": 7}))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("PROXYWHIRL_ALPHA", "no setting PROXYWHIRL_ALPHA; did you mean PROXYWHIRL_EMA_ALPHA"),
        ("PROXYWHIRL_PROXY", "did you mean PROXYWHIRL_PROXIES"),
        ("PROXYWHIRL_ZZZZZZZZZZZZZZZZ", "There is no setting PROXYWHIRL_ZZZZZZZZZZZZZZZZ$"),
    ],
)
def test_a_name_that_is_not_known_is_warned_of(name: str, message: str) -> None:
    with pytest.warns(UserWarning, match=message) as caught:
        read(**{name: 1})

    assert len(caught) == 1


def test_names_that_are_known_are_not_warned_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settings = read(**{**DEFAULTS, **PROXIES}, BOT_NAME="x")

    assert settings.stats_proxies == DEFAULTS["PROXYWHIRL_STATS_PROXIES"]


README = (Path(__file__).parents[1] / "README.rst").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_each_setting_has_its_row_in_the_readme(name: str) -> None:
    assert f"\n``{name}``" in README


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_each_strategy_has_its_row_in_the_readme(name: str) -> None:
    assert f'\n``"{name}"``' in README


def test_a_job_keeps_what_it_learns_unless_it_is_to_keep_nothing(tmp_path: Path) -> None:
    job = str(tmp_path)

    in_job = read(JOBDIR=job).state
    elsewhere = read(JOBDIR=job, PROXYWHIRL_STATE="sqlite:///state.sqlite").state

    assert in_job
    assert in_job.name == f"{job}/proxywhirl.sqlite"
    assert elsewhere
    assert elsewhere.name == "state.sqlite"
    for nowhere in (False, "False", "0", ""):
        assert read(JOBDIR=job, PROXYWHIRL_STATE=nowhere).state is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("mysql://user:secret@h/db", "PROXYWHIRL_STATE: 'mysql' is no store; write 'sqlite:///"),
        (7, "PROXYWHIRL_STATE is of the type int; it must be a URL, or False"),
        (True, "PROXYWHIRL_STATE is of the type bool; it must be a URL, or False"),
    ],
)
def test_what_is_no_state_is_refused(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match="PROXYWHIRL_STATE") as caught:
        read(PROXYWHIRL_STATE=value)

    assert str(caught.value).startswith(message)
    assert "secret" not in str(caught.value)
