from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapy_proxywhirl import Proxy
from scrapy_proxywhirl.sources.entries import read_entry
from scrapy_proxywhirl.sources.formats import read_entries
from scrapy_proxywhirl.sources.writing import written

FORMATS = ["text", "csv", "jsonl", "json"]
WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)

PROXIES = st.builds(
    Proxy,
    st.sampled_from(["a:1", "http://b:2", "https://[2001:db8::1]:3", "socks5://c:4"]),
    username=st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), min_size=1),
    password=st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=8),
    label=st.none() | WORDS,
    country=st.sampled_from([None, "DE", "fr"]),
    region=st.none() | WORDS,
    tags=st.lists(WORDS, max_size=3),
    group=st.none() | WORDS,
    tier=st.integers(1, 9),
    cost_per_gb=st.none() | st.floats(0.01, 100),
    weight=st.none() | st.floats(0.01, 100),
    expires=st.none() | st.floats(1e9, 2e9),
)


def read(text: str, list_format: str) -> list[Proxy]:
    proxies = []
    for _, entry in read_entries(text.encode(), list_format):
        proxy = read_entry(entry)
        assert isinstance(proxy, Proxy)
        proxies.append(proxy)
    return proxies


@pytest.mark.parametrize("list_format", FORMATS)
def test_what_is_written_is_read_again(list_format: str) -> None:
    @given(st.lists(PROXIES, min_size=1, max_size=3))
    def holds(proxies: list[Proxy]) -> None:
        again = read(written(proxies, list_format), list_format)

        assert [one.id for one in again] == [one.id for one in proxies]
        if list_format != "text":
            for one, other in zip(again, proxies, strict=True):
                assert one.is_described_like(other)

    holds()


@pytest.mark.parametrize("list_format", FORMATS)
def test_a_list_of_none_has_none(list_format: str) -> None:
    assert read(written([], list_format), list_format) == []


def test_a_text_has_what_is_needed_to_use_it_and_a_csv_what_was_given() -> None:
    proxies = [
        Proxy("http://ann:p%40ss@a:1", label="first", tags=["x", "y"], tier=2),
        Proxy("b:2", country="DE"),
    ]

    assert written(proxies, "text") == "http://ann:p%40ss@a:1\nhttp://b:2\n"
    assert written(proxies, "csv").splitlines() == [
        "url,label,country,tags,tier",
        "http://ann:p%40ss@a:1,first,,x;y,2",
        "http://b:2,,DE,,",
    ]
