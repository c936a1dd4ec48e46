from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scrapy_proxywhirl.core.errors import InvalidProxyError
from scrapy_proxywhirl.core.url import (
    _NORMAL,
    ProxyURL,
    mask_credentials,
    normalise,
    parse_proxy_url,
)

READ = [
    ("http://proxy.example:8080", ProxyURL("http", "proxy.example", 8080)),
    ("proxy.example:8080", ProxyURL("http", "proxy.example", 8080)),
    ("  HTTP://Proxy.Example:8080/  ", ProxyURL("http", "proxy.example", 8080)),
    ("http://proxy.example", ProxyURL("http", "proxy.example", 80)),
    ("https://proxy.example", ProxyURL("https", "proxy.example", 443)),
    ("socks5://proxy.example", ProxyURL("socks5", "proxy.example", 1080)),
    ("http://user:secret@h:1", ProxyURL("http", "h", 1, "user", "secret")),
    ("user:secret@h:1", ProxyURL("http", "h", 1, "user", "secret")),
    ("http://user@h:1", ProxyURL("http", "h", 1, "user", "")),
    ("http://user:@h:1", ProxyURL("http", "h", 1, "user", "")),
    ("http://user:p%40ss@h:1", ProxyURL("http", "h", 1, "user", "p@ss")),
    ("http://user:p@ss:word@h:1", ProxyURL("http", "h", 1, "user", "p@ss:word")),
    ("http://user:p/ss?#@h:1", ProxyURL("http", "h", 1, "user", "p/ss?#")),
    ("http://[2001:DB8::1]:8080", ProxyURL("http", "2001:db8::1", 8080)),
    ("http://user:secret@[::1]:1", ProxyURL("http", "::1", 1, "user", "secret")),
    ("http://[::1]", ProxyURL("http", "::1", 80)),
    ("http://bücher.example:1", ProxyURL("http", "xn--bcher-kva.example", 1)),
    ("h:1:user:secret", ProxyURL("http", "h", 1, "user", "secret")),
    (" H:1:user:se:cret ", ProxyURL("http", "h", 1, "user", "se:cret")),
    ("h:1:user:", ProxyURL("http", "h", 1, "user", "")),
    ("h:1:us%3Aer:secret", ProxyURL("http", "h", 1, "us:er", "secret")),
    ("h:1:user:se@cret", ProxyURL("http", "h", 1, "user", "se@cret")),
    ("socks5://h:1:user:secret", ProxyURL("socks5", "h", 1, "user", "secret")),
    ("[2001:db8::1]:1:user:secret", ProxyURL("http", "2001:db8::1", 1, "user", "secret")),
    ("1234:567:secret@h:1", ProxyURL("http", "h", 1, "1234", "567:secret")),
    ("192.0.2.255:1", ProxyURL("http", "192.0.2.255", 1)),
    ("h2:1", ProxyURL("http", "h2", 1)),
    ("1.b-3:1", ProxyURL("http", "1.b-3", 1)),
    ("http://my_proxy:65535", ProxyURL("http", "my_proxy", 65535)),
]

REFUSED = [
    ("", "empty"),
    ("   ", "empty"),
    ("htp://a:1", "'htp://a:1' has the unknown scheme 'htp'; use http, https, socks4 or socks5"),
    ("ftp://user:secret@a:1", "unknown scheme 'ftp'"),
    ("http://", "no host"),
    ("http://:8080", "no host"),
    ("http://user:secret@:8080", "no host"),
    ("http://a:0", "'http://a:0' has no port from 1 to 65535 after its host"),
    ("http://a:65536", "'http://a:65536' has no port from 1 to 65535"),
    ("http://a:99999999999999999999", "port"),
    ("http://a:secret", r"'http://a:\*\*\*' has no port"),
    ("http://a:-1", "port"),
    ("http://a:٣", "port"),
    ("http://a:", "no port"),
    ("proxy.example", "no port"),
    ("http://:secret@a:1", "no username"),
    ("a:1:user", "too many colons"),
    ("a:1::secret", "too many colons"),
    ("a:99999:user:secret", "too many colons"),
    ("2001:4860:4860::8888", "too many colons"),
    ("2001:4860:4860::8888:8080", "too many colons"),
    (
        "http://a:1:user:secret@b",
        r"'http://\*\*\*' can be read as credentials@host and as host:port:",
    ),
    ("user:1:secret@a:2", "can be read as credentials@host and as host:port:username:password"),
    ("http://us\ud800er:secret@a:1", "half of a surrogate pair"),
    ("a,1,user,secret", r"'\*\*\*' has a character in its host"),
    ("http://::1:8080", "no host"),
    ("http://2001:db8::1", "too many colons"),
    ("192.0.2.256:1", r"'192\.0\.2\.256:1' has neither a name nor an IPv4 address for its host"),
    ("192.0.2:1", "neither a name nor an IPv4 address"),
    ("192.0.2.010:1", "neither a name nor an IPv4 address"),
    ("192.0.2.1.:1", "neither a name nor an IPv4 address"),
    ("http://proxy.example.1:1", "neither a name nor an IPv4 address"),
    ("http://\uff11.1:1", "neither a name nor an IPv4 address"),
    ("http://[::1", "brackets|port"),
    ("http://[zz]:1", "IPv6"),
    ("http://[::1]8080", r"after its '\]'"),
    ("http://a b:1", "character"),
    ("http://a/path:1", "character"),
    ("://a:1", "no host"),
    (f"http://{'ü' * 100}:1", "no domain name"),
    ("user:se://cret@a:x", "no port"),
]


