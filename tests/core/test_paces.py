"""What a response takes is the level of its domain times the pace of its proxy."""

from __future__ import annotations

from math import exp, log, sqrt
from random import Random

import pytest

from scrapy_proxywhirl import Proxy
from scrapy_proxywhirl.core.paces import Paces

ALPHA = 0.2


def proxies(number: int) -> list[Proxy]:
    return [Proxy(f"http://h:{port}") for port in range(1, number + 1)]


def serve(paces: Paces, some: list[Proxy], domain: str, time_ms: float, times: int = 1) -> None:
    """Let each of some proxies bring pages of *domain*, in turn."""
    for _ in range(times):
        for proxy in some:
            paces.took(proxy, domain, time_ms, ALPHA)


def test_a_pace_is_what_the_first_domain_takes() -> None:
    (proxy,) = proxies(1)
    paces = Paces()
    assert paces.expected_ms(proxy, "a.example") is None

    paces.took(proxy, "a.example", 100.0, ALPHA)

    assert paces.expected_ms(proxy, "a.example") == pytest.approx(100.0)
    assert paces.expected_ms(proxy, "new.example") == pytest.approx(100.0)


def test_a_slow_domain_makes_no_proxy_slow() -> None:
    used, other = proxies(2)
    paces = Paces()
    serve(paces, [used, other], "fast.example", 100.0)

    serve(paces, [used], "slow.example", 2000.0, times=50)

    assert paces.expected_ms(used, "fast.example") == pytest.approx(100.0)
    assert paces.expected_ms(other, "slow.example") == pytest.approx(2000.0)


def test_a_domain_that_no_known_proxy_has_served_says_nothing() -> None:
    known, new = proxies(2)
    paces = Paces()
    paces.took(known, "a.example", 100.0, ALPHA)

    paces.took(new, "slow.example", 2000.0, ALPHA)
    assert paces.expected_ms(new, "a.example") is None
    assert paces.expected_ms(known, "slow.example") == pytest.approx(100.0)

    paces.took(known, "slow.example", 2000.0, ALPHA)
    paces.took(new, "slow.example", 1000.0, ALPHA)
    assert paces.expected_ms(known, "slow.example") == pytest.approx(2000.0)
    assert paces.expected_ms(new, "a.example") == pytest.approx(50.0)


def test_levels_and_paces_are_found_in_noise_and_stay_where_they_are() -> None:
    rng = Random(1)
    sigma = sqrt(log(1 + 0.35**2))
    some = proxies(5)
    truth = {proxy: 40.0 * 2.0**place for place, proxy in enumerate(some)}
    levels = {f"{number}.example": 3.0**number for number in range(4)}
    paces = Paces()

    def off() -> float:
        """Return the largest factor between what is expected and what it takes in the middle."""
        return max(
            abs(log((paces.expected_ms(proxy, domain) or 0.0) / (truth[proxy] * level)))
            for proxy in some
            for domain, level in levels.items()
        )

    scales = []
    for _ in range(10):
        for _ in range(10_000):
            proxy = rng.choice(some)
            domain, level = rng.choice(list(levels.items()))
            time_ms = truth[proxy] * level * exp(rng.gauss(0.0, sigma))
            paces.took(proxy, domain, time_ms, ALPHA)
        assert off() < log(1.6)  # an EMA of this noise is itself off by 12%, one in three times
        scales.append(paces.expected_ms(some[0], "new.example") or 0.0)

    assert max(scales) / min(scales) < 3.0


def test_a_new_domain_settles_soon_and_says_little_of_proxies_by_then() -> None:
    some = proxies(10)
    paces = Paces()
    serve(paces, some, "a.example", 100.0, times=50)

    for number, proxy in enumerate(some):
        paces.took(proxy, "b.example", 900.0 if number == 0 else 300.0, ALPHA)

    assert paces.expected_ms(some[0], "b.example") == pytest.approx(300.0, rel=0.25)
    for proxy in some:
        assert paces.expected_ms(proxy, "a.example") == pytest.approx(100.0, rel=0.06)


