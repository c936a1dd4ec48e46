from __future__ import annotations

import pickle
from collections.abc import Callable
from copy import deepcopy
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapy_proxywhirl import HealthStatus, InvalidProxyError, Proxy, ProxyPool

TIMES = st.floats(0, 1e6)


def test_the_ema_starts_at_the_first_response_time_and_moves_by_alpha() -> None:
    proxy = Proxy("http://h:1")

    proxy.complete_request(True, 100.0)
    assert proxy.ema_response_time_ms == 100.0

    proxy.complete_request(True, 50.0, alpha=0.2)
    assert proxy.ema_response_time_ms == pytest.approx(90.0)


def test_a_proxys_own_alpha_comes_before_the_strategys() -> None:
    proxy = Proxy("http://h:1", ema_alpha=0.5)
    proxy.ema_response_time_ms = 100.0

    proxy.complete_request(True, 50.0, alpha=0.2)

    assert proxy.ema_response_time_ms == 75.0


@given(st.lists(TIMES, min_size=1, max_size=50), st.floats(0.01, 1))
def test_the_ema_is_the_weighted_mean_of_its_definition(times: list[float], alpha: float) -> None:
    proxy = Proxy("http://h:1")
    for time in times:
        proxy.complete_request(True, time, alpha)

    oldest, *later = times
    weights = [(1 - alpha) ** len(later)]
    weights += [alpha * (1 - alpha) ** (len(later) - 1 - place) for place in range(len(later))]
    expected = sum(weight * time for weight, time in zip(weights, [oldest, *later], strict=True))
    assert proxy.ema_response_time_ms == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(st.lists(st.tuples(st.booleans(), TIMES), max_size=50))
def test_a_failure_never_lowers_an_ema(attempts: list[tuple[bool, float]]) -> None:
    pool = ProxyPool()
    proxy, other = Proxy("http://h:1"), Proxy("http://h:2")
    pool.add_proxy(proxy)
    pool.add_proxy(other)
    other.complete_request(True, 100.0)
    for success, time in attempts:
        before = proxy.ema_response_time_ms
        proxy.complete_request(success, time)
        after = proxy.ema_response_time_ms
        assert after is not None
        if not success:
            assert after >= (before or 0.0)


def test_a_failure_is_charged_four_medians_of_what_the_pool_takes(
    make_pool: Callable[..., ProxyPool],
) -> None:
    pool = make_pool(None, None, None, 100.0)
    *measured, failing = pool
    for proxy, time in zip(measured, (50.0, 100.0, 900.0), strict=True):
        proxy.complete_request(True, time)

    failing.complete_request(False, 2.0, alpha=0.2)

    assert failing.ema_response_time_ms == pytest.approx(0.2 * 400.0 + 0.8 * 100.0)


def test_a_timeout_is_charged_in_full(make_pool: Callable[..., ProxyPool]) -> None:
    pool = make_pool(None, 100.0)
    measured, failing = pool
    measured.complete_request(True, 100.0)

    failing.complete_request(False, 60_000.0, alpha=0.2)

    assert failing.ema_response_time_ms == pytest.approx(0.2 * 60_000.0 + 0.8 * 100.0)


def test_penalties_do_not_feed_on_themselves(make_pool: Callable[..., ProxyPool]) -> None:
    pool = make_pool(None, None, None, None)
    for _ in range(1000):
        for proxy in pool:
            proxy.complete_request(True, 100.0)
            proxy.complete_request(False)

    assert all(100.0 < (proxy.ema_response_time_ms or 0) <= 400.0 for proxy in pool)


def test_the_median_is_taken_over_many_proxies_too(make_pool: Callable[..., ProxyPool]) -> None:
    pool = make_pool(*[None] * 1000)
    *measured, failing = pool
    for number, proxy in enumerate(measured):
        proxy.complete_request(True, 100.0 + number / 10)

    failing.complete_request(False, failure_penalty=1.0)

    assert failing.ema_response_time_ms == pytest.approx(150.0, rel=0.05)


def test_what_has_left_the_pool_is_no_measure_of_it(make_pool: Callable[..., ProxyPool]) -> None:
    pool = make_pool(None, None, None)
    slow, fast, failing = pool
    slow.complete_request(True, 10_000.0)
    fast.complete_request(True, 10.0)

    pool.remove_proxy(slow)
    failing.complete_request(False)

    assert failing.ema_response_time_ms == 40.0


def test_what_never_answered_has_the_latest_charge_for_its_ema(
    make_pool: Callable[..., ProxyPool],
) -> None:
    pool = make_pool(None, None, None)
    fast, slow, failing = pool
    failing.complete_request(False, 2.0)
    assert failing.ema_response_time_ms is None, "nothing is known to charge it by"

    fast.complete_request(True, 10.0)
    failing.complete_request(False, 2.0)
    assert failing.ema_response_time_ms == 40.0

    slow.complete_request(True, 90.0)
    failing.complete_request(False, 2.0)
    assert failing.ema_response_time_ms == 200.0

    failing.complete_request(True, 50.0)
    assert failing.ema_response_time_ms == pytest.approx(0.2 * 50.0 + 0.8 * 200.0)


def test_a_proxy_without_pool_is_charged_its_own_ema() -> None:
    proxy = Proxy("http://h:1")
    proxy.ema_response_time_ms = 100.0

    proxy.complete_request(False, 2.0)

    assert proxy.ema_response_time_ms == 100.0


