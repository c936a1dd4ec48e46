from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import Any

import attrs
import pytest
import scrapy
from scrapy.downloadermiddlewares.httpproxy import HttpProxyMiddleware

from scrapy_proxywhirl import Proxy
from scrapy_proxywhirl.sources import proxies_from_setting


@dataclass
class DataclassProxy:
    url: str
    country: str | None = None


@attrs.define
class AttrsProxy:
    url: str
    country: str | None = None


class ScrapyProxy(scrapy.Item):
    url = scrapy.Field()
    country = scrapy.Field()


@pytest.mark.parametrize(
    "entry",
    [
        {"url": "http://h:1", "country": "DE"},
        DataclassProxy("http://h:1", "DE"),
        AttrsProxy("http://h:1", "DE"),
        ScrapyProxy(url="http://h:1", country="DE"),
        Proxy("http://h:1", country="DE"),
    ],
    ids=lambda entry: type(entry).__name__,
)
def test_a_proxy_may_be_an_item_of_any_kind(entry: Any) -> None:
    (proxy,) = proxies_from_setting([entry])

    assert (proxy.url, proxy.country) == ("http://h:1", "DE")


def test_every_field_of_a_dict_reaches_the_proxy() -> None:
    fields = {
        "url": "http://h:1", "username": "user", "password": "secret", "label": "one",
        "country": "DE", "region": "Hesse", "tags": ["a", "b"], "weight": 3,
        "group": "seller", "tier": 2, "cost_per_request": 0.001, "cost_per_gb": 5,
    }  # fmt: skip

    (proxy,) = proxies_from_setting([fields])

    assert (proxy.username, proxy.password, proxy.label) == ("user", "secret", "one")
    assert (proxy.country, proxy.region, proxy.tags) == ("DE", "Hesse", ("a", "b"))
    assert (proxy.weight, proxy.group, proxy.tier) == (3, "seller", 2)
    assert proxy.price == (0.001, 5.0)


@pytest.mark.parametrize(
    "value",
    [
        "http://a:1,http://b:2",
        " a:1 , b:2 ,",
        ["a:1", "b:2"],
        ("a:1", "", "b:2"),
        iter(["a:1", "b:2"]),
    ],
)
def test_several_may_be_given_in_several_ways(value: Any) -> None:
    assert [proxy.label for proxy in proxies_from_setting(value)] == ["a:1", "b:2"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("htp://user:secret@h:1", "unknown scheme 'htp'"),
        ("http://user:secret@h:99999", "no port from 1 to 65535"),
        (7, "a int is no proxy"),
        (None, "a NoneType is no proxy"),
        ({}, "the field 'url' is missing"),
        ({"url": None}, "the field 'url' is missing"),
        ({"url": 7}, "the field 'url' is of the type int"),
        ({"url": "http://h:1", "username": 7}, "'username' is of the type int"),
        ({"url": "http://h:1", "weight": "3"}, "'weight' is of the type str; it must be a float"),
        ({"url": "http://h:1", "weight": True}, "'weight' is of the type bool"),
        ({"url": "http://h:1", "weight": 0}, "weight is 0; it must be a number in"),
        ({"url": "http://h:1", "tier": "2"}, "'tier' is of the type str; it must be a int"),
        ({"url": "http://h:1", "tier": 0}, "tier is 0; it must be a whole number"),
        ({"url": "http://h:1", "cost_per_gb": 0}, "cost_per_gb is 0; it must be a finite number"),
        ({"url": "http://h:1", "cost_per_request": -1}, "cost_per_request is -1; it must be"),
        ({"url": "http://h:1", "country": "ZZ"}, "country is 'ZZ'; it must be an ISO 3166-1"),
        ({"url": "http://h:1", "tags": "fast"}, "tags is 'fast'; it must be a list of words"),
        ({"url": "http://h:1", "user": "x"}, "unknown fields user; known are url, username,"),
        ({"url": "http://h:1", "password": "secret"}, "a password and no username"),
        ("http://user:secr\u20act@h:1", "cannot be sent as latin-1; set HTTPPROXY_AUTH_ENCODING"),
        ("http://a:1", r"'a:1' is PROXYWHIRL_PROXIES\[0\] once more"),
    ],
)
def test_a_bad_entry_is_refused_with_its_place_and_no_password(entry: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        proxies_from_setting(["http://a:1", entry])

    assert "PROXYWHIRL_PROXIES[1]: " in str(caught.value)
    assert "secr" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "credentials"),
    [
        ("http://h:1", None),
        ("http://u:p@h:1", "u:p"),
        ("http://u@h:1", "u:"),
        ("http://u:p%40:w@[2001:DB8::1]:1", "u:p@:w"),
        ("https://h", None),
        ("http://bücher.example:1", None),
        ("socks5://h:1080", None),
        ("http://u:p/?#[]@h:1", "u:p/?#[]"),
        ("http://ü:ß@h:1", "ü:ß"),
    ],
)
def test_scrapy_reads_what_is_assigned_as_it_is_meant(url: str, credentials: str | None) -> None:
    proxy = Proxy(url)
    request = scrapy.Request("http://example.com/", meta={"proxy": proxy.url_with_credentials})

    HttpProxyMiddleware(auth_encoding="latin-1").process_request(request)

    assert request.meta["proxy"] == proxy.url
    header = request.headers.get("Proxy-Authorization")
    assert (b64decode(header[6:]).decode("latin-1") if header else None) == credentials


def test_all_bad_entries_are_told_of_at_once() -> None:
    with pytest.raises(ValueError, match="PROXYWHIRL_PROXIES") as caught:
        proxies_from_setting(["htp://a:1", "http://b:2", "http://c:0"])

    first, second = str(caught.value).splitlines()
    assert first.startswith("PROXYWHIRL_PROXIES[0]: ")
    assert second.startswith("PROXYWHIRL_PROXIES[2]: ")


def test_credentials_beyond_latin_1_are_fine_where_the_encoding_takes_them() -> None:
    (proxy,) = proxies_from_setting(["http://user:\u20ac@h:1"], encoding="utf-8")

    assert proxy.password == "\u20ac"


@pytest.mark.parametrize("value", [[], "", ",", [""], ()])
def test_no_proxy_at_all_is_an_error_with_the_way_out(value: Any) -> None:
    with pytest.raises(ValueError, match=r"PROXYWHIRL_PROXIES has no proxy; .*PROXYWHIRL_ENABLED"):
        proxies_from_setting(value)


def test_what_is_no_list_is_refused() -> None:
    with pytest.raises(ValueError, match="is of the type int; it must be a list"):
        proxies_from_setting(7)
