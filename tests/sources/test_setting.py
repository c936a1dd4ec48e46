from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import attrs
import pytest
import scrapy
from scrapy.downloadermiddlewares.httpproxy import HttpProxyMiddleware

from scrapy_proxywhirl import Proxy
from scrapy_proxywhirl.sources.code import CodeSource
from scrapy_proxywhirl.sources.local import FileSource
from scrapy_proxywhirl.sources.setting import proxies_from_setting, sources_from_setting
from scrapy_proxywhirl.sources.web import UrlSource


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


def proxies_of(value: Any, encoding: str = "latin-1") -> list[Proxy]:
    """Return the proxies that a setting lists, none of which is a gateway."""
    read = proxies_from_setting(value, encoding)
    assert all(isinstance(one, Proxy) for one in read)
    return [one for one in read if isinstance(one, Proxy)]


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
    (proxy,) = proxies_of([entry])

    assert (proxy.url, proxy.country) == ("http://h:1", "DE")


def test_every_field_of_a_dict_reaches_the_proxy() -> None:
    fields = {
        "url": "http://h:1", "username": "user", "password": "secret", "label": "one",
        "country": "DE", "region": "Hesse", "tags": ["a", "b"], "weight": 3,
        "group": "seller", "tier": 2, "cost_per_request": 0.001, "cost_per_gb": 5,
    }  # fmt: skip

    (proxy,) = proxies_of([fields])

    assert (proxy.username, proxy.password, proxy.label) == ("user", "secret", "one")
    assert (proxy.country, proxy.region, proxy.tags) == ("DE", "Hesse", ("a", "b"))
    assert (proxy.weight, proxy.group, proxy.tier) == (3, "seller", 2)
    assert proxy.price == (0.001, 5.0)


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "h", "port": 1}, "http://h:1"),
        ({"host": " h ", "port": "1"}, "http://h:1"),
        ({"host": "h", "port": 1, "scheme": "socks5"}, "socks5://h:1"),
        ({"host": "2001:db8::1", "port": 1}, "http://[2001:db8::1]:1"),
        ({"host": "[2001:db8::1]", "port": 1}, "http://[2001:db8::1]:1"),
        ({"host": "h", "port": 1, "username": "a@b", "password": "c:d"}, "http://a%40b:c%3Ad@h:1"),
        ({"url": "h:1:a:b"}, "http://a:b@h:1"),
    ],
)
def test_a_proxy_may_be_given_in_its_parts(fields: dict[str, Any], url: str) -> None:
    (proxy,) = proxies_of([fields])

    assert proxy.url_with_credentials == url