def test_health_follows_the_last_attempts() -> None:
    proxy = Proxy("http://h:1")
    seen = [proxy.health_status]
    for success in (True, False, False, False, True, False):
        proxy.complete_request(success, 10.0)
        seen.append(proxy.health_status)

    assert [status.name for status in seen] == [
        *("UNKNOWN", "HEALTHY", "DEGRADED", "DEGRADED", "UNHEALTHY", "HEALTHY", "DEGRADED")
    ]


def test_one_that_never_answered_is_unhealthy_at_its_first_failure() -> None:
    proxy = Proxy("http://h:1")

    proxy.complete_request(False)

    assert proxy.health_status is HealthStatus.UNHEALTHY


def test_each_kind_of_end_is_counted() -> None:
    proxy = Proxy("http://h:1")
    for _ in range(5):
        proxy.start_request()
    proxy.complete_request(True, 10.0)
    proxy.complete_request(True)
    proxy.complete_request(False, banned=True)
    proxy.complete_request(False)
    assert proxy.requests_active == 1
    proxy.abandon_request()

    assert proxy.requests_started == proxy.requests_completed == 5
    assert (proxy.total_successes, proxy.total_bans, proxy.total_failures) == (2, 1, 1)
    assert proxy.consecutive_failures == 2
    assert proxy.last_response_time_ms == 10.0
    assert proxy.requests_active == 0


def test_a_result_without_a_selection_counts_as_an_attempt() -> None:
    proxy = Proxy("http://h:1")

    proxy.complete_request(True, 10.0)

    assert (proxy.requests_started, proxy.requests_active) == (1, 0)


@pytest.mark.parametrize("value", [-1.0, nan, inf, -inf])
@pytest.mark.parametrize("success", [True, False])
def test_a_time_that_is_none_is_refused_and_changes_nothing(value: float, success: bool) -> None:
    proxy = Proxy("http://h:1")
    proxy.ema_response_time_ms = 100.0
    proxy.start_request()

    with pytest.raises(ValueError, match=r"response_time_ms is .*; it must be a finite number"):
        proxy.complete_request(success, value)
    with pytest.raises(ValueError, match="ema_response_time_ms"):
        proxy.ema_response_time_ms = value

    assert proxy.ema_response_time_ms == 100.0
    assert proxy.requests_active == 1
    assert proxy.total_successes == proxy.total_failures == 0


def test_identities_on_one_host_and_port_are_several_proxies() -> None:
    urls = ["http://h:1", "http://a:x@h:1", "http://b:x@h:1", "http://a:y@h:1", "https://h:1"]

    assert len({Proxy(url).id for url in urls}) == len(urls)
    assert Proxy("http://a:x@h:1").id == Proxy("h:1", username="a", password="x").id


def test_what_it_shows_holds_no_credentials() -> None:
    proxy = Proxy("http://user:secret@h:1")
    proxy.ema_response_time_ms = 52.125

    assert proxy.url == "http://h:1"
    assert proxy.label == "h:1"
    assert repr(proxy) == "<Proxy 'h:1' [unknown, EMA 52.1 ms, 0 in flight]>"
    assert repr(Proxy("h:1", label="one")) == "<Proxy 'one' [unknown, no EMA, 0 in flight]>"
    assert proxy.url_with_credentials == "http://user:secret@h:1"
    assert (proxy.scheme, proxy.username, proxy.password) == ("http", "user", "secret")
    assert proxy.has_credentials
    assert not Proxy("http://h:1").has_credentials


@pytest.mark.parametrize("copy", [deepcopy, lambda proxy: pickle.loads(pickle.dumps(proxy))])
def test_a_copy_has_what_was_learned_and_no_pool(copy: Callable[[Proxy], Proxy]) -> None:
    pool = ProxyPool()
    proxy = Proxy("http://user:secret@h:1", country="DE", tags=["a"])
    pool.add_proxy(proxy)
    proxy.complete_request(True, 100.0)
    proxy.start_request()

    other = copy(proxy)

    assert other not in pool
    assert (other.id, other.password, other.country, other.tags) == (
        *(proxy.id, "secret", "DE", ("a",)),
    )
    assert other.ema_response_time_ms == 100.0
    assert other.requests_active == 0
    ProxyPool().add_proxy(other)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"url": "http://h:1", "expires": float("inf")}, "expires is inf; it must be a finite"),
        ({"url": "http://h:1", "expires": float("nan")}, "expires is nan"),
        ({"url": "http://a:b@h:1", "username": "user", "password": "secret"}, "besides"),
        ({"url": "http://h:1", "password": "secret"}, "no username"),
        ({"url": "htp://h:1"}, "unknown scheme"),
        ({"url": "http://h:1", "ema_alpha": 0.0}, r"ema_alpha is 0.0; it must be in \(0, 1\]"),
        ({"url": "http://h:1", "ema_alpha": 1.5}, "ema_alpha is 1.5"),
        ({"url": "http://h:1", "ema_alpha": nan}, "ema_alpha is nan"),
    ],
)
def test_bad_arguments_are_refused_without_showing_secrets(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        Proxy(**arguments)

    assert "secret" not in str(caught.value)
    assert isinstance(caught.value, InvalidProxyError) or arguments.keys() & {
        "ema_alpha",
        "expires",
    }