def test_a_proxy_that_becomes_faster_is_seen_to() -> None:
    some = proxies(8)
    paces = Paces()
    serve(paces, some, "a.example", 100.0, times=50)

    for _ in range(30):
        paces.took(some[0], "a.example", 25.0, ALPHA)
        serve(paces, some[1:], "a.example", 100.0)

    assert paces.expected_ms(some[0], "a.example") == pytest.approx(25.0, rel=0.05)
    assert paces.expected_ms(some[1], "a.example") == pytest.approx(100.0, rel=0.05)


def test_a_domain_that_becomes_slower_makes_no_proxy_slow() -> None:
    some = proxies(20)
    paces = Paces()
    for domain in ("a.example", "b.example"):
        serve(paces, some, domain, 100.0, times=50)

    for _ in range(100):
        for proxy in some:
            paces.took(proxy, "b.example", 1000.0, ALPHA)
            paces.took(proxy, "a.example", 100.0, ALPHA)

    assert paces.expected_ms(some[0], "b.example") == pytest.approx(1000.0, rel=0.1)
    assert paces.expected_ms(some[0], "a.example") == pytest.approx(100.0, rel=0.1)


def test_a_charge_slows_down_and_is_taken_back() -> None:
    proxy, _ = proxies(2)
    paces = Paces()
    paces.took(proxy, "a.example", 100.0, ALPHA)

    average, move = paces.charge(proxy, "a.example", 400.0, ALPHA)

    assert paces.expected_ms(proxy, "b.example") == pytest.approx(100.0 * 4.0**ALPHA)
    average.take_back(move)
    assert paces.expected_ms(proxy, "b.example") == pytest.approx(100.0)


@pytest.mark.parametrize("time_ms", [50.0, 0.05])
def test_what_a_charge_did_is_taken_back_exactly_however_fast_a_proxy_is(time_ms: float) -> None:
    paces = Paces()
    (proxy,) = proxies(1)
    paces.took(proxy, "a.example", time_ms, ALPHA)

    average, move = paces.charge(proxy, "a.example", 100.0, ALPHA)
    average.take_in(log(time_ms / 3.0), ALPHA)
    average.take_back(move)

    expected = (1.0 - ALPHA) * log(time_ms) + ALPHA * log(time_ms / 3.0)
    assert average.ema_ms == pytest.approx(expected)


def test_a_charge_never_speeds_up_and_is_a_guess_where_nothing_is_known() -> None:
    slow, new = proxies(2)
    paces = Paces()
    paces.took(slow, "a.example", 1000.0, ALPHA)

    paces.charge(slow, "a.example", 100.0, ALPHA)
    average, move = paces.charge(new, "b.example", 400.0, ALPHA)

    assert paces.expected_ms(slow, "a.example") == pytest.approx(1000.0)
    assert paces.expected_ms(new, "a.example") == pytest.approx(400.0)
    paces.took(new, "c.example", 7.0, ALPHA)  # a guess says nothing of a domain
    assert paces.expected_ms(slow, "c.example") == pytest.approx(1000.0)
    average.take_back(move)
    assert paces.expected_ms(new, "a.example") is None


def test_no_time_at_all_is_a_microsecond() -> None:
    (proxy,) = proxies(1)
    paces = Paces()

    paces.took(proxy, None, 0.0, ALPHA)
    paces.took(proxy, None, 0.0, 1.0)
    assert paces.expected_ms(proxy, None) == pytest.approx(0.001)
    paces.charge(proxy, None, 0.0, 1.0)
    assert paces.expected_ms(proxy, None) == pytest.approx(0.001)


def test_what_is_forgotten_has_no_pace() -> None:
    (proxy,) = proxies(1)
    paces = Paces()
    paces.took(proxy, "a.example", 100.0, ALPHA)

    paces.forget(proxy)

    assert paces.expected_ms(proxy, "a.example") is None


def test_the_levels_of_the_latest_domains_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scrapy_proxywhirl.core.paces._LEVELS", 3)
    (proxy,) = proxies(1)
    paces = Paces()
    for number, domain in enumerate("abcadb"):  # c goes for d, a for b
        paces.took(proxy, domain, 100.0 + number, ALPHA)

    assert set(paces._levels) == set("adb")
