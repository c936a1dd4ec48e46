from __future__ import annotations

import pytest

from scrapy_proxywhirl import Proxy
from scrapy_proxywhirl.sources.entries import read_entry
from scrapy_proxywhirl.sources.gateway import Gateway, Sessions

FIELDS = {
    "url": "http://user-session-{session}-country-{country}:secret@gate.example:7000",
    "country": "us",
    "sessions": 200,
}


def gateway(**fields: object) -> Gateway:
    read = read_entry({**FIELDS, **fields})
    assert isinstance(read, Gateway)
    return read


def test_each_session_is_a_proxy_of_its_own() -> None:
    proxies = [gateway().proxy(number) for number in range(200)]

    assert len({proxy.id for proxy in proxies}) == 200
    assert {proxy.url for proxy in proxies} == {"http://gate.example:7000"}
    assert {proxy.country for proxy in proxies} == {"US"}
    for proxy in proxies:
        assert proxy.username
        user, word, name, country, us = proxy.username.split("-")
        assert (user, word, country, us) == ("user", "session", "country", "us")
        assert len(name) == 8
        assert name.isalnum()


def test_sessions_have_the_same_names_in_every_run() -> None:
    assert gateway().proxy(7).id == gateway().proxy(7).id


@pytest.mark.parametrize(
    "other",
    [
        {"country": "de"},
        {"url": str(FIELDS["url"]).replace("secret", "other")},
        {"url": str(FIELDS["url"]).replace("user", "other")},
    ],
)
def test_two_accounts_are_two_gateways(other: dict[str, str]) -> None:
    assert gateway(**other).id != gateway().id


def test_the_session_may_stand_in_any_credential() -> None:
    read = read_entry(
        {
            "host": "gate.example",
            "port": 7000,
            "username": "user",
            "password": "secret_session-{session}",
            "sessions": 2,
        }
    )

    assert isinstance(read, Gateway)
    password = read.proxy(0).password
    assert password
    assert password.startswith("secret_session-")
    assert "{" not in password


def test_a_country_may_stand_in_the_credentials_of_a_proxy() -> None:
    proxy = read_entry({"url": "http://user-{country}:secret@h:1", "country": "DE"})

    assert isinstance(proxy, Proxy)
    assert proxy.username == "user-DE"


def test_a_fresh_session_takes_the_place_of_one_that_ended() -> None:
    sessions = Sessions(gateway(sessions=3))
    first = list(sessions.proxies(gateway(sessions=3)))

    sessions.end(first[1].id)
    fresh = sessions.fresh()

    assert fresh.id not in {proxy.id for proxy in first}
    assert first[1].id not in sessions
    assert [proxy.id for proxy in sessions.proxies(gateway(sessions=3))] == [
        *(first[0].id, first[2].id, fresh.id),
    ]


@pytest.mark.parametrize("number", [2, 3, 5])
def test_the_number_of_sessions_may_change(number: int) -> None:
    sessions = Sessions(gateway(sessions=3))
    before = [proxy.id for proxy in sessions.proxies(gateway(sessions=3))]

    after = [proxy.id for proxy in sessions.proxies(gateway(sessions=number))]

    assert len(set(after)) == number
    assert after[:3] == before[:number]
