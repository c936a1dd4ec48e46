from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrapy_proxywhirl import InvalidProxyError, Proxy
from scrapy_proxywhirl.sources import SourceError
from scrapy_proxywhirl.sources.entries import read_entry
from scrapy_proxywhirl.sources.formats import format_of, read_entries

FORMATS = ["text", "csv", "json", "jsonl"]

TWO = {
    "text": "# ours\n\nhttp://user:secret@a:1\t # a\r\n  b:2  \n  #b:3",
    "csv": "URL,Country\nhttp://user:secret@a:1,DE\nb:2,\n",
    "json": '["http://user:secret@a:1", {"url": "b:2"}]',
    "jsonl": '"http://user:secret@a:1"\n\n{"url": "b:2"}\n',
}

# Without the time, since tests that run two at a time are called the same in both processes.
GZIPPED = gzip.compress(b"h:1\n" * 9, mtime=0)


def entries_of(content: str | bytes, list_format: str) -> list[Any]:
    if isinstance(content, str):
        content = content.encode()
    return list(read_entries(content, list_format))


@pytest.mark.parametrize("list_format", FORMATS)
@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_it_reads_each_format_compressed_or_not(
    list_format: str, is_compressed: bool, mark: str
) -> None:
    content = (mark + TWO[list_format]).encode()
    if is_compressed:
        content = gzip.compress(content)

    proxies = [read_entry(entry) for _, entry in read_entries(content, list_format)]

    assert all(isinstance(proxy, Proxy) for proxy in proxies)
    assert [one.url for one in proxies if isinstance(one, Proxy)] == ["http://a:1", "http://b:2"]


@pytest.mark.parametrize(
    ("list_format", "places"),
    [
        ("text", [":3", ":4"]),
        ("csv", [":2", ":3"]),
        ("json", ["[0]", "[1]"]),
        ("jsonl", [":1", ":3"]),
    ],
)
def test_each_entry_has_its_place(list_format: str, places: list[str]) -> None:
    assert [place for place, _ in entries_of(TWO[list_format], list_format)] == places


@pytest.mark.parametrize("list_format", FORMATS)
def test_an_empty_list_has_no_entries(list_format: str) -> None:
    empty = {"text": "", "csv": "url\n", "json": "[]", "jsonl": "\n"}

    assert entries_of(empty[list_format], list_format) == []


def test_columns_are_read_as_what_they_are() -> None:
    ((_, fields),) = entries_of(
        "host;port;username;password;tags;tier;cost;weight;expires;label;country\n"
        'h;8000;user;"se;cret";a|b, c;2;0.5;3;1893456000;one;DE\n',
        "csv",
    )

    proxy = read_entry(fields)

    assert isinstance(proxy, Proxy)
    assert proxy.url_with_credentials == "http://user:se%3Bcret@h:8000"
    assert (proxy.tags, proxy.tier, proxy.weight) == (("a", "b", "c"), 2, 3)
    assert (proxy.price, proxy.expires) == ((0.5, 0.0), 1893456000.0)
    assert (proxy.label, proxy.country) == ("one", "DE")


def test_a_time_in_a_column_may_be_written_out() -> None:
    ((_, fields),) = entries_of("url\texpires\nh:1\t2030-01-01T00:00:00Z", "csv")

    assert read_entry(fields).expires == 1893456000.0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("content", "list_format", "message"),
    [
        (b"a:1\n\xff:secret@b:2\n", "text", "is no text in UTF-8"),
        (b'"a:1"\n{"url": "http://user:secret@b:1"\n', "jsonl", "is no JSON"),
        (b'"a:1"\n\xff\n', "jsonl", "is no text in UTF-8"),
        (b"url,username\na:1,x\nb:2,user,secret\n", "csv", "has 3 columns, and the first line 2"),
        (b"url,tier\na:1,1\nb:2,secret\n", "csv", "has no number in the column 'tier'"),
    ],
)
def test_a_line_that_is_wrong_is_told_of_and_skipped(
    content: bytes, list_format: str, message: str
) -> None:
    *_, (place, error) = entries = entries_of(content, list_format)

    assert len(entries) == 2
    assert place in (":2", ":3")
    assert isinstance(error, InvalidProxyError)
    assert str(error) == message