@pytest.mark.parametrize(
    "expires",
    [
        1893456000,
        1893456000.0,
        "2030-01-01",
        "2030-01-01T00:00:00Z",
        "2030-01-01 01:00:00+01:00",
        date(2030, 1, 1),
        datetime(2030, 1, 1),
        datetime(2030, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_when_a_proxy_expires_may_be_given_in_several_ways(expires: Any) -> None:
    (proxy,) = proxies_of([{"url": "http://h:1", "expires": expires}])

    assert proxy.expires == 1893456000.0


def test_cost_is_short_for_the_cost_per_request() -> None:
    (proxy,) = proxies_of([{"url": "http://h:1", "cost": 2}])

    assert proxy.price == (2.0, 0.0)


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
    assert [proxy.label for proxy in proxies_of(value)] == ["a:1", "b:2"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("htp://user:secret@h:1", "unknown scheme 'htp'"),
        ("http://user:secret@h:99999", "no port from 1 to 65535"),
        (7, "a int is no proxy"),
        (None, "a NoneType is no proxy"),
        ({}, "the field 'url' is missing, or 'host' and 'port'"),
        ({"host": "h"}, "the field 'port' is missing"),
        ({"host": "h", "port": "x"}, "no port from 1 to 65535"),
        ({"host": "h", "port": True}, "'port' is of the type bool"),
        ({"host": "user:secret@h", "port": 1}, "the field 'host' is no host name"),
        ({"host": "h:1:user:secret", "port": 1}, "no IPv6 address in its brackets"),
        ({"url": "http://h:1", "port": 1}, "the field 'url' is given, and 'port' besides"),
        ({"url": "http://h:1", "cost": 1, "cost_per_request": 1}, "mean the same"),
        ({"url": "http://h:1", "expires": "soon"}, "'expires' is no time as '2030-12-31T23:59"),
        ({"url": "http://h:1", "expires": [7]}, "'expires' is of the type list"),
        ({"url": "http://h:1", "cost": 10**400}, "the field 'cost' is too large a number"),
        ({"url": "http://h:1", "sessions": 7}, "put {session} where their names belong"),
        ("http://u-{session}:secret@h:1", "say how many there are in the field 'sessions'"),
        ("http://u-{country}:secret@h:1", "{country} is to be replaced, and there is no country"),
        ({"url": "http://{session}:secret@h:1", "sessions": 0}, "must be from 1 to 1,000,000"),
        ({"url": "http://{session}:secret@h", "sessions": 1, "tier": 0}, "tier is 0"),
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
        ({"url": "http://h:1", "user": "x"}, "unknown fields user; known are url, scheme, host,"),
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
    (proxy,) = proxies_of(["http://user:\u20ac@h:1"], encoding="utf-8")

    assert proxy.password == "\u20ac"


def test_what_is_no_list_is_refused() -> None:
    with pytest.raises(ValueError, match="is of the type int; it must be a list"):
        proxies_from_setting(7)


class Vendor:
    def get_proxies(self) -> list[str]:
        return ["http://h:1"]


async def from_vendor(crawler: Any) -> list[str]:
    return ["http://h:1"]


SOURCES = [
    ("proxies.txt", FileSource, "proxies.txt"),
    ("proxies.csv.gz", FileSource, "proxies.csv.gz"),
    ("/etc/proxies", FileSource, "/etc/proxies"),
    (Path("proxies"), FileSource, "proxies"),
    ("setup.cfg", FileSource, "setup.cfg"),  # for it is there
    ("https://h/list?key=secret", UrlSource, "https://h/list"),
    ("http://user:secret@h:1/list#secret", UrlSource, "http://h:1/list"),
    ("https://h/api/v2/my-list_2026.csv.gz", UrlSource, "https://h/api/v2/my-list_2026.csv.gz"),
    (f"https://h/v1/{'key' * 13}/-/any/", UrlSource, "https://h/v1/.../-/any/"),
    ("https://h/5f0c0e4e-83b1-4a52-9c1f-1f2d3c4b5a69", UrlSource, "https://h/..."),
    ("https://h/AbC9-dEfGh12_3.txt", UrlSource, "https://h/..."),
    ("https://h/user:secret@list", UrlSource, "https://h/..."),
    (Vendor, CodeSource, f"{__name__}.Vendor"),
    (from_vendor, CodeSource, f"{__name__}.from_vendor"),
    (f"{__name__}.from_vendor", CodeSource, f"{__name__}.from_vendor"),
]


@pytest.mark.parametrize(("entry", "kind", "name"), SOURCES, ids=[name for _, _, name in SOURCES])
def test_what_a_source_is_is_told_by_what_it_looks_like(
    entry: Any, kind: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])

    (source,) = sources_from_setting([entry])

    assert type(source) is kind
    assert source.name == name


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ('["http://a:1", {"host": "b", "port": 2}]', ["http://a:1", "http://b:2"]),
        (' [ {"url": "http://user:a,b@a:1"} ] ', ["http://a:1"]),
        ("http://a:1, b:2,", ["http://a:1", "http://b:2"]),
        ("[::1]:1, http://[::2]", ["http://[::1]:1", "http://[::2]:80"]),
        ("[]", []),
        ("", []),
    ],
)
def test_proxies_may_come_as_text_from_the_command_line(text: str, urls: list[str]) -> None:
    assert [proxy.url for proxy in proxies_of(text)] == urls


@pytest.mark.parametrize("text", ["['http://user:secret@a:1']", '["http://user:secret@a:1"', "[]]"])
def test_a_text_that_looks_like_json_and_is_none_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="looks like a list in JSON, and is none") as caught:
        proxies_from_setting(text)

    assert str(caught.value).startswith("PROXYWHIRL_PROXIES ")
    assert "secret" not in str(caught.value)


def test_sources_may_come_as_text_from_the_command_line() -> None:
    sources = sources_from_setting("a.txt, https://h/b,")

    assert [source.name for source in sources] == ["a.txt", "https://h/b"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("ftp://user:secret@h/list", "'ftp://h/list'; it must be a path, a URL with http://"),
        ("https://user:secret\u2100@h/list", "a URL that cannot be read"),
        ("ftp://user:secret\u2100@h/list", "a URL that cannot be read"),
        ("https://user:secret@[::1/list", "a URL that cannot be read"),
        ("no.such_source", "'no.such_source', which cannot be loaded: No module named 'no'"),
        ("proxies", "'proxies', which cannot be loaded"),
        (7, "of the type int; it must be a path, a URL, a class or a function"),
        (["http://h:1"], "of the type list; it must be"),
        (f"{__name__}.SOURCES", "which is neither a class nor a function"),
        (dict, "a class without a method 'get_proxies'"),
    ],
)
def test_what_is_no_source_is_refused_with_its_place(entry: Any, message: str) -> None:
    with pytest.raises(ValueError, match="PROXYWHIRL_SOURCES") as caught:
        sources_from_setting(["a.txt", entry])

    assert str(caught.value).startswith("PROXYWHIRL_SOURCES[1] is ")
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("value", [7, Path("proxies.txt")])
def test_sources_are_a_list(value: Any) -> None:
    with pytest.raises(
        ValueError, match=r"PROXYWHIRL_SOURCES is of the type .*; it must be a list"
    ):
        sources_from_setting(value)