@pytest.mark.parametrize(("text", "expected"), READ)
def test_it_reads(text: str, expected: ProxyURL) -> None:
    assert parse_proxy_url(text) == expected


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_it_refuses_with_what_is_wrong_and_no_password(text: str, message: str) -> None:
    with pytest.raises(InvalidProxyError, match=message) as caught:
        parse_proxy_url(text)

    assert "secret" not in str(caught.value)
    assert "user" not in str(caught.value).replace("username", "")


@pytest.mark.parametrize(("_", "url"), READ)
def test_what_it_writes_reads_back_the_same(_: str, url: ProxyURL) -> None:
    assert parse_proxy_url(url.with_credentials) == url


@given(st.text(), st.text(min_size=1), st.text(), st.sampled_from(["http", "socks5"]))
def test_any_credentials_read_back_the_same(
    text: str, username: str, password: str, scheme: str
) -> None:
    url = ProxyURL(scheme, "h", 1, username, password)

    assert parse_proxy_url(url.with_credentials) == url


@given(
    st.text(st.characters(exclude_characters=":@%", codec="utf-8"), min_size=1),
    st.text(st.characters(exclude_characters="@%", codec="utf-8")),
    st.sampled_from(["h:1", "socks5://h:1", "[::1]:1"]),
)
def test_what_vendors_export_is_read_as_they_mean_it(
    username: str, password: str, hostport: str
) -> None:
    url = parse_proxy_url(f"{hostport}:{username}:{password}".rstrip() + "-")

    assert (url.username, url.password) == (username, password.rstrip() + "-")
    assert parse_proxy_url(url.with_credentials) == url


@given(st.text(st.sampled_from("h1:@[].%/- \n")) | st.text(st.characters()))
def test_no_text_raises_anything_but_an_invalid_proxy_error(text: str) -> None:
    try:
        url = parse_proxy_url(text)
    except InvalidProxyError:
        return

    assert parse_proxy_url(url.without_credentials).hostport == url.hostport


@given(st.from_regex(_NORMAL, fullmatch=True) | st.sampled_from([text for text, _ in READ]))
@example("http://User:Pass@H:01")
@example("http://h:0")
@example("h:65536")
def test_what_is_normal_by_its_looks_is_what_a_closer_look_finds(text: str) -> None:
    try:
        url = parse_proxy_url(text)
    except InvalidProxyError:
        with pytest.raises(InvalidProxyError):
            normalise(text)
    else:
        assert normalise(text) == (url.with_credentials, url.hostport)


def test_credentials_may_come_beside_a_url() -> None:
    assert normalise("h:1", "us@er", "se:cret") == ("http://us%40er:se%3Acret@h:1", "h:1")
    with pytest.raises(InvalidProxyError, match="give one of them"):
        normalise("user:secret@h:1", "other")


def test_repr_shows_no_credentials() -> None:
    assert repr(parse_proxy_url("http://user:secret@h:1")) == "ProxyURL('http://h:1')"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://h:1", "http://h:1"),
        ("h:1", "h:1"),
        ("http://user:secret@h:1", "http://***@h:1"),
        ("user:secret@h:1", "***@h:1"),
        ("user:se@cret@h:1", "***@h:1"),
        ("user:se://cret@h:1", "***@h:1"),
        ("us@er:se://cret@h:1", "***@h:1"),
        ("h:1:user:secret", "h:1:***:***"),
        ("http://h:1:user:secret", "http://h:1:***:***"),
        ("h:secret", "h:***"),
        ("[::1]", "[::1]"),
        ("[::1]:1", "[::1]:1"),
        ("h:1:user:se@cret", "***"),
        ("http://h:1:user:se@cret", "http://***"),
        ("h 1 user secret", "***"),
    ],
)
def test_masking_leaves_what_may_be_shown(text: str, shown: str) -> None:
    assert mask_credentials(text) == shown