@pytest.mark.parametrize(
    ("content", "list_format", "message"),
    [
        (b"secret,user\nh,1\n", "csv", "has no column 'url' or 'host': its first line"),
        (b"", "csv", "has no column 'url' or 'host'"),
        (b"url\n\xff:secret\n", "csv", "is no text in UTF-8"),
        (b"url\n" + b"x" * 200_000, "csv", "is no CSV: field larger than field limit"),
        (b'{"secret": 1}', "json", "has no list, nor an object with a list of 'proxies'"),
        (b'"secret"', "json", "has no list"),
        (b'["h:1", "secret', "json", "is no JSON: Unterminated string starting at: line 1 column"),
        (b'["h:1"', "json", "is no JSON: Expecting value"),
        (b"", "json", "is no JSON: Expecting value"),
        (b"[" + b"9" * 5000 + b"]", "json", "has a number in it that cannot be read"),
        (b"[" * 100_000, "json", "has JSON in it that is nested too deeply"),
        (b'["\xff"]', "json", "is no text in UTF-8"),
        (GZIPPED[:-9], "text", "is no complete gzip file"),
        (b"\x1f\x8bsecret", "text", "is no complete gzip file"),
        (GZIPPED[:10] + b"secret" * 9, "text", "is no complete gzip file"),
    ],
)
def test_what_can_be_read_no_further_is_an_error_of_the_source(
    content: bytes, list_format: str, message: str
) -> None:
    with pytest.raises(SourceError) as caught:
        entries_of(content, list_format)

    assert str(caught.value).startswith(message)
    assert "secret" not in str(caught.value)


def test_a_list_may_be_in_an_object() -> None:
    assert entries_of('{"count": 1, "proxies": ["h:1"]}', "json") == [("[0]", "h:1")]


@pytest.mark.parametrize(
    ("name", "content_type", "list_format"),
    [
        ("proxies.txt", "", "text"),
        ("Proxies.CSV", "", "csv"),
        ("proxies.json.gz", "", "json"),
        ("proxies.jsonl", "text/plain", "jsonl"),
        ("a.jl", "", "jsonl"),
        ("a.ndjson", "", "jsonl"),
        ("/api/list", "application/json; charset=utf-8", "json"),
        ("/api/list", "text/csv", "csv"),
        ("/api/list", "application/x-ndjson", "jsonl"),
        ("/api/list", "text/html", "text"),
        ("/api/list", "", "text"),
    ],
)
def test_the_format_is_told_by_the_name_or_the_type(
    name: str, content_type: str, list_format: str
) -> None:
    assert format_of(name, content_type) == list_format


@given(st.binary() | st.text().map(str.encode), st.sampled_from(FORMATS))
def test_no_content_raises_anything_but_the_errors_that_are_for_it(
    content: bytes, list_format: str
) -> None:
    try:
        for _, entry in read_entries(content, list_format):
            if not isinstance(entry, InvalidProxyError):
                read_entry(entry)
    except (SourceError, ValueError):
        pass


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["url", "host", "x"]), inner),
)


@given(st.lists(JSON))
def test_a_list_of_json_is_read_as_json_reads_it(values: list[Any]) -> None:
    for text in (json.dumps(values), json.dumps(values, indent=1)):
        read = [entry for _, entry in entries_of(text, "json")]
        assert json.dumps(read) == json.dumps(values)


FIELD_VALUES = JSON | st.sampled_from(["h:1", "h", 80, "DE", "2030-01-01", "{session}", "u:p@h:1"])


@given(
    st.dictionaries(
        st.sampled_from(
            ["url", "scheme", "host", "port", "username", "password", "label", "country", "tags",
             "tier", "cost", "cost_per_gb", "weight", "expires", "sessions"]
        ),
        FIELD_VALUES,
    )
)  # fmt: skip
def test_no_fields_raise_anything_but_a_value_error(fields: dict[str, Any]) -> None:
    try:
        entry = read_entry(fields)
    except ValueError:
        return
    assert read_entry(entry) is entry  # a proxy, or a gateway
